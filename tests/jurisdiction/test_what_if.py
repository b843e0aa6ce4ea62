"""Ada in Iceland, Ben in Norway, Cleo in Germany: a law, a bloc, an owner changes. Who must move, when, where to?"""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from jurisdiction.atlas import Atlas
from jurisdiction.policy import Policy
from jurisdiction.questions import Place, Verdict
from jurisdiction.what_if import Effect, Holding, JoinsBloc, LawBegins, OwnerChanges, future_days, upcoming, what_if

TODAY = date(2026, 11, 21)
DAY = date(2027, 7, 1)
KEY = "provider_decryption_duty"


def place(country: str, *controllers: str) -> Place:
    return Place("primary", country, controllers or (country,), geo="agree")


def at(country: str) -> Policy:
    return Policy(allow=(country, "FI"), deny_blocs=("FVEY",), deny_controller_blocs=("FVEY",), deny_facts=(KEY,))


ADA = Holding("ada", at("IS"), place("IS"))
BEN = Holding("ben", replace(at("NO"), deny_facts=()), place("NO"))
CLEO = Holding("cleo", at("DE"), place("DE"))
ALL = (ADA, BEN, CLEO)


@pytest.fixture
def looked_up(atlas: Atlas) -> Atlas:
    """The duty is verified to be unknown to the law of all four countries."""
    model = atlas.fact("NZ.provider_decryption_duty")
    facts = [
        replace(model, id=f"{country}.{KEY}", jurisdiction=country, value="no", state="no")
        for country in ("IS", "NO", "DE", "FI")
    ]
    return atlas.replacing(facts)


def told(effects: tuple[Effect, ...]) -> list[tuple[str, date, Verdict, Verdict, str | None]]:
    return [
        (effect.tenant, effect.day, effect.before.verdict, effect.after.verdict, effect.move_to) for effect in effects
    ]


def test_a_law_that_begins_moves_those_who_exclude_it(looked_up: Atlas) -> None:
    effects = what_if(ALL, looked_up, LawBegins("IS", KEY, DAY), TODAY, ["IS", "FI"])
    assert told(effects) == [("ada", DAY, Verdict.ALLOW, Verdict.DENY, "FI")]
    assert effects[0].after.because == (f"FACT_DENIED:{KEY}",)


def test_a_law_that_begins_where_nobody_looked_changes_a_hold_into_a_denial(atlas: Atlas) -> None:
    effects = what_if([ADA], atlas, LawBegins("IS", KEY, DAY), TODAY, ["FI"])
    assert told(effects) == [("ada", DAY, Verdict.HOLD, Verdict.DENY, None)]


def test_a_country_that_joins_a_bloc_moves_its_tenants(looked_up: Atlas) -> None:
    effects = what_if(ALL, looked_up, JoinsBloc("NO", "FVEY", DAY), TODAY, ["NO", "DE", "FI"])
    assert told(effects) == [("ben", DAY, Verdict.ALLOW, Verdict.DENY, "FI")]


def test_an_owner_from_a_denied_bloc_moves_its_tenants(looked_up: Atlas) -> None:
    effects = what_if(ALL, looked_up, OwnerChanges(("DE",), ("DE", "US"), DAY), TODAY)
    assert told(effects) == [("cleo", DAY, Verdict.ALLOW, Verdict.DENY, None)]
    assert effects[0].after.because == ("CTRL_DENIED:US:FVEY",)


def test_a_change_that_touches_nobody_has_no_effect(looked_up: Atlas) -> None:
    assert what_if(ALL, looked_up, LawBegins("SG", KEY, DAY), TODAY) == ()
    assert what_if((), looked_up, LawBegins("IS", KEY, DAY), TODAY) == ()


def test_a_change_in_the_past_is_felt_today(looked_up: Atlas) -> None:
    effects = what_if([ADA], looked_up, LawBegins("IS", KEY, date(2020, 1, 1)), TODAY)
    assert [effect.day for effect in effects] == [TODAY]


def test_a_law_that_ends_lets_tenants_in(looked_up: Atlas) -> None:
    denied = looked_up.replacing([replace(looked_up.fact(f"IS.{KEY}"), state="yes", value="yes")])
    effects = what_if([ADA], denied, LawBegins("IS", KEY, DAY, state="no"), TODAY)
    assert told(effects) == [("ada", DAY, Verdict.DENY, Verdict.ALLOW, None)]


def test_what_the_facts_already_hold_in_store(looked_up: Atlas) -> None:
    now = looked_up.fact(f"IS.{KEY}")
    scheduled = looked_up.replacing(
        [
            replace(now, in_force_until=DAY - timedelta(days=1)),
            replace(now, id=f"IS.{KEY}.2", state="yes", value="yes", status="scheduled", in_force_from=DAY),
        ]
    )
    assert told(upcoming(ALL, scheduled, TODAY, ["FI"])) == [("ada", DAY, Verdict.ALLOW, Verdict.DENY, "FI")]
    assert DAY in future_days(scheduled, TODAY)


def test_the_shipped_facts_know_one_future_day(atlas: Atlas) -> None:
    assert future_days(atlas, TODAY) == [date(2031, 12, 28)]  # British adequacy has ended the day before
