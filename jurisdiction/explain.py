"""A tenant's policy as a lawyer's note: what it says, what follows from it, by which law, and what is not known.

`explain` makes a structured note of sections and sentences, each with the sources it rests on; `render` prints it
with numbered sources. Every statement comes from a decision or a fact, none is written by hand for one tenant. The
note says what is unverified as loudly as what is known, and that it is no legal advice.
"""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from jurisdiction.atlas import Atlas, Event, Fact, FactState
from jurisdiction.decisions import decide, survey_of
from jurisdiction.fields import UNKNOWN
from jurisdiction.homing import Home, excludes, home_question
from jurisdiction.policy import Policy, warnings
from jurisdiction.presets import PRESETS, UNWANTED
from jurisdiction.questions import Decision, Egress, Legal, Operator, Place, Question, Verdict
from jurisdiction.sentences import decision_sentences, in_words, law

WIDTH: Final = 100
EGRESS_RULES: Final = {
    "refuse": "is returned to its sender with the reason",
    "hold": "waits until its sender decides",
    "link": "stays in the cell, and its reader gets a link to a page of the cell, where words from the sender open it",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """`sources` are ids of sources, `facts` ids of the facts behind the sentence."""

    text: str
    sources: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(slots=True)
class Section:
    title: str
    sentences: list[Sentence] = field(default_factory=list)

    def say(self, text: str, sources: Iterable[str] = (), facts: Iterable[str] = ()) -> None:
        self.sentences.append(Sentence(text, tuple(dict.fromkeys(sources)), tuple(facts)))


@dataclass(frozen=True, slots=True)
class Note:
    title: str
    sections: tuple[Section, ...]

    def sources(self) -> tuple[str, ...]:
        """Ids of the sources cited, in the order of their first mention."""
        cited = (source for section in self.sections for said in section.sentences for source in said.sources)
        return tuple(dict.fromkeys(cited))


@dataclass(frozen=True, slots=True)
class _Writer:
    """What every section needs at hand."""

    policy: Policy
    atlas: Atlas
    home: Home
    today: date

    def decide(self, question: Question) -> Decision:
        return decide(question, self.policy, self.atlas, survey_of(self.atlas), self.today)

    def countries(self, codes: Iterable[str]) -> str:
        return listed([in_words(self.atlas, code) for code in codes])

    def blocs(self, ids: Iterable[str]) -> str:
        return listed([self.atlas.blocs[bloc].name for bloc in ids])

    def bloc_sources(self, ids: Iterable[str]) -> list[str]:
        return [source for bloc in ids for source in self.atlas.blocs[bloc].sources]

    def say_decision(self, section: Section, opening: str, decision: Decision) -> None:
        facts = [self.atlas.fact(name) for name in decision.facts]
        sources = [source for fact in facts for source in fact.sources]
        blocs = [part for code in decision.because for part in code.split(":")[1:] if part in self.atlas.blocs]
        text = " ".join([opening, *decision_sentences(decision, self.atlas)])
        section.say(text, [*sources, *self.bloc_sources(blocs)], decision.facts)


def explain(policy: Policy, atlas: Atlas, home: Home, today: date) -> Note:
    """The whole note for a tenant whose mail lives, or is to live, in this cell."""
    writer = _Writer(policy, atlas, home, today)
    title = f"Policy version {policy.version} in the cell {home.cell}, as of {today.isoformat()}"
    sections = (
        _in_short(writer),
        _wishes(writer),
        _places(writer),
        _sending(writer),
        _people(writer),
        _law(writer, home.country),
        _unknown(writer),
        _coming(writer),
        _limits(writer),
    )
    return Note(title, tuple(section for section in sections if section.sentences))


def _in_short(writer: _Writer) -> Section:
    section = Section("In short")
    policy, atlas = writer.policy, writer.atlas
    if policy.preset in PRESETS:
        preset = PRESETS[policy.preset]
        section.say(f"The policy is the preset “{preset.name}”. {preset.sentence}")
    exclusion = excludes(policy, writer.home, atlas, writer.today)
    if exclusion is None:
        section.say(f"Mail may lie in the cell {writer.home.cell} in {in_words(atlas, writer.home.country)}.")
    else:
        section.say(exclusion.sentence)
    section.say(_power(writer))
    questions = _open_questions(writer)
    if questions:
        section.say(f"Counsel should look at {len(questions)} questions that no source settles; they are listed below.")
    for warning in warnings(policy, atlas, writer.today):
        section.say(warning)
    return section


def _power(writer: _Writer) -> str:
    """Who has power over the machines, as the operator declares it."""
    known = [code for code in writer.home.controllers if code != UNKNOWN]
    where = in_words(writer.atlas, writer.home.country)
    if not known or len(known) < len(writer.home.controllers):
        return f"The machines stand in {where} by the operator's declaration; who has power over them is not known."
    people = writer.countries(known)
    return f"By the operator's declaration the machines stand in {where}, and power over them lies in {people} alone."


def _open_questions(writer: _Writer) -> list[tuple[str, str, FactState]]:
    """Country, law and state, where the policy's own laws or the unwanted ones are not settled."""
    policy, today = writer.policy, writer.today
    asked = [
        (country, key, writer.atlas.state(country, key, today, today))
        for country in dict.fromkeys((writer.home.country, *policy.allow))
        for key in dict.fromkeys((*policy.deny_facts, *UNWANTED))
    ]
    return [one for one in asked if not one[2].settled]


def _wishes(writer: _Writer) -> Section:
    section = Section("What the policy says")
    policy = writer.policy
    section.say(f"Mail may lie in {writer.countries(policy.allow) or 'no country at all'}.")
    section.say(f"Backups may lie in {writer.countries(policy.backup_allow) or 'no country at all'}.")
    section.say(f"Operators may sign in from {writer.countries(policy.operator_allow) or 'nowhere'}.")
    if policy.deny_blocs:
        names = writer.blocs(policy.deny_blocs)
        section.say(f"No country of the {names} is allowed.", writer.bloc_sources(policy.deny_blocs))
    if policy.deny_controller_blocs:
        names = writer.blocs(policy.deny_controller_blocs)
        text = f"No machine may be controlled by anybody from the {names}, wherever it stands."
        section.say(text, writer.bloc_sources(policy.deny_controller_blocs))
    for key in policy.deny_facts:
        section.say(f"No country is allowed where the law is that {law(writer.atlas, key)}.")
    left_out = [law(writer.atlas, key) for key in UNWANTED if key not in policy.deny_facts]
    if policy.preset and left_out:
        section.say(
            f"The preset does not exclude countries where {'; or where '.join(left_out)}: it asks only for what is "
            "verified in every country it allows, and does not hold in all of them."
        )
    access = "a bridge only" if policy.access == ("sealed",) else "a bridge, or a session that opens mail on the server"
    section.say(f"Mailboxes are read with {access}.")
    days = policy.retention_days
    section.say(f"Mail is kept for {days} days." if days else "Mail is kept until its owner deletes it.")
    return section


def _places(writer: _Writer) -> Section:
    section = Section("Where mail may lie today")
    home, policy = writer.home, writer.policy
    writer.say_decision(section, f"In {home.cell}:", writer.decide(home_question(home)))
    others = [country for country in policy.allow if country != home.country]
    _by_decision(writer, section, "In", ":", [Place("primary", code, (code,), geo="agree") for code in others])
    backups = [Place("backup", code, (code,), geo="agree", encrypted_client_key=True) for code in policy.backup_allow]
    _by_decision(writer, section, "A backup in", ", encrypted to the tenant's own key:", backups)
    _reach(writer, section, "US")
    us_owned = Place("primary", home.country, tuple(dict.fromkeys((*home.controllers, "US"))), geo="agree")
    country = in_words(writer.atlas, home.country)
    opening = f"In {country} on a machine of a company owned from the United States:"
    writer.say_decision(section, opening, writer.decide(us_owned))
    return section


def _reach(writer: _Writer, section: Section, country: str) -> None:
    """Why owners matter beside places: a law that follows whoever holds the data."""
    key = "extraterritorial_production"
    found = writer.atlas.state(country, key, writer.today, writer.today)
    if found.settled and found.state == "yes":
        facts = [writer.atlas.fact(name) for name in found.fact_ids]
        text = f"Owners count as much as places: in {in_words(writer.atlas, country)} {law(writer.atlas, key)}"
        refs = "; ".join(fact.legal_ref for fact in facts)
        section.say(f"{text} ({refs}).", [one for fact in facts for one in fact.sources], found.fact_ids)


def _by_decision(writer: _Writer, section: Section, before: str, after: str, places: list[Place]) -> None:
    """One sentence for all places that are decided alike."""
    alike: dict[tuple[Verdict, tuple[str, ...]], list[tuple[Place, Decision]]] = {}
    for place in places:
        decision = writer.decide(place)
        alike.setdefault((decision.verdict, decision.because), []).append((place, decision))
    for (verdict, because), group in alike.items():
        names = writer.countries(place.location for place, _decision in group)
        facts = tuple(name for _place, decision in group for name in decision.facts)
        writer.say_decision(section, f"{before} {names}{after}", Decision(verdict, because, facts))


def _sending(writer: _Writer) -> Section:
    section = Section("Sending")
    policy = writer.policy
    denied = policy.egress_plain_deny_blocs
    if denied:
        what = f"Readable mail for a server in the {writer.blocs(denied)}, or owned from there,"
        section.say(f"{what} {EGRESS_RULES[policy.egress_rule]}.", writer.bloc_sources(denied))
        may = "may" if policy.consent else "may not"
        section.say(f"A sender {may} have it delivered all the same with a recorded consent.")
        section.say("A sender may have any readable message stay in the cell, for its reader to open there by a link.")
    examples = (
        ("A sealed message to a server in the United States:", Egress("US", ("US",), "e2e")),
        ("A readable message to a server in the United States, over TLS:", Egress("US", ("US",), "tls")),
        ("A readable message to a server in Germany owned from Germany, over TLS:", Egress("DE", ("DE",), "tls")),
        ("A readable message to a server whose country nobody knows:", Egress("??", ("??",), "tls")),
        ("A message to a server without TLS:", Egress("DE", ("DE",), "plain")),
    )
    for opening, question in examples:
        writer.say_decision(section, opening, writer.decide(question))
    return section


def _people(writer: _Writer) -> Section:
    section = Section("Operators and authorities")
    home = writer.home
    country = in_words(writer.atlas, home.country)
    session = Operator(home.country, ticket=True, wants="metadata")
    opening = f"An operator in {country} who states a reason:"
    writer.say_decision(section, opening, writer.decide(session))
    orders = (
        (f"A court of {country}:", Legal(home.country, "court", home.country, home.controllers, True)),
        ("A court of the United States:", Legal("US", "court", home.country, home.controllers, True)),
        (
            "A French e-Evidence order, if the provider offers services in the European Union:",
            Legal("FR", "epoc", home.country, home.controllers, True),
        ),
        ("The same order from Denmark:", Legal("DK", "epoc", home.country, home.controllers, True)),
    )
    for opening, question in orders:
        writer.say_decision(section, opening, writer.decide(question))
    return section


def _law(writer: _Writer, country: str) -> Section:
    """What is settled first, and of that what a tenant would least like."""
    section = Section(f"The law in {in_words(writer.atlas, country)}")

    def weight(fact: Fact) -> tuple[bool, bool, bool, str]:
        asked = fact.key in writer.policy.deny_facts or fact.key in UNWANTED
        return not fact.settled(writer.today), not asked, fact.state != "yes", fact.id

    for fact in sorted(writer.atlas.facts_about(country), key=weight):
        section.say(_fact_sentence(fact, writer), fact.sources, (fact.id,))
    return section


def _fact_sentence(fact: Fact, writer: _Writer) -> str:
    sentence = law(writer.atlas, fact.key)
    said = {
        "yes": f"{sentence[0].upper()}{sentence[1:]}",
        "no": f"It is not so that {sentence}",
        "unknown": f"It is not known whether {sentence}",
    }[fact.state]
    value = "" if fact.value in ("yes", "no", "unknown") else f"{fact.value}; "
    parts = [f"{said} ({value}{fact.legal_ref})."]
    if fact.status != "in_force":
        parts.append(f"This is {fact.status.replace('_', ' ')}, not in force.")
    elif fact.in_force_from:
        seen = "" if fact.date_seen else ", a date nobody has checked"
        parts.append(f"In force since {fact.in_force_from.isoformat()}{seen}.")
    elif fact.as_of:
        parts.append(f"As described on {fact.as_of.isoformat()}.")
    if not fact.settled(writer.today):
        why = "its review is overdue" if fact.confidence == "verified" else "no source settles it"
        parts.append(f"UNVERIFIED: {why}.")
    if fact.note:
        parts.append(f"Note: {fact.note}.")
    return " ".join(parts)


def _unknown(writer: _Writer) -> Section:
    section = Section("What is not known, and counsel should answer")
    policy = writer.policy
    by_question: dict[tuple[str, str], list[tuple[str, FactState]]] = {}
    for country, key, state in _open_questions(writer):
        effect = (
            "The policy asks for certainty, so nothing is allowed there until a source settles it."
            if key in policy.deny_facts
            else "The policy does not turn on it."
        )
        by_question.setdefault((key, effect), []).append((country, state))
    for (key, effect), found in by_question.items():
        names = writer.countries(country for country, _state in found)
        facts = [name for _country, state in found for name in state.fact_ids]
        sources = [source for name in facts for source in writer.atlas.fact(name).sources]
        section.say(f"Whether in {names} {law(writer.atlas, key)}. {effect}", sources, facts)
    return section


def _coming(writer: _Writer) -> Section:
    section = Section("Laws on their way")
    wanted = {writer.home.country, *writer.policy.allow, *writer.policy.backup_allow}
    for event in writer.atlas.events:
        members = set(writer.atlas.members(event.bloc, writer.today)) if event.bloc else {event.country}
        past = event.expected_from is not None and event.expected_from <= writer.today
        if members & wanted and not past:
            section.say(_event_sentence(event, writer), event.sources)
    return section


def _event_sentence(event: Event, writer: _Writer) -> str:
    where = writer.atlas.blocs[event.bloc].name if event.bloc else in_words(writer.atlas, event.country)
    when = f"expected on {event.expected_from.isoformat()}" if event.expected_from else "without a date"
    matters = (
        "This policy excludes it." if event.key in writer.policy.deny_facts else "This policy does not exclude it."
    )
    doubt = "" if event.confidence == "verified" else " UNVERIFIED."
    return f"{where}: {event.title} ({event.stage.replace('_', ' ')}, {when}). {matters}{doubt}"


def _limits(writer: _Writer) -> Section:
    section = Section("Limits of this note")
    atlas, policy = writer.atlas, writer.policy
    section.say(
        f"It rests on facts bundle {atlas.serial} of {atlas.issued.isoformat()} (SHA-256 {atlas.digest[:16]}…) and on"
        f" the policy with the digest {policy.digest()[:16]}…. The same two give the same note on the same day."
    )
    section.say("It is made from dated facts and is not legal advice; ask counsel before you rely on it.")
    section.say("Correspondents keep their own copies under their own law.")
    section.say("No evidence shows that a dishonest host keeps no second copy elsewhere.")
    section.say("Lists of countries that share intelligence rest on press reports where they are not acknowledged.")
    return section


def listed(names: list[str]) -> str:
    """Iceland; Iceland and Norway; Iceland, Norway and Finland."""
    if len(names) <= 1:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def render(note: Note, atlas: Atlas, width: int = WIDTH) -> str:
    """The note as text with numbered sources, wrapped."""
    numbers = {source: number for number, source in enumerate(note.sources(), start=1)}
    lines = [note.title, "=" * len(note.title)]
    for section in note.sections:
        lines += ["", section.title, "-" * len(section.title)]
        for said in section.sentences:
            marks = "".join(f"[{numbers[source]}]" for source in said.sources)
            text = f"{said.text} {marks}" if marks else said.text
            lines += textwrap.wrap(text, width, initial_indent="* ", subsequent_indent="  ")
    if numbers:
        lines += ["", "Sources", "-------"]
    for source_id, number in numbers.items():
        source = atlas.sources[source_id]
        lines += textwrap.wrap(
            f"{source.title} ({source.kind})", width, initial_indent=f"[{number}] ", subsequent_indent="    "
        )
        lines.append(f"    {source.url}, read {source.retrieved.isoformat()}")
    return "\n".join(lines) + "\n"
