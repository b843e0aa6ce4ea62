"""Facts on a given day, as far as was known on a given day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from jurisdiction.atlas import MISSING, Atlas, Entity, Fact, Parent
from jurisdiction.fields import UNKNOWN

TODAY = date(2026, 11, 21)
DAY = timedelta(days=1)
KEY = "provider_decryption_duty"


def fact(**changes: object) -> Fact:
    plain = Fact(
        id="IS.provider_decryption_duty",
        jurisdiction="IS",
        key=KEY,
        value="no",
        state="no",
        status="in_force",
        legal_ref="Act 1",
        confidence="verified",
        sources=("lagasafn70",),
        checked_on=date(2026, 1, 1),
        next_review=date(2027, 1, 1),
        in_force_from=date(2020, 1, 1),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def state_of(atlas: Atlas, on: date, known: date, *facts: Fact) -> tuple[str, bool]:
    found = atlas.replacing(facts).state("IS", KEY, on, known)
    return found.state, found.verified


def test_a_country_nobody_wrote_about_is_not_known(atlas: Atlas) -> None:
    assert atlas.state("AQ", KEY, TODAY, TODAY) == MISSING
    assert not MISSING.settled


@pytest.mark.parametrize(
    ("on", "state"),
    [
        (date(2019, 12, 31), "unknown"),
        (date(2020, 1, 1), "no"),
        (date(2026, 12, 31), "no"),
        (date(2027, 1, 1), "unknown"),
    ],
)
def test_a_law_holds_from_its_first_to_its_last_day(atlas: Atlas, on: date, state: str) -> None:
    law = fact(in_force_until=date(2026, 12, 31))
    assert state_of(atlas, on, TODAY, law)[0] == state


def test_a_source_says_nothing_about_the_days_before_it(atlas: Atlas) -> None:
    assert atlas.state("DE", "telecom_retention", date(2025, 6, 30), TODAY).state == "unknown"
    assert atlas.state("DE", "telecom_retention", date(2025, 7, 1), TODAY).state == "no"


@pytest.mark.parametrize("status", ["proposed", "withdrawn"])
def test_a_bill_is_no_law(atlas: Atlas, status: str) -> None:
    assert state_of(atlas, TODAY, TODAY, fact(status=status)) == ("unknown", False)


@pytest.mark.parametrize("status", ["repealed", "struck_down", "suspended"])
def test_an_ended_law_had_effect_until_then(atlas: Atlas, status: str) -> None:
    law = fact(status=status, in_force_until=date(2025, 5, 5))
    assert state_of(atlas, date(2025, 5, 5), TODAY, law) == ("no", True)
    assert state_of(atlas, date(2025, 5, 6), TODAY, law) == ("unknown", False)


def test_a_fact_is_verified_until_the_day_of_its_review_and_no_longer(atlas: Atlas) -> None:
    review = date(2027, 1, 1)
    assert state_of(atlas, TODAY, review, fact()) == ("no", True)
    assert state_of(atlas, TODAY, review + DAY, fact()) == ("no", False)


def test_what_was_not_yet_looked_up_was_not_known(atlas: Atlas) -> None:
    assert state_of(atlas, TODAY, date(2025, 12, 31), fact()) == ("unknown", False)
    assert state_of(atlas, TODAY, date(2026, 1, 1), fact()) == ("no", True)


def test_a_fact_checked_again_keeps_the_day_it_was_first_known(atlas: Atlas) -> None:
    law = fact(checked_on=date(2026, 11, 1), known_from=date(2026, 1, 1))
    assert state_of(atlas, TODAY, date(2026, 3, 1), law) == ("no", True)


def test_a_decision_is_replayed_as_known_then(atlas: Atlas) -> None:
    believed = fact(known_until=date(2026, 6, 1))
    corrected = fact(id="IS.provider_decryption_duty.2", state="yes", value="yes", checked_on=date(2026, 6, 1))
    assert state_of(atlas, TODAY, date(2026, 5, 31), believed, corrected) == ("no", True)
    assert state_of(atlas, TODAY, date(2026, 6, 1), believed, corrected) == ("yes", True)


def test_an_unverified_fact_is_shown_and_settles_nothing(atlas: Atlas) -> None:
    found = atlas.replacing([fact(confidence="unverified", state="yes")]).state("IS", KEY, TODAY, TODAY)
    assert found.state == "yes"
    assert not found.settled
    assert found.fact_ids == ("IS.provider_decryption_duty",)


def test_an_answer_stands_until_something_changes(atlas: Atlas) -> None:
    now = fact(in_force_until=date(2026, 12, 24), next_review=date(2027, 1, 1))
    later = fact(id="IS.provider_decryption_duty.2", status="scheduled", in_force_from=date(2026, 12, 20))
    assert atlas.replacing([now]).state("IS", KEY, TODAY, TODAY).stands_until == date(2026, 12, 24)
    assert atlas.replacing([now, later]).state("IS", KEY, TODAY, TODAY).stands_until == date(2026, 12, 19)
    assert atlas.replacing([fact()]).state("IS", KEY, TODAY, TODAY).stands_until == date(2027, 1, 1)


@pytest.mark.parametrize(
    ("country", "bloc", "on", "inside"),
    [
        ("GB", "EU", date(2020, 1, 31), True),
        ("GB", "EU", date(2020, 2, 1), False),
        ("GB", "EEA", date(2020, 12, 31), True),
        ("GB", "EEA", date(2021, 1, 1), False),
        ("HR", "EU", date(2013, 6, 30), False),
        ("HR", "EU", date(2013, 7, 1), True),
        ("US", "14EYES", TODAY, True),
        ("IS", "14EYES", TODAY, False),
        (UNKNOWN, "FVEY", TODAY, False),
    ],
)
def test_membership_by_date(atlas: Atlas, country: str, bloc: str, on: date, inside: bool) -> None:
    assert atlas.in_bloc(country, bloc, on) is inside


def test_blocs_of_a_country(atlas: Atlas) -> None:
    assert set(atlas.blocs_of("DK", TODAY)) == {"9EYES", "14EYES", "EU", "EEA"}


def with_entities(atlas: Atlas, *entities: Entity) -> Atlas:
    return replace(atlas, entities={**atlas.entities, **{entity.id: entity for entity in entities}})


def entity(name: str, country: str, *parents: Parent, ownership: str = "held", confidence: str = "verified") -> Entity:
    return Entity(name, name, country, ownership, parents, (), confidence, (), TODAY, TODAY + DAY)


def test_controllers_are_followed_up_the_chain(atlas: Atlas) -> None:
    chained = with_entities(
        atlas,
        entity("host", "IS", Parent("holding", 90, control=False)),
        entity("holding", "IE", Parent("root", 60, control=True), Parent("fund", 24.9, control=False)),
        entity("root", "US", ownership="listed"),
        entity("fund", "GB", ownership="listed"),
    )
    assert chained.controllers("host", TODAY) == ("IE", "IS", "US")
    assert chained.controllers("host", TODAY, share=20) == ("GB", "IE", "IS", "US")


def test_a_chain_that_ends_in_the_dark_is_unknown(atlas: Atlas) -> None:
    dark = with_entities(atlas, entity("host", "IS", ownership="unknown"))
    assert UNKNOWN in dark.controllers("host", TODAY)
    assert UNKNOWN in dark.controllers("nobody", TODAY)
    unverified = with_entities(atlas, entity("host", "IS", ownership="listed", confidence="unverified"))
    assert UNKNOWN in unverified.controllers("host", TODAY)


def test_a_register_extract_that_is_too_old_is_unknown(atlas: Atlas) -> None:
    aged = with_entities(atlas, entity("host", "IS", ownership="listed"))
    assert aged.controllers("host", TODAY + DAY) == ("IS",)
    assert UNKNOWN in aged.controllers("host", TODAY + 2 * DAY)


@pytest.mark.parametrize(("share", "known"), [(75.0, False), (75.1, True), (100, True)])
def test_an_unnamed_remainder_may_hide_a_controller(atlas: Atlas, share: float, known: bool) -> None:
    partly = with_entities(
        atlas, entity("host", "IS", Parent("root", share, control=True)), entity("root", "NO", ownership="listed")
    )
    assert (UNKNOWN not in partly.controllers("host", TODAY)) is known


def test_owners_in_a_circle_are_followed_once(atlas: Atlas) -> None:
    circle = with_entities(
        atlas,
        entity("a", "IS", Parent("b", 100, control=True)),
        entity("b", "NO", Parent("a", 100, control=True)),
    )
    assert circle.controllers("a", TODAY) == ("IS", "NO")


def test_a_network_leads_to_its_holder(atlas: Atlas) -> None:
    holder = atlas.entity_of_asn(16509)
    assert holder is not None
    assert atlas.controllers(holder.id, TODAY) == ("US",)
    assert atlas.entity_of_asn(64512) is None
