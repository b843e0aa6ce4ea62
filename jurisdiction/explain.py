"""A tenant's policy as a lawyer's note: what it says, what follows from it, by which law, and what is not known.

Every statement comes from a decision or a fact, none is written by hand for one tenant. The note says what is
unverified as loudly as what is known, and that it is no legal advice. What a note is made of and how it is printed
stands in `jurisdiction.note`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from jurisdiction.atlas import Atlas, Event, Fact, FactState
from jurisdiction.decisions import decide, survey_of
from jurisdiction.fields import UNKNOWN
from jurisdiction.homing import Home, excludes, home_question
from jurisdiction.note import Note, Section
from jurisdiction.phrases import Country, Listed, Name, Phrase, Quote, Said, countries, phrase
from jurisdiction.policy import Policy, warnings
from jurisdiction.presets import PRESETS, UNWANTED
from jurisdiction.questions import Decision, Egress, Legal, Operator, Place, Question, Verdict
from jurisdiction.sentences import law, sentences

EGRESS_RULES: Final = {
    "refuse": "Readable mail for a server in the {blocs}, or owned from there, is returned to its sender with the "
    "reason.",
    "hold": "Readable mail for a server in the {blocs}, or owned from there, waits until its sender decides.",
    "link": "Readable mail for a server in the {blocs}, or owned from there, stays in the cell, and its reader gets a "
    "link to a page of the cell, where words from the sender open it.",
}
# How a law is said to hold in a country, by its state.
LAWS: Final = {"yes": "{law}", "no": "It is not so that {law}", "unknown": "It is not known whether {law}"}
STATUSES: Final = {
    "proposed": "This is proposed and not in force.",
    "adopted": "This is adopted and not yet in force.",
    "scheduled": "This is scheduled and not yet in force.",
    "suspended": "This is suspended.",
    "struck_down": "This was struck down by a court.",
    "repealed": "This was repealed.",
    "withdrawn": "This was withdrawn.",
}
STAGES: Final = {
    "consultation": "It is in consultation.",
    "cabinet": "It is before the government.",
    "committee": "It is in committee.",
    "adopted": "It is adopted.",
    "published": "It is published.",
    "in_force": "It is in force.",
    "expiry": "It runs out.",
    "watch": "It is only watched for.",
}


@dataclass(frozen=True, slots=True)
class _Writer:
    """What every section needs at hand."""

    policy: Policy
    atlas: Atlas
    home: Home
    today: date

    def decide(self, question: Question) -> Decision:
        return decide(question, self.policy, self.atlas, survey_of(self.atlas), self.today)

    def blocs(self, ids: Iterable[str]) -> Listed:
        return Listed(tuple(Name(self.atlas.blocs[bloc].name) for bloc in ids))

    def bloc_sources(self, ids: Iterable[str]) -> list[str]:
        return [source for bloc in ids for source in self.atlas.blocs[bloc].sources]

    def law(self, key: str) -> Name:
        return Name(law(self.atlas, key))

    def say_decision(self, section: Section, opening: Phrase, decision: Decision) -> None:
        facts = [self.atlas.fact(name) for name in decision.facts]
        sources = [source for fact in facts for source in fact.sources]
        blocs = [part for code in decision.because for part in code.split(":")[1:] if part in self.atlas.blocs]
        cited = [*sources, *self.bloc_sources(blocs)]
        section.say(opening, *sentences(decision, self.atlas), sources=cited, facts=decision.facts)


def explain(policy: Policy, atlas: Atlas, home: Home, today: date) -> Note:
    """The whole note for a tenant whose mail lives, or is to live, in this cell."""
    writer = _Writer(policy, atlas, home, today)
    form = "Policy version {version} in the cell {cell}, as of {today}"
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
    title = phrase(form, version=policy.version, cell=home.cell, today=today)
    return Note(title, tuple(section for section in sections if section.paragraphs))


def _in_short(writer: _Writer) -> Section:
    section = Section(phrase("In short"))
    policy, atlas, home = writer.policy, writer.atlas, writer.home
    if policy.preset in PRESETS:
        preset = PRESETS[policy.preset]
        section.say(phrase("The policy is the preset “{name}”.", name=phrase(preset.name)), phrase(preset.sentence))
    exclusion = excludes(policy, home, atlas, writer.today)
    if exclusion is None:
        form = "Mail may lie in the cell {cell} in {country}."
        section.say(phrase(form, cell=home.cell, country=Country(home.country)))
    else:
        section.say(*exclusion.said)
    section.say(_power(writer))
    questions = _open_questions(writer)
    if questions:
        form = "Questions for counsel, which no source settles: {count}. They are listed below."
        section.say(phrase(form, count=len(questions)))
    for warning in warnings(policy, atlas, writer.today):
        section.say(warning)
    return section


def _power(writer: _Writer) -> Phrase:
    """Who has power over the machines, as the operator declares it."""
    home = writer.home
    known = [code for code in home.controllers if code != UNKNOWN]
    if not known or len(known) < len(home.controllers):
        form = "The machines stand in {country} by the operator's declaration; who has power over them is not known."
        return phrase(form, country=Country(home.country))
    form = "By the operator's declaration the machines stand in {country}, and power over them lies in {owners} alone."
    return phrase(form, country=Country(home.country), owners=countries(known))


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
    section = Section(phrase("What the policy says"))
    policy = writer.policy
    for codes, some, none in (
        (policy.allow, "Mail may lie in {countries}.", "Mail may lie in no country at all."),
        (policy.backup_allow, "Backups may lie in {countries}.", "Backups may lie in no country at all."),
        (policy.operator_allow, "Operators may sign in from {countries}.", "Operators may sign in from nowhere."),
    ):
        section.say(phrase(some, countries=countries(codes)) if codes else phrase(none))
    for blocs, form in (
        (policy.deny_blocs, "No country of the {blocs} is allowed."),
        (
            policy.deny_controller_blocs,
            "No machine may be controlled by anybody from the {blocs}, wherever it stands.",
        ),
    ):
        if blocs:
            section.say(phrase(form, blocs=writer.blocs(blocs)), sources=writer.bloc_sources(blocs))
    for key in policy.deny_facts:
        section.say(phrase("No country is allowed where the law is that {law}.", law=writer.law(key)))
    left_out = [key for key in UNWANTED if key not in policy.deny_facts]
    if policy.preset and left_out:
        laws = [phrase("The preset does not exclude countries where {law}.", law=writer.law(key)) for key in left_out]
        why = "A preset excludes by a law only what is verified in every country it allows, and not so in one of them."
        section.say(*laws, phrase(why))
    _keeping(section, policy)
    return section


def _keeping(section: Section, policy: Policy) -> None:
    """How mail is read, and for how long it is kept."""
    if policy.access == ("sealed",):
        section.say(phrase("Mail is opened on its owner's own machine only, with the owner's keys."))
    else:
        section.say(
            phrase(
                "Mail is opened on its owner's own machine with the owner's keys, or in the server's memory while an "
                "ordinary mail program is signed in with a password for sessions."
            )
        )
    if policy.retention_days:
        section.say(phrase("The policy wants mail kept for {days} days.", days=policy.retention_days))
    else:
        section.say(phrase("Mail is kept until its owner deletes it."))


def _places(writer: _Writer) -> Section:
    section = Section(phrase("Where mail may lie today"))
    home, policy = writer.home, writer.policy
    writer.say_decision(section, phrase("Mail in the cell {cell}:", cell=home.cell), writer.decide(home_question(home)))
    others = [country for country in policy.allow if country != home.country]
    places = [Place("primary", code, (code,), geo="agree") for code in others]
    _by_decision(writer, section, "Mail in {countries}, on machines that only people from there control:", places)
    backups = [Place("backup", code, (code,), geo="agree", encrypted_client_key=True) for code in policy.backup_allow]
    _by_decision(writer, section, "A backup in {countries}, encrypted to the tenant's own key:", backups)
    _reach(writer, section, "US")
    us_owned = Place("primary", home.country, tuple(dict.fromkeys((*home.controllers, "US"))), geo="agree")
    form = "In {country} on a machine of a company owned from {owner}:"
    opening = phrase(form, country=Country(home.country), owner=Country("US"))
    writer.say_decision(section, opening, writer.decide(us_owned))
    return section


def _reach(writer: _Writer, section: Section, country: str) -> None:
    """Why owners matter beside places: a law that follows whoever holds the data."""
    key = "extraterritorial_production"
    found = writer.atlas.state(country, key, writer.today, writer.today)
    if found.settled and found.state == "yes":
        facts = [writer.atlas.fact(name) for name in found.fact_ids]
        form = "Owners count as much as places: in {country} {law}"
        refs = Quote(f"({'; '.join(fact.legal_ref for fact in facts)}).")
        said = phrase(form, country=Country(country), law=writer.law(key))
        section.say(said, refs, sources=[one for fact in facts for one in fact.sources], facts=found.fact_ids)


def _by_decision(writer: _Writer, section: Section, form: str, places: list[Place]) -> None:
    """One paragraph for all places that are decided alike."""
    alike: dict[tuple[Verdict, tuple[str, ...]], list[tuple[Place, Decision]]] = {}
    for place in places:
        decision = writer.decide(place)
        alike.setdefault((decision.verdict, decision.because), []).append((place, decision))
    for (verdict, because), group in alike.items():
        opening = phrase(form, countries=countries([place.location for place, _decision in group]))
        facts = tuple(name for _place, decision in group for name in decision.facts)
        writer.say_decision(section, opening, Decision(verdict, because, facts))


def _sending(writer: _Writer) -> Section:
    section = Section(phrase("Sending mail"))
    policy = writer.policy
    denied = policy.egress_plain_deny_blocs
    if denied:
        rule = phrase(EGRESS_RULES[policy.egress_rule], blocs=writer.blocs(denied))
        section.say(rule, sources=writer.bloc_sources(denied))
        if policy.consent:
            section.say(phrase("A sender may have it delivered all the same; that consent is recorded."))
        else:
            section.say(phrase("A sender may not have it delivered all the same."))
        section.say(
            phrase("A sender may have any readable message stay in the cell, for its reader to open there by a link.")
        )
    us, germany = Country("US"), Country("DE")
    examples = (
        (phrase("A sealed message to a server in {country}:", country=us), Egress("US", ("US",), "e2e")),
        (phrase("A readable message to a server in {country}, over TLS:", country=us), Egress("US", ("US",), "tls")),
        (
            phrase("A readable message to a server in {country} owned from there, over TLS:", country=germany),
            Egress("DE", ("DE",), "tls"),
        ),
        (phrase("A readable message to a server whose country nobody knows:"), Egress("??", ("??",), "tls")),
        (phrase("A message to a server without TLS:"), Egress("DE", ("DE",), "plain")),
    )
    for opening, question in examples:
        writer.say_decision(section, opening, writer.decide(question))
    return section


def _people(writer: _Writer) -> Section:
    section = Section(phrase("Operators and authorities"))
    home = writer.home
    here, us, denmark = Country(home.country), Country("US"), Country("DK")
    session = Operator(home.country, ticket=True, wants="metadata")
    opening = phrase("An operator in {country} who states a reason:", country=here)
    writer.say_decision(section, opening, writer.decide(session))
    serves = "A French e-Evidence order, if the provider offers services in the European Union:"
    orders = (
        (
            phrase("A court of {country}:", country=here),
            Legal(home.country, "court", home.country, home.controllers, True),
        ),
        (phrase("A court of {country}:", country=us), Legal("US", "court", home.country, home.controllers, True)),
        (phrase(serves), Legal("FR", "epoc", home.country, home.controllers, True)),
        (
            phrase("The same order from {country}:", country=denmark),
            Legal("DK", "epoc", home.country, home.controllers, True),
        ),
    )
    for opening, question in orders:
        writer.say_decision(section, opening, writer.decide(question))
    return section


def _law(writer: _Writer, country: str) -> Section:
    """What is settled first, and of that what a tenant would least like."""
    section = Section(phrase("The law in {country}", country=Country(country)))

    def weight(fact: Fact) -> tuple[bool, bool, bool, str]:
        asked = fact.key in writer.policy.deny_facts or fact.key in UNWANTED
        return not fact.settled(writer.today), not asked, fact.state != "yes", fact.id

    for fact in sorted(writer.atlas.facts_about(country), key=weight):
        section.say(*_of_fact(fact, writer), sources=fact.sources, facts=(fact.id,))
    return section


def detail_of(fact: Fact, atlas: Atlas) -> str:
    """What a fact says beyond yes, no or unknown, "" for nothing: in English, as a name to be looked up."""
    if fact.value in atlas.blocs:
        return atlas.blocs[fact.value].name
    return "" if fact.value in ("yes", "no", "unknown") else fact.value


def _of_fact(fact: Fact, writer: _Writer) -> list[Said]:
    said: list[Said] = [phrase(LAWS[fact.state], law=writer.law(fact.key))]
    if detail := detail_of(fact, writer.atlas):
        said += [phrase("({value};", value=Name(detail)), Quote(f"{fact.legal_ref}).")]
    else:
        said.append(Quote(f"({fact.legal_ref})."))
    if fact.status != "in_force":
        said.append(phrase(STATUSES[fact.status]))
    elif fact.in_force_from:
        checked = (
            "This has been so since {day}."
            if fact.date_seen
            else "This has been so since {day}, a date nobody has checked."
        )
        said.append(phrase(checked, day=fact.in_force_from))
    elif fact.as_of:
        said.append(phrase("As described on {day}.", day=fact.as_of))
    if not fact.settled(writer.today):
        overdue = fact.confidence == "verified"
        said.append(phrase("UNVERIFIED: its review is overdue." if overdue else "UNVERIFIED: no source settles it."))
    if fact.note:
        said.append(phrase("Note on this: {note}.", note=Name(fact.note)))
    return said


def _unknown(writer: _Writer) -> Section:
    section = Section(phrase("What is not known, and counsel should answer"))
    policy = writer.policy
    by_question: dict[tuple[str, str], list[tuple[str, FactState]]] = {}
    for country, key, state in _open_questions(writer):
        effect = (
            "The policy asks for certainty, so nothing is allowed there until a source settles it."
            if key in policy.deny_facts
            else "The policy does not depend on it."
        )
        by_question.setdefault((key, effect), []).append((country, state))
    for (key, effect), found in by_question.items():
        where = countries([country for country, _state in found])
        facts = [name for _country, state in found for name in state.fact_ids]
        sources = [source for name in facts for source in writer.atlas.fact(name).sources]
        asked = phrase("Whether in {countries} {law}.", countries=where, law=writer.law(key))
        section.say(asked, phrase(effect), sources=sources, facts=facts)
    return section


def _coming(writer: _Writer) -> Section:
    section = Section(phrase("Laws on their way"))
    wanted = {writer.home.country, *writer.policy.allow, *writer.policy.backup_allow}
    for event in writer.atlas.events:
        members = set(writer.atlas.members(event.bloc, writer.today)) if event.bloc else {event.country}
        past = event.expected_from is not None and event.expected_from <= writer.today
        if members & wanted and not past:
            section.say(*_of_event(event, writer), sources=event.sources)
    return section


def _of_event(event: Event, writer: _Writer) -> list[Said]:
    where = Name(writer.atlas.blocs[event.bloc].name) if event.bloc else Country(event.country)
    excluded = event.key in writer.policy.deny_facts
    title = phrase("On its way in {place}: {title}.", place=where, title=Name(event.title))
    said: list[Said] = [title, phrase(STAGES[event.stage])]
    if event.expected_from:
        said.append(phrase("It is expected on {day}.", day=event.expected_from))
    else:
        said.append(phrase("It has no date."))
    said.append(phrase("This policy excludes it." if excluded else "This policy does not exclude it."))
    if event.confidence != "verified":
        said.append(phrase("UNVERIFIED: no source settles it."))
    return said


def _limits(writer: _Writer) -> Section:
    section = Section(phrase("Limits of this note"))
    atlas, policy = writer.atlas, writer.policy
    rests = (
        "It rests on facts bundle {serial} of {issued} (SHA-256 {bundle}…) and on the policy with the digest "
        "{policy}…. The same two give the same note on the same day."
    )
    digests = {"bundle": atlas.digest[:16], "policy": policy.digest()[:16]}
    section.say(phrase(rests, serial=atlas.serial, issued=atlas.issued, **digests))
    section.say(phrase("It is made from dated facts and is not legal advice; ask counsel before you rely on it."))
    section.say(phrase("Correspondents keep their own copies under their own law."))
    section.say(phrase("No evidence shows that a dishonest host keeps no second copy elsewhere."))
    section.say(
        phrase(
            "Where the machines stand and who owns them is declared by their operator; measurements can contradict "
            "that, and seldom prove it."
        )
    )
    section.say(
        phrase("Lists of countries that share intelligence rest on press reports where they are not acknowledged.")
    )
    return section
