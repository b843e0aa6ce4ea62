"""Worked cases: a file of situations with the decision each must get, run against the real decider.

The file is TOML: `as_of`, fixture facts (they replace the real facts of the same jurisdiction and key while the file
runs; blocs stay the real ones), policies by name, landmarks and sites (the real ones where the file has none), and
cases of the form policy + ask -> expect + reasons. Reasons compare as sets. Country "??" means not known.

The law is read as of `as_of`; what was known is what this bundle knows, even when `as_of` lies before its issue.
A file that cannot be run raises `CaseFileErrors` with every problem; a wrong decision is no problem of the file but
a mismatch in the result.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, cast

from jurisdiction.atlas import STATUSES, Atlas, Fact, State
from jurisdiction.bundle import decode, entries, named
from jurisdiction.decisions import decide, survey_of
from jurisdiction.fields import Fields
from jurisdiction.places import Point, Survey
from jurisdiction.policy import Policy, read_fields
from jurisdiction.problems import Problem, ProblemsError
from jurisdiction.questions import (
    CHANNELS,
    GEO_VERDICTS,
    KINDS,
    MODES,
    WANTS,
    Decision,
    Egress,
    LawChange,
    Legal,
    Moment,
    Operator,
    Place,
    Question,
    RoundTrip,
    Verdict,
)
from jurisdiction.readers import CONFIDENCES, STATES, point

TABLES: Final = frozenset({"as_of", "landmark", "site", "fact", "policy", "case"})
MAX_AGE_DAYS: Final = 36_500.0  # of evidence; a hundred years is a mistake
MAX_RTT_MS: Final = 600_000.0  # ten minutes; no reply takes longer


class CaseFileErrors(ProblemsError):
    """The file of cases cannot be run; `problems` lists everything that is wrong with it."""


@dataclass(frozen=True, slots=True)
class Case:
    id: str
    policy: str
    ask: Question
    expect: Verdict
    reasons: frozenset[str]


@dataclass(frozen=True, slots=True)
class CaseFile:
    at: Moment
    atlas: Atlas
    survey: Survey
    policies: Mapping[str, Policy]
    cases: tuple[Case, ...]


def check_cases(content: bytes, atlas: Atlas, file: str = "cases.toml") -> dict[str, object]:
    """Runs a file: {"cases": n, "mismatches": [{"id", "got", "want"}]}. Raises `CaseFileErrors`."""
    parsed = read_cases(content, atlas, file)
    mismatches = []
    for case in parsed.cases:
        got = decide(case.ask, parsed.policies[case.policy], parsed.atlas, parsed.survey, parsed.at)
        if got.verdict is not case.expect or frozenset(got.because) != case.reasons:
            want = {"verdict": case.expect.value, "reasons": sorted(case.reasons)}
            mismatches.append({"id": case.id, "got": _shown(got), "want": want})
    return {"cases": len(parsed.cases), "mismatches": mismatches}


def _shown(decision: Decision) -> dict[str, object]:
    return {"verdict": decision.verdict.value, "reasons": sorted(decision.because)}


def read_cases(content: bytes, atlas: Atlas, file: str = "cases.toml") -> CaseFile:
    """Raises `CaseFileErrors` with every problem of the file."""
    problems: list[Problem] = []
    tables = decode(file, content, problems)
    if problems:
        raise CaseFileErrors(problems)
    head = Fields(tables, file, "", problems)
    as_of = head.day("as_of")
    for stray in sorted(set(tables) - TABLES):
        head.problem(f"{stray} is not known in a file of cases", f"Known are: {', '.join(sorted(TABLES))}")
    facts = [_fact(entry, atlas, number) for number, entry in enumerate(_list(tables, "fact", file, problems), 1)]
    _refuse_twins(facts, head)
    survey = _survey(tables, atlas, file, problems)
    policies = {}
    for title, table in named(tables, file, "policy", problems).items():
        policies[title] = read_fields(Fields(table, file, f"policy.{title}", problems), atlas)
    cases = [_case(entry, atlas, policies, survey) for entry in _list(tables, "case", file, problems)]
    ids = [case.id for case in cases]
    for twice in sorted({case_id for case_id in ids if case_id and ids.count(case_id) > 1}):
        head.problem(f"the case id {twice!r} is used twice", "Give each case an id of its own")
    if not cases and not problems:
        head.problem("there is no [[case]] in it", "Add at least one case")
    if problems:
        raise CaseFileErrors(problems)
    known = max(as_of, atlas.issued)
    return CaseFile(Moment((as_of,), known), atlas.replacing(facts), survey, policies, tuple(cases))


def _list(tables: Mapping[str, object], item: str, file: str, problems: list[Problem]) -> list[Fields]:
    return entries({item: tables.get(item, [])}, file, item, problems)


def _fact(entry: Fields, atlas: Atlas, number: int) -> Fact:
    """A fixture needs only jurisdiction, key, value and confidence; it is known from the beginning of time."""
    jurisdiction = entry.country("jurisdiction", atlas.countries)
    key = entry.text("key")
    value = entry.text("value")
    state = entry.choice("state", STATES) if entry.has("state") else value
    if state not in STATES:
        entry.problem(f"value is {value!r}", f"Add state with one of: {', '.join(STATES)}")
    found = Fact(
        id=entry.text("id", f"fixture.{number}.{jurisdiction}.{key}"),
        jurisdiction=jurisdiction,
        key=key,
        value=value,
        state=cast("State", state),
        status=entry.choice("status", STATUSES, "in_force"),
        legal_ref=entry.text("legal_ref", ""),
        confidence=entry.choice("confidence", CONFIDENCES, "unverified"),
        sources=entry.texts("sources", required=False),
        checked_on=entry.optional_day("checked_on") or date.min,
        next_review=entry.optional_day("next_review") or date.max,
        in_force_from=entry.optional_day("in_force_from"),
        in_force_until=entry.optional_day("in_force_until"),
        as_of=entry.optional_day("as_of"),
        date_seen=entry.optional_flag("date_seen"),
        note=entry.text("note", ""),
        known_from=date.min,
    )
    entry.done()
    return found


def _refuse_twins(facts: list[Fact], head: Fields) -> None:
    seen: list[Fact] = []
    for fact in facts:
        for other in seen:
            same = (fact.jurisdiction, fact.key) == (other.jurisdiction, other.key)
            if same and fact.first_day <= other.last_day and other.first_day <= fact.last_day:
                what = f"two fixtures give {fact.jurisdiction} a {fact.key} on the same day"
                head.problem(what, "Keep one, or separate them with in_force_from and in_force_until")
        seen.append(fact)


def _survey(tables: Mapping[str, object], atlas: Atlas, file: str, problems: list[Problem]) -> Survey:
    """The file's own tables; where it has none, the real ones."""
    real = survey_of(atlas)
    found: dict[str, dict[str, Point]] = {"landmark": {}, "site": {}}
    for kind, points in found.items():
        for name, table in named(tables, file, kind, problems).items():
            entry = Fields(table, file, f"{kind}.{name}", problems)
            points[name] = point(entry)
            entry.done()
    strays = sorted(set(found["site"]) - set(atlas.countries))
    problems += [
        Problem(file, f"site.{code}", "is not a country", 'Name a site by its country: "IS"') for code in strays
    ]
    return Survey(found["landmark"] or real.landmarks, found["site"] or real.sites)


def _case(entry: Fields, atlas: Atlas, policies: Mapping[str, Policy], survey: Survey) -> Case:
    case_id = entry.text("id")
    policy = entry.choice("policy", policies) if policies else entry.text("policy")
    expect = entry.choice("expect", [verdict.value for verdict in Verdict])
    reasons = frozenset(entry.texts("reasons", required=False, repeats=True))
    ask = Fields(entry.raw("ask"), entry.file, entry.name, entry.problems)
    kind = ask.choice("type", ASKS)
    question = ASKS[kind](ask, atlas, survey) if kind in ASKS else Place("primary", "??", ())
    if kind in ASKS:
        ask.done()
    entry.done()
    verdict = Verdict(expect) if expect in set(Verdict) else Verdict.NONE
    return Case(case_id, policy, question, verdict, reasons)


def _place(ask: Fields, atlas: Atlas, survey: Survey) -> Place:
    has_age = ask.has("evidence_age_days")
    return Place(
        kind=ask.choice("kind", KINDS),
        location=ask.country("location", atlas.countries, or_unknown=True),
        controllers=_countries(ask, "controllers", atlas),
        geo=ask.choice("geo", GEO_VERDICTS, "unknown"),
        encrypted_client_key=ask.flag("encrypted_client_key"),
        cell=ask.text("cell") if ask.has("cell") else None,
        task_cell=ask.text("task_cell") if ask.has("task_cell") else None,
        evidence_age_days=ask.number("evidence_age_days", minimum=0, maximum=MAX_AGE_DAYS) if has_age else None,
        rtt=_rtt(ask, survey) if ask.has("rtt") else None,
    )


def _rtt(ask: Fields, survey: Survey) -> RoundTrip:
    rtt = Fields(ask.raw("rtt"), ask.file, ask.name, ask.problems)
    found = RoundTrip(rtt.text("landmark"), rtt.number("ms", minimum=0, maximum=MAX_RTT_MS))
    if found.landmark and found.landmark not in survey.landmarks:
        rtt.problem(f"names the unknown landmark {found.landmark!r}", "Add it as [landmark] with lat and lon")
    rtt.done()
    return found


def _countries(ask: Fields, name: str, atlas: Atlas) -> tuple[str, ...]:
    return ask.countries(name, atlas.countries, or_unknown=True, required=False, repeats=True)


def _egress(ask: Fields, atlas: Atlas, _survey: Survey) -> Egress:
    return Egress(
        mx_location=ask.country("mx_location", atlas.countries, or_unknown=True),
        mx_controllers=_countries(ask, "mx_controllers", atlas),
        mode=ask.choice("mode", MODES),
        sender_consent=ask.flag("sender_consent"),
        standing_consent=ask.flag("standing_consent"),
        tenant_allows_consent=ask.flag("tenant_allows_consent"),
    )


def _operator(ask: Fields, atlas: Atlas, _survey: Survey) -> Operator:
    return Operator(
        login_country=ask.country("login_country", atlas.countries, or_unknown=True),
        ticket=ask.flag("ticket"),
        wants=ask.choice("wants", WANTS, "metadata"),
    )


def _legal(ask: Fields, atlas: Atlas, _survey: Survey) -> Legal:
    return Legal(
        from_country=ask.country("from", atlas.countries, or_unknown=True),
        via=ask.choice("via", CHANNELS),
        cell_country=ask.country("cell_country", atlas.countries, or_unknown=True),
        controllers=_countries(ask, "controllers", atlas),
        offers_in_eu=ask.flag("offers_in_eu"),
    )


def _law_change(ask: Fields, atlas: Atlas, _survey: Survey) -> LawChange:
    return LawChange(
        country=ask.country("country", atlas.countries, or_unknown=True),
        fact=ask.text("fact"),
        in_force=ask.day("in_force"),
        candidates=_countries(ask, "candidates", atlas),
    )


ASKS: Final[dict[str, Callable[[Fields, Atlas, Survey], Question]]] = {
    "place": _place,
    "egress": _egress,
    "operator": _operator,
    "legal": _legal,
    "law_change": _law_change,
}
