"""What a new bundle changes; nothing gets easier on the word of a newspaper."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from jurisdiction.atlas import Atlas, Bloc, Fact, Member, Parent
from jurisdiction.diff import NEUTRAL, RELAXING, TIGHTENING, Diff, diff

TODAY = date(2026, 11, 21)
KEY = "provider_decryption_duty"


def after(old: Atlas, **changes: object) -> Atlas:
    return replace(old, serial=old.serial + 1, digest="changed", **changes)  # type: ignore[arg-type]


def with_facts(old: Atlas, *facts: Fact, drop: str = "") -> Atlas:
    names = {fact.id for fact in facts} | {drop}
    return after(old, facts=tuple(fact for fact in old.facts if fact.id not in names) + facts)


def only(found: Diff) -> tuple[str, str, date | None]:
    assert len(found.changes) == 1
    return found.changes[0].subject, found.changes[0].direction, found.changes[0].day


def test_nothing_changed(atlas: Atlas) -> None:
    assert diff(atlas, atlas) == Diff((), ())


def test_a_duty_that_ends_by_statute_is_relaxing_and_accepted(atlas: Atlas) -> None:
    ended = replace(atlas.fact(f"NZ.{KEY}"), status="repealed", in_force_until=date(2027, 1, 31))
    found = diff(atlas, with_facts(atlas, replace(ended, sources=("ticsa24",))))
    assert only(found) == (f"NZ.{KEY}", RELAXING, date(2027, 2, 1))
    assert found.problems == ()


def test_the_same_on_hearsay_is_a_problem(atlas: Atlas) -> None:
    ended = replace(atlas.fact(f"NZ.{KEY}"), status="repealed", in_force_until=date(2027, 1, 31))
    found = diff(atlas, with_facts(atlas, ended))  # its source is a plain-language mirror
    assert only(found)[1] == RELAXING
    assert "without an official source" in str(found.problems[0])
    assert found.problems[0].file == "facts/NZ.toml"


@pytest.mark.parametrize(
    "relax",
    [
        lambda fact: replace(fact, state="no", value="no"),
        lambda fact: replace(fact, confidence="unverified"),
        lambda fact: replace(fact, in_force_from=date(2027, 1, 1)),
        lambda fact: replace(fact, status="proposed"),
        lambda fact: replace(fact, status="withdrawn"),
        lambda fact: replace(fact, next_review=date(2026, 11, 20)),
    ],
)
def test_every_way_to_weaken_a_denial_is_found(atlas: Atlas, relax: Callable[[Fact], Fact]) -> None:
    found = diff(atlas, with_facts(atlas, relax(atlas.fact(f"NZ.{KEY}"))))
    assert only(found)[1] == RELAXING
    assert len(found.problems) == 1


def test_a_deleted_fact_is_a_problem_whatever_its_source_was(atlas: Atlas) -> None:
    found = diff(atlas, with_facts(atlas, drop="NZ.duty_to_assist"))  # a statute
    assert only(found)[1] == RELAXING
    assert "end a fact, never delete it" in str(found.problems[0])


def test_a_hold_that_becomes_a_permission_is_relaxing(atlas: Atlas) -> None:
    new = replace(atlas.fact(f"NZ.{KEY}"), id=f"IS.{KEY}", jurisdiction="IS", state="no", value="no")
    assert len(diff(atlas, with_facts(atlas, new)).problems) == 1
    assert diff(atlas, with_facts(atlas, replace(new, sources=("lagasafn70",)))).problems == ()


def test_a_stricter_fact_needs_no_official_source(atlas: Atlas) -> None:
    new = replace(atlas.fact(f"NZ.{KEY}"), id=f"CH.{KEY}", jurisdiction="CH", sources=("proton",))
    found = diff(atlas, with_facts(atlas, new))
    assert only(found)[:2] == (f"CH.{KEY}", TIGHTENING)
    assert found.problems == ()


def test_another_wording_is_neutral(atlas: Atlas) -> None:
    found = diff(atlas, with_facts(atlas, replace(atlas.fact(f"NZ.{KEY}"), note="read again")))
    assert only(found) == (f"NZ.{KEY}", NEUTRAL, None)


def test_a_duty_with_a_gap_is_relaxing_on_the_first_day_of_the_gap(atlas: Atlas) -> None:
    old = atlas.fact("NZ.duty_to_assist")
    first = replace(old, in_force_until=date(2026, 12, 31))
    again = replace(old, id="NZ.duty_to_assist.2", in_force_from=date(2027, 1, 10))
    assert only(diff(atlas, with_facts(atlas, first, again)))[1:] == (RELAXING, date(2027, 1, 1))


def bloc(atlas: Atlas, name: str, *members: Member, sources: tuple[str, ...] = ()) -> dict[str, Bloc]:
    old = atlas.blocs[name]
    return {**atlas.blocs, name: replace(old, members=members, sources=sources or old.sources)}


def test_a_member_that_leaves_a_bloc_needs_an_official_source(atlas: Atlas) -> None:
    rest = tuple(member for member in atlas.blocs["14EYES"].members if member.country != "SE")
    found = diff(atlas, after(atlas, blocs=bloc(atlas, "14EYES", *rest)))
    assert only(found) == ("14EYES", RELAXING, date(2013, 1, 1))
    assert len(found.problems) == 1
    official = bloc(atlas, "14EYES", *rest, sources=("eyes", "euenl"))
    assert diff(atlas, after(atlas, blocs=official)).problems == ()


def test_a_member_that_leaves_an_included_bloc_leaves_them_all(atlas: Atlas) -> None:
    left = tuple(
        replace(member, last_day=TODAY) if member.country == "CA" else member for member in atlas.blocs["FVEY"].members
    )
    found = diff(atlas, after(atlas, blocs=bloc(atlas, "FVEY", *left)))
    assert {(change.subject, change.direction, change.day) for change in found.changes} == {
        (name, RELAXING, TODAY + timedelta(days=1)) for name in ("FVEY", "9EYES", "14EYES")
    }
    assert len(found.problems) == 3


def test_a_member_that_joins_is_stricter(atlas: Atlas) -> None:
    more = (*atlas.blocs["14EYES"].members, Member("JP", TODAY))
    assert only(diff(atlas, after(atlas, blocs=bloc(atlas, "14EYES", *more))))[1] == TIGHTENING


def test_a_bloc_that_vanishes_is_relaxing(atlas: Atlas) -> None:
    rest = {name: found for name, found in atlas.blocs.items() if name != "EU"}
    found = diff(atlas, after(atlas, blocs=rest))
    assert {change.direction for change in found.changes} == {RELAXING}
    assert found.problems


def test_an_owner_that_vanishes_needs_a_register(atlas: Atlas) -> None:
    free = replace(atlas.entities["mila-is"], ownership="listed", parents=())
    found = diff(atlas, after(atlas, entities={**atlas.entities, "mila-is": free}))
    assert only(found)[:2] == ("mila-is", RELAXING)
    assert "entities.toml" in str(found.problems[0])


def test_a_new_owner_is_stricter(atlas: Atlas) -> None:
    sold = replace(atlas.entities["amazon-com"], ownership="held", parents=(Parent("ardian", 100, control=True),))
    found = diff(atlas, after(atlas, entities={**atlas.entities, "amazon-com": sold}))
    assert {change.direction for change in found.changes} == {TIGHTENING}
    assert {change.subject for change in found.changes} == {"amazon-com", "amazon-web-services"}


def test_changed_facts_need_a_new_serial(atlas: Atlas) -> None:
    changed = replace(with_facts(atlas, replace(atlas.fact(f"NZ.{KEY}"), note="read again")), serial=atlas.serial)
    assert "serial did not grow" in str(diff(atlas, changed).problems[0])


def test_other_records_are_listed(atlas: Atlas) -> None:
    found = diff(atlas, after(atlas, events=(), sites={}))
    assert {(change.subject, change.direction) for change in found.changes} == {("events", NEUTRAL), ("sites", NEUTRAL)}
