"""What would happen if: the cell's tenants as they are, and one change supposed.

The change is a law that begins in a country, a country that joins a bloc, somebody new with power over the cell's
machines, or the mail lying in another country. Nothing supposed: what the dated facts have in store already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from jurisdiction.homing import home_question
from jurisdiction.law_change import first_target
from jurisdiction.notary import Notary
from jurisdiction.places import UNSURVEYED
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Moment, Verdict
from jurisdiction.records import policies
from jurisdiction.what_if import Change, Effect, Holding, JoinsBloc, LawBegins, OwnerChanges, upcoming, what_if


class NotUnderstood(Exception):
    """The change is none of those, or names what the facts do not know."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a person typed. `owners` are countries of somebody new; so are those of `entity` and of its owners."""

    country: str | None
    fact: str | None
    bloc: str | None
    entity: str | None
    owners: tuple[str, ...]
    day: date


@dataclass(frozen=True, slots=True)
class Row:
    """One tenant whose answer changes (or, for another country, whatever it is)."""

    tenant: str
    kind: str
    place: str  # country
    day: str
    before: str
    after: str
    because: tuple[str, ...]
    move_to: str | None


def answers(
    given: Given, notary: Notary, today: date, tenants: Iterable[tuple[str, Policy]] | None = None
) -> Iterator[Row]:
    """For these tenants with their policies, or for all of the cell. Raises NotUnderstood, PolicyForged."""
    change = _change(given, notary)
    for tenant, policy in policies.all_in_force(notary.key.verify_key) if tenants is None else tenants:
        held = Holding(tenant, policy, home_question(notary.home))
        if change is not None:
            yield from map(_row, what_if([held], notary.atlas, change, today, policy.allow))
        elif given.country is None:
            yield from map(_row, upcoming([held], notary.atlas, today, policy.allow))
        else:
            there = replace(held.place, location=given.country, controllers=(given.country,))
            before = notary.decide(held.place, policy, today)
            after = notary.decide(there, policy, given.day)
            yield _row(Effect(tenant, there, given.day, before, after, _elsewhere(after, given, notary, policy, today)))


def _elsewhere(after: Decision, given: Given, notary: Notary, policy: Policy, today: date) -> str | None:
    """Where else the tenant's mail could lie on that day, if not there."""
    if after.verdict is Verdict.ALLOW or given.country is None:
        return None
    at = Moment((given.day,), today)
    return first_target(given.country, policy.allow, policy, notary.atlas, UNSURVEYED, at)[0]


def _row(effect: Effect) -> Row:
    return Row(
        tenant=effect.tenant,
        kind=effect.place.kind,
        place=effect.place.location,
        day=effect.day.isoformat(),
        before=effect.before.verdict.value,
        after=effect.after.verdict.value,
        because=effect.after.because,
        move_to=effect.move_to,
    )


def _change(given: Given, notary: Notary) -> Change | None:
    atlas = notary.atlas
    law, power = [name for name in (given.fact, given.bloc) if name], bool(given.entity or given.owners)
    if len(law) > 1 or (law and power) or (law and not given.country) or (power and given.country):
        raise NotUnderstood(
            "suppose one thing: --country; --country with --fact or --bloc; --entity or --owner; or nothing"
        )
    for code in (*([given.country] if given.country else []), *given.owners):
        if code not in atlas.countries:
            raise NotUnderstood(f"{code!r} is no country code, such as IS")
    if given.country and given.fact:
        if given.fact not in atlas.keys:
            raise NotUnderstood(f"there is no law {given.fact!r}; there are: {', '.join(sorted(atlas.keys))}")
        return LawBegins(given.country, given.fact, given.day)
    if given.country and given.bloc:
        if given.bloc not in atlas.blocs:
            raise NotUnderstood(f"there is no bloc {given.bloc!r}; there are: {', '.join(sorted(atlas.blocs))}")
        return JoinsBloc(given.country, given.bloc, given.day)
    if not power:
        return None
    if given.entity and given.entity not in atlas.entities:
        raise NotUnderstood(f"the facts know no {given.entity!r}; they know: {', '.join(sorted(atlas.entities))}")
    new = atlas.controllers(given.entity, given.day) if given.entity else ()
    old = notary.home.controllers
    return OwnerChanges(old, tuple(dict.fromkeys((*old, *new, *given.owners))), given.day)
