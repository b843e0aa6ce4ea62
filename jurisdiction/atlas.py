"""Dated facts about countries, blocs and owners, and what they say on a given day.

Two clocks run through every question. Legal time: from when to when does a rule hold? Knowledge time: what had been
looked up, and was it still fresh? A decision replayed "as known then" gives both. A fact whose next review has
passed, or that nobody has verified, is shown but settles nothing: decisions treat it like a fact that is missing.

The values here are read from TOML by `jurisdiction.bundle`; an `Atlas` is immutable and safe to share. In-force days
are inclusive at both ends. Nothing here is legal advice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Literal, NamedTuple

from jurisdiction.fields import UNKNOWN
from jurisdiction.places import Point

type State = Literal["yes", "no", "unknown"]

OFFICIAL_KINDS = frozenset({"statute", "court", "treaty", "official"})
SOURCE_KINDS = OFFICIAL_KINDS | {"academic", "secondary", "press", "leak"}

# Which statuses let a fact have effect on its in-force days. A law that was struck down had effect until then.
EFFECTIVE = frozenset({"in_force", "adopted", "scheduled", "suspended", "struck_down", "repealed"})
ENDED = frozenset({"suspended", "struck_down", "repealed"})
STATUSES = EFFECTIVE | {"proposed", "withdrawn"}
NEEDS_START = frozenset({"adopted", "scheduled"})

ONE_DAY = timedelta(days=1)
MAX_REMEMBERED = 65_536  # states and memberships of single days; a replay of years asks for more and starts anew
WHOLE = 100.0  # per cent
CONTROL_SHARE = 25.0  # per cent; from here on a shareholder counts as a controller (the EU's beneficial-owner line)


@dataclass(frozen=True, slots=True)
class Source:
    id: str
    title: str
    kind: str
    url: str
    retrieved: date

    @property
    def official(self) -> bool:
        return self.kind in OFFICIAL_KINDS


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of the closed vocabulary. `sentence` completes "In Iceland …" when the state is yes."""

    id: str
    kind: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Fact:
    id: str
    jurisdiction: str
    key: str
    value: str
    state: State
    status: str
    legal_ref: str
    confidence: str
    sources: tuple[str, ...]
    checked_on: date
    next_review: date
    in_force_from: date | None = None
    in_force_until: date | None = None
    as_of: date | None = None
    date_seen: bool | None = None
    note: str = ""
    known_from: date | None = None
    known_until: date | None = None

    @property
    def first_day(self) -> date:
        """Of effect. `as_of` is the day a source describes; nothing is claimed about earlier days."""
        return self.in_force_from or self.as_of or date.min

    @property
    def last_day(self) -> date:
        return self.in_force_until or date.max

    def settled(self, known: date) -> bool:
        """Verified, and its review not overdue."""
        return self.confidence == "verified" and known <= self.next_review


class FactState(NamedTuple):
    """What the atlas says about one key of one country on one day."""

    state: State
    verified: bool
    fact_ids: tuple[str, ...]
    stands_until: date  # the last day of this answer: then a fact begins, ends or is due for review

    @property
    def settled(self) -> bool:
        return self.verified and self.state != "unknown"


MISSING = FactState("unknown", verified=False, fact_ids=(), stands_until=date.max)


class Dated(NamedTuple):
    """A fact reduced to what the answer for a day depends on, worked out once because every decision asks."""

    first_day: date
    last_day: date
    known_from: date
    known_until: date  # the first day on which it was no longer believed
    verified_until: date  # date.min if nobody has verified it
    state: State
    id: str


def dated(fact: Fact) -> Dated:
    return Dated(
        fact.first_day,
        fact.last_day,
        fact.known_from or fact.checked_on,
        fact.known_until or date.max,
        fact.next_review if fact.confidence == "verified" else date.min,
        fact.state,
        fact.id,
    )


@dataclass(frozen=True, slots=True)
class Member:
    country: str
    first_day: date
    last_day: date = date.max


@dataclass(frozen=True, slots=True)
class Bloc:
    id: str
    name: str
    sentence: str
    includes: tuple[str, ...]
    members: tuple[Member, ...]
    confidence: str
    sources: tuple[str, ...]
    checked_on: date
    next_review: date
    note: str = ""


@dataclass(frozen=True, slots=True)
class Parent:
    entity: str
    share: float  # per cent
    control: bool


@dataclass(frozen=True, slots=True)
class Entity:
    """A legal entity. `ownership`: held (by the parents named), listed (no controlling owner), unknown.

    `hosts` are names under which its mail hosts stand, with everything below them; `networks` are its own, in CIDR."""

    id: str
    name: str
    country: str
    ownership: str
    parents: tuple[Parent, ...]
    asns: tuple[int, ...]
    confidence: str
    sources: tuple[str, ...]
    checked_on: date
    next_review: date
    note: str = ""
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()

    def owners_known(self, known: date, share: float) -> bool:
        """Whether every controller is named: an unnamed remainder as large as a controlling share hides one."""
        if self.ownership == "unknown" or self.confidence != "verified" or known > self.next_review:
            return False
        return self.ownership == "listed" or WHOLE - sum(parent.share for parent in self.parents) < share


@dataclass(frozen=True, slots=True)
class Event:
    """A law on its way, in one country or in every member of a bloc."""

    id: str
    title: str
    country: str
    bloc: str
    key: str
    fact: str
    becomes: State
    stage: str
    expected_from: date | None
    confidence: str
    sources: tuple[str, ...]
    checked_on: date
    next_review: date
    note: str = ""


@dataclass(frozen=True, slots=True)
class Landmark:
    """A measuring point. `nearest_abroad` is the closest place under another law, where one can be named."""

    name: str
    country: str
    point: Point
    nearest_abroad: Point | None = None
    abroad_name: str = ""


type Interval = tuple[date, date]


@dataclass(frozen=True)
class Atlas:
    """The whole bundle. `digest` is the SHA-256 of its canonical content, in hex."""

    serial: int
    issued: date
    digest: str
    countries: Mapping[str, str]
    keys: Mapping[str, Key]
    sources: Mapping[str, Source]
    facts: tuple[Fact, ...]
    blocs: Mapping[str, Bloc]
    entities: Mapping[str, Entity]
    events: tuple[Event, ...]
    landmarks: Mapping[str, Landmark]
    sites: Mapping[str, Point]
    _facts_by_key: Mapping[tuple[str, str], tuple[Dated, ...]] = field(init=False, repr=False, compare=False)
    _members: Mapping[str, Mapping[str, tuple[Interval, ...]]] = field(init=False, repr=False, compare=False)
    _fact_by_id: Mapping[str, Fact] = field(init=False, repr=False, compare=False)
    _membership: dict[tuple[tuple[str, ...], tuple[date, ...]], Mapping[str, tuple[str, ...]]] = field(
        init=False, repr=False, compare=False
    )
    _states: dict[tuple[str, str, date, date], FactState] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key: dict[tuple[str, str], list[Dated]] = {}
        for fact in sorted(self.facts, key=lambda fact: fact.id):
            if fact.status in EFFECTIVE:
                by_key.setdefault((fact.jurisdiction, fact.key), []).append(dated(fact))
        freeze = object.__setattr__
        freeze(self, "_facts_by_key", {at: tuple(facts) for at, facts in by_key.items()})
        freeze(self, "_members", {bloc: members_of(bloc, self.blocs) for bloc in self.blocs})
        freeze(self, "_fact_by_id", {fact.id: fact for fact in self.facts})
        freeze(self, "_membership", {})
        freeze(self, "_states", {})

    def fact(self, fact_id: str) -> Fact:
        """Raises KeyError for an id that is not in the bundle."""
        return self._fact_by_id[fact_id]

    def facts_about(self, country: str) -> tuple[Fact, ...]:
        return tuple(fact for fact in self.facts if fact.jurisdiction == country)

    def country_name(self, code: str) -> str:
        return self.countries.get(code, "a country that is not known" if code == UNKNOWN else code)

    def state(self, country: str, key: str, on: date, known: date) -> FactState:
        """What holds in law on the day `on`, as far as was known on the day `known`; worked out once for each."""
        asked = (country, key, on, known)
        found = self._states.get(asked)
        if found is None:
            facts = self._facts_by_key.get((country, key))
            found = combine(facts, on, known) if facts else MISSING
            if len(self._states) >= MAX_REMEMBERED:
                self._states.clear()
            self._states[asked] = found
        return found

    def in_bloc(self, country: str, bloc: str, *days: date) -> bool:
        """Whether the country belongs to the bloc, or to one that it includes, on any of the days."""
        intervals = self._members[bloc].get(country)
        if intervals is None:
            return False
        return any(first <= day <= last for first, last in intervals for day in days)

    def membership(self, blocs: tuple[str, ...], days: tuple[date, ...]) -> Mapping[str, tuple[str, ...]]:
        """Country to those of the blocs it is in on any of the days, in their order; worked out once for each, as
        every decision of a day asks. Raises KeyError for an unknown bloc."""
        found = self._membership.get((blocs, days))
        if found is None:
            inside = {bloc: self._members[bloc] for bloc in blocs}
            countries = dict.fromkeys(country for members in inside.values() for country in members)
            found = {
                country: tuple(bloc for bloc in blocs if self.in_bloc(country, bloc, *days)) for country in countries
            }
            if len(self._membership) >= MAX_REMEMBERED:
                self._membership.clear()
            self._membership[blocs, days] = found
        return found

    def blocs_of(self, country: str, on: date) -> tuple[str, ...]:
        return tuple(bloc for bloc in self.blocs if self.in_bloc(country, bloc, on))

    def members(self, bloc: str, on: date) -> tuple[str, ...]:
        return tuple(sorted(country for country in self._members[bloc] if self.in_bloc(country, bloc, on)))

    def controllers(self, entity_id: str, known: date, share: float = CONTROL_SHARE) -> tuple[str, ...]:
        """Countries of the entity and of everyone who controls it; "??" wherever the chain is not known."""
        countries: set[str] = set()
        seen: set[str] = set()
        waiting = [entity_id]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            entity = self.entities.get(current)
            if entity is None:
                countries.add(UNKNOWN)
                continue
            countries.add(entity.country)
            if not entity.owners_known(known, share):
                countries.add(UNKNOWN)
            waiting.extend(parent.entity for parent in entity.parents if parent.control or parent.share >= share)
        return tuple(sorted(countries))

    def entity_of_asn(self, asn: int) -> Entity | None:
        return next((entity for entity in self.entities.values() if asn in entity.asns), None)

    def replacing(self, facts: Sequence[Fact]) -> "Atlas":
        """The same atlas with these facts in place of all others of the same jurisdiction and key."""
        replaced = {(fact.jurisdiction, fact.key) for fact in facts}
        kept = tuple(fact for fact in self.facts if (fact.jurisdiction, fact.key) not in replaced)
        return replace(self, facts=kept + tuple(facts))


def combine(facts: tuple[Dated, ...], on: date, known: date) -> FactState:
    """One answer from the facts in force: yes outweighs unknown, unknown outweighs no, whatever their order."""
    state: State | None = None
    ids: tuple[str, ...] = ()
    verified = True
    stands_until = date.max
    for first_day, last_day, known_from, known_until, verified_until, fact_state, fact_id in facts:
        if not known_from <= known < known_until or last_day < on:
            continue
        if first_day > on:
            stands_until = min(stands_until, first_day - ONE_DAY)
            continue
        state = fact_state if state is None else _stricter(state, fact_state)
        ids += (fact_id,)
        stands_until = min(stands_until, last_day)
        if known > verified_until:
            verified = False
        else:
            stands_until = min(stands_until, verified_until)
    return FactState(state or "unknown", verified and state is not None, ids, stands_until)


def _stricter(one: State, other: State) -> State:
    if "yes" in (one, other):
        return "yes"
    return one if one == other else "unknown"


def members_of(bloc: str, blocs: Mapping[str, Bloc]) -> Mapping[str, tuple[Interval, ...]]:
    """Country to intervals of membership, those of included blocs with them."""
    found: dict[str, list[Interval]] = {}
    seen: set[str] = set()
    waiting = [bloc]
    while waiting:
        current = waiting.pop()
        if current in seen or current not in blocs:
            continue
        seen.add(current)
        for member in blocs[current].members:
            found.setdefault(member.country, []).append((member.first_day, member.last_day))
        waiting.extend(blocs[current].includes)
    return {country: tuple(sorted(intervals)) for country, intervals in found.items()}
