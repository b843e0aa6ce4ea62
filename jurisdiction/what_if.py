"""What would happen if: which tenants' decisions change, from when on, and where they could go.

A change is a value: a law begins, a country joins a bloc, an owner changes. The atlas is changed by it, and every
tenant's places are decided before and after. `upcoming` asks the same for every day on which the atlas itself already
knows of a change.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from jurisdiction.atlas import ONE_DAY, Atlas, Fact, Member, State
from jurisdiction.decisions import decide, survey_of
from jurisdiction.law_change import first_target
from jurisdiction.places import UNSURVEYED
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Moment, Place, Verdict


@dataclass(frozen=True, slots=True)
class Holding:
    """Something a tenant has somewhere. `tenant` is whatever the asker calls it."""

    tenant: str
    policy: Policy
    place: Place


@dataclass(frozen=True, slots=True)
class LawBegins:
    country: str
    key: str
    day: date
    state: State = "yes"


@dataclass(frozen=True, slots=True)
class JoinsBloc:
    country: str
    bloc: str
    day: date


@dataclass(frozen=True, slots=True)
class OwnerChanges:
    """Whatever these controllers hold today belongs, from the day on, to the new ones."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    day: date


type Change = LawBegins | JoinsBloc | OwnerChanges


@dataclass(frozen=True, slots=True)
class Effect:
    """A holding whose verdict changes on `day`; `move_to` is the first candidate country it may go to, if it may not
    stay and there is one."""

    tenant: str
    place: Place
    day: date
    before: Decision
    after: Decision
    move_to: str | None


def what_if(
    holdings: Iterable[Holding], atlas: Atlas, change: Change, today: date, candidates: Sequence[str] = ()
) -> tuple[Effect, ...]:
    """Every holding whose verdict is another one from the change's day on, in the order given."""
    changed = _with(atlas, change, today)
    day = max(change.day, today)
    effects = []
    for holding in holdings:
        place = holding.place
        if isinstance(change, OwnerChanges) and place.controllers == change.old:
            place = replace(place, controllers=change.new)
        before = _decide(holding.place, holding.policy, atlas, day, today)
        after = _decide(place, holding.policy, changed, day, today)
        if before.verdict is not after.verdict:
            effects.append(_effect(holding, changed, before, after, Moment((day,), today), candidates))
    return tuple(effects)


def upcoming(
    holdings: Iterable[Holding], atlas: Atlas, today: date, candidates: Sequence[str] = ()
) -> tuple[Effect, ...]:
    """What the dated facts already hold in store: each holding's verdict the day before and on each future day."""
    days = future_days(atlas, today)
    effects = []
    for holding in holdings:
        for day in days:
            before = _decide(holding.place, holding.policy, atlas, day - ONE_DAY, today)
            after = _decide(holding.place, holding.policy, atlas, day, today)
            if before.verdict is not after.verdict:
                effects.append(_effect(holding, atlas, before, after, Moment((day,), today), candidates))
    return tuple(sorted(effects, key=lambda effect: effect.day))


def future_days(atlas: Atlas, today: date) -> list[date]:
    """The days after today on which a fact begins or has ended, or a membership does."""
    days = {day for fact in atlas.facts for day in _edges(fact.first_day, fact.last_day)}
    members = (member for bloc in atlas.blocs.values() for member in bloc.members)
    days |= {day for member in members for day in _edges(member.first_day, member.last_day)}
    return sorted(day for day in days if day > today)


def _edges(first: date, last: date) -> Iterator[date]:
    yield first
    if last < date.max:
        yield last + ONE_DAY


def _decide(place: Place, policy: Policy, atlas: Atlas, day: date, today: date) -> Decision:
    return decide(place, policy, atlas, survey_of(atlas), Moment((day,), today))


def _effect(
    holding: Holding, atlas: Atlas, before: Decision, after: Decision, at: Moment, candidates: Sequence[str]
) -> Effect:
    move_to = None
    if after.verdict is not Verdict.ALLOW:
        move_to, _facts = first_target(holding.place.location, candidates, holding.policy, atlas, UNSURVEYED, at)
    return Effect(holding.tenant, holding.place, at.days[0], before, after, move_to)


def _with(atlas: Atlas, change: Change, today: date) -> Atlas:
    if isinstance(change, LawBegins):
        return _with_law(atlas, change, today)
    if isinstance(change, JoinsBloc):
        bloc = atlas.blocs[change.bloc]
        joined = replace(bloc, members=(*bloc.members, Member(change.country, change.day)))
        return replace(atlas, blocs={**atlas.blocs, change.bloc: joined})
    return atlas


def _with_law(atlas: Atlas, change: LawBegins, today: date) -> Atlas:
    kept = []
    for fact in atlas.facts_about(change.country):
        if fact.key != change.key or fact.first_day >= change.day:
            continue
        kept.append(replace(fact, in_force_until=min(fact.last_day, change.day - ONE_DAY)))
    begins = Fact(
        id=f"{change.country}.{change.key}.supposed",
        jurisdiction=change.country,
        key=change.key,
        value=change.state,
        state=change.state,
        status="scheduled",
        legal_ref="supposed",
        confidence="verified",
        sources=(),
        checked_on=today,
        next_review=date.max,
        in_force_from=change.day,
    )
    return atlas.replacing([*kept, begins])
