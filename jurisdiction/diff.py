"""What a new bundle changes, and whether it makes anything easier.

A change that lets a decision deny less than before is *relaxing*. It needs an official source (statute, court,
treaty, official publication) in the record that causes it; press and hearsay may only make things stricter. A fact
that denies is therefore never deleted, it is ended: its end has a source of its own.

The direction is found by asking, not by reading: both bundles are asked for the state on every day on which
either of them changes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from jurisdiction.atlas import ONE_DAY, Atlas, Fact, FactState
from jurisdiction.consistency import fact_file
from jurisdiction.problems import Problem

RELAXING: Final = "relaxing"
TIGHTENING: Final = "tightening"
NEUTRAL: Final = "neutral"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """`subject` is a fact key of a country, a bloc or an entity; `day` the first day with another answer."""

    subject: str
    what: str
    direction: str
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Diff:
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]


def diff(old: Atlas, new: Atlas) -> Diff:
    """Everything that differs, and what stands in the way of accepting it."""
    changes: list[Change] = []
    problems: list[Problem] = []
    for change, record in (*_facts(old, new), *_blocs(old, new), *_entities(old, new)):
        changes.append(change)
        if change.direction == RELAXING and not record.official:
            remedy = "Name a statute, judgment, treaty or official page; end a fact, never delete it"
            what = f"{change.what}: this relaxes decisions without an official source"
            problems.append(Problem(record.file, change.subject, what, remedy))
    changes.extend(_places(old, new))
    if old.digest != new.digest and new.serial <= old.serial:
        remedy = f"Raise serial in bundle.toml above {old.serial}"
        problems.append(Problem("bundle.toml", "", "the facts changed, their serial did not grow", remedy))
    return Diff(tuple(sorted(changes, key=lambda change: (change.subject, change.what))), tuple(sorted(problems)))


@dataclass(frozen=True, slots=True)
class _Record:
    file: str
    official: bool


def _official(atlas: Atlas, sources: Iterable[str]) -> bool:
    return any(atlas.sources[source].official for source in sources if source in atlas.sources)


def _facts(old: Atlas, new: Atlas) -> Iterator[tuple[Change, _Record]]:
    subjects = sorted({(fact.jurisdiction, fact.key) for fact in (*old.facts, *new.facts)})
    for country, key in subjects:
        before = [fact for fact in old.facts_about(country) if fact.key == key]
        after = [fact for fact in new.facts_about(country) if fact.key == key]
        if sorted(map(repr, before)) == sorted(map(repr, after)):
            continue
        touched = [fact for fact in after if fact not in before]
        sources = [source for fact in touched for source in fact.sources]
        file = fact_file((after or before)[0])
        day, direction, what = _compare(old, new, country, key, before + after)
        yield Change(f"{country}.{key}", what, direction, day), _Record(file, _official(new, sources))


def _compare(old: Atlas, new: Atlas, country: str, key: str, facts: Iterable[Fact]) -> tuple[date | None, str, str]:
    """The first day on which the answer is laxer, else stricter, else the wording alone changed."""
    known = max(old.issued, new.issued)
    stricter: tuple[date, str] | None = None
    for day in _turning_points(facts, known):
        before, after = (atlas.state(country, key, day, known) for atlas in (old, new))
        what = f"{_said(before)} becomes {_said(after)}"
        if _rank(after) < _rank(before):
            return day, RELAXING, what
        if _rank(after) > _rank(before) and stricter is None:
            stricter = (day, what)
    if stricter is not None:
        return stricter[0], TIGHTENING, stricter[1]
    return None, NEUTRAL, "the record changed, no decision does"


def _turning_points(facts: Iterable[Fact], today: date) -> list[date]:
    days = {today}
    for fact in facts:
        days.add(fact.first_day)
        if fact.last_day < date.max:
            days.add(fact.last_day)
            days.add(fact.last_day + ONE_DAY)
    return sorted(days)


def _rank(state: FactState) -> int:
    """How much a policy that names the key denies: nothing, hold, deny."""
    if not state.settled:
        return 1
    return 2 if state.state == "yes" else 0


def _said(state: FactState) -> str:
    return state.state if state.settled else "not verified"


def _blocs(old: Atlas, new: Atlas) -> Iterator[tuple[Change, _Record]]:
    for bloc in sorted(set(old.blocs) | set(new.blocs)):
        before = _intervals(old, bloc)
        after = _intervals(new, bloc)
        record = _Record("blocs.toml", bloc in new.blocs and _official(new, new.blocs[bloc].sources))
        for country in sorted({member[0] for member in before ^ after}):
            gone = _days_only_in(country, before, after)
            direction = RELAXING if gone else TIGHTENING
            what = f"{country} is no longer a member on some day" if gone else f"{country} is a member on more days"
            yield Change(bloc, what, direction, gone), record


def _intervals(atlas: Atlas, bloc: str) -> set[tuple[str, date, date]]:
    """Memberships with those of included blocs."""
    if bloc not in atlas.blocs:
        return set()
    own = atlas.blocs[bloc]
    found = {(member.country, member.first_day, member.last_day) for member in own.members}
    for included in own.includes:
        found |= _intervals(atlas, included)
    return found


def _days_only_in(country: str, before: set[tuple[str, date, date]], after: set[tuple[str, date, date]]) -> date | None:
    """The first turning point on which the country was a member before and is not after."""
    mine = [member for member in before | after if member[0] == country]
    days = sorted({day for _name, first, last in mine for day in (first, last)})
    days = sorted({*days, *(day + ONE_DAY for day in days if day < date.max)})
    for day in days:
        was, still = (
            any(name == country and first <= day <= last for name, first, last in members)
            for members in (before, after)
        )
        if was and not still:
            return day
    return None


def _entities(old: Atlas, new: Atlas) -> Iterator[tuple[Change, _Record]]:
    known = max(old.issued, new.issued)
    for entity in sorted(set(old.entities) | set(new.entities)):
        before, after = (set(atlas.controllers(entity, known)) for atlas in (old, new))
        if before == after:
            continue
        lost = before - after
        direction = RELAXING if lost else TIGHTENING
        what = f"controllers {', '.join(sorted(before))} become {', '.join(sorted(after))}"
        chain = new.entities.get(entity)
        official = chain is not None and _official(new, chain.sources)
        yield Change(entity, what, direction), _Record("entities.toml", official)


def _places(old: Atlas, new: Atlas) -> Iterator[Change]:
    for name, before, after in (
        ("sites", old.sites, new.sites),
        ("landmarks", old.landmarks, new.landmarks),
        ("events", old.events, new.events),
        ("sources", old.sources, new.sources),
    ):
        if before != after:
            yield Change(name, "records changed", NEUTRAL)
