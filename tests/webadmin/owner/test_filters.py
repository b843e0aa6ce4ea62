"""An owner's filters and the answer while away, on their pages: nothing lost, nothing of another window overwritten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mailhost.adapters.wishbook import wishes_box
from mailhost.models import OwnerWishes, WishCount
from mailhost.provision import aliases, mailboxes, wishes
from mailhost.rules.away import Away
from mailhost.rules.rule import ASKS, MAX_CONDITIONS, MAX_RULES, Rule, Rules, action, condition
from mailhost.rules.standing import Standing
from tests.provision import house
from tests.webadmin import people
from webadmin.cell.keyfiles import read_or_make
from webadmin.owner import rulewords
from webadmin.owner.ruleforms import FilterForm, shown
from webadmin.version import VERSION

pytestmark = pytest.mark.django_db

ADA = "ada@example.is"
TIDES = Rule(
    "tides",
    (condition("sender", "domain", "example.no"), condition("size", "over", str(3 << 19))),
    (action("folder", "Lists/Tides"), action("flag", "\\Seen"), action("stop")),
    any_of=True,
)
ON = Rule("on", (condition("junk", "yes"),), (action("forward", "a@b.test"), action("discard")), off=True)


@pytest.fixture(autouse=True)
def found() -> None:
    people.found()


@pytest.fixture
def ada() -> Client:
    return people.signed_in(people.account_of(ADA), sudo=True)


def keys() -> Any:
    return wishes_box(read_or_make(settings.ENVIRON.keys / "wishes.key"))


def kept() -> Standing:
    return wishes.of(mailboxes.get(ADA), keys()).standing


def keep(*rules: Rule) -> int:
    return wishes.set_rules(mailboxes.get(ADA), rules, keys()).version


def sent(**changed: str) -> dict[str, str]:
    """The form as somebody fills it in."""
    return {
        "name": "tides",
        "any_of": "",
        "ask_0": "subject:contains",
        "value_0": "tides",
        "folder": "lists",
        "version": "0",
    } | changed


def post(client: Client, path: str, fields: dict[str, str]) -> tuple[int, str]:
    answer: Any = client.post(path, fields)
    return answer.status_code, answer.content.decode()


def test_a_filter_is_made_and_stands_in_the_list_in_words(ada: Client) -> None:
    aliases.add("dora@example.is", "ben@example.is", cell=house.CELL)
    assert "No filter yet" in ada.get("/mailbox/filters/").content.decode()
    assert ada.get("/mailbox/filters/new/").status_code == 200
    status, _ = post(
        ada, "/mailbox/filters/new/", sent(forward="ben@example.is, dora@example.is", seen="on", stop="on")
    )
    assert status == 302
    [made] = kept().rules
    assert made.conditions == (condition("subject", "contains", "tides"),)
    assert [one.does for one in made.actions] == ["folder", "flag", "forward", "forward", "stop"]
    text = ada.get("/mailbox/filters/").content.decode()
    assert "The subject contains: tides" in text
    assert "send a copy to dora@example.is" in text
    assert "this host can read them" in text
    assert f"Skerry {VERSION}" in text


def test_a_filter_opened_and_saved_is_the_same_filter(ada: Client) -> None:
    for one in (TIDES, ON):
        version = keep(one)
        page = ada.get("/mailbox/filters/1/")
        form = page.context["form"]
        filled = {name: form[name].value() for name in form.fields}
        fields = {
            name: "on" if value is True else str(value) for name, value in filled.items() if value not in (None, False)
        }
        assert post(ada, "/mailbox/filters/1/", fields | {"version": str(version)})[0] == 302
        assert kept().rules == (one,)


def test_every_condition_can_be_asked_for_and_is_said_in_words() -> None:
    assert set(rulewords.CONDITIONS) == {(about, asks) for about, ways in ASKS.items() for asks in ways}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": ""}, "required"),
        ({"ask_0": "", "value_0": "", "ask_3": "", "value_3": ""}, "1 to 10 conditions"),
        ({"ask_0": ""}, "Choose what this is looked for in"),
        ({"value_0": ""}, "needs something to look for"),
        ({"ask_0": "sender:is", "value_0": "cleo"}, "cannot be looked for"),
        ({"ask_0": "size:over", "value_0": "large"}, "whole number"),
        ({"ask_0": "size:over", "value_0": "9e999"}, "whole number"),
        ({"ask_0": "weather:is"}, "valid choice"),
        ({"folder": ""}, "1 to 6 things"),
        ({"folder": "a//b"}, "cannot have this name"),
        ({"forward": "nobody"}, "no address to forward to"),
        ({"forward": ADA}, "this mailbox itself"),
        ({"forward": "a@b.test b@b.test c@b.test d@b.test"}, "at most 3"),
        ({"discard": "on"}, "choose one of the two"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_that_was_typed_is_lost(
    ada: Client, fields: dict[str, str], wrong: str
) -> None:
    filled = sent(ask_3="subject:contains", value_3="a fourth one") | fields
    status, text = post(ada, "/mailbox/filters/new/", filled)
    assert status == 422
    assert wrong in text
    assert not OwnerWishes.objects.exists()
    for value in filled.values():
        if value and ":" not in value:
            assert value in text


def test_a_filter_of_another_window_is_not_overwritten_and_saving_again_works(ada: Client) -> None:
    version = keep(TIDES)
    keep(TIDES, ON)
    status, text = post(ada, "/mailbox/filters/1/", sent(version=str(version)))
    assert status == 422
    assert "changed in another window" in text
    assert kept().rules == (TIDES, ON)
    assert post(ada, "/mailbox/filters/1/", sent(version=str(version + 1)))[0] == 302
    assert [one.name for one in kept().rules] == ["tides", "on"]


def test_a_form_sent_twice_makes_one_filter(ada: Client) -> None:
    for _ in range(2):
        assert post(ada, "/mailbox/filters/new/", sent(once="one-token"))[0] == 302
    assert len(kept().rules) == 1


def test_order_and_removal_and_a_list_that_is_out_of_date(ada: Client) -> None:
    version = str(keep(TIDES, ON))
    ada.post("/mailbox/filters/2/move/", {"version": version})
    assert kept().rules == (ON, TIDES)
    ada.post("/mailbox/filters/1/remove/", {"version": version})
    assert kept().rules == (ON, TIDES), "the button was of the old list"
    ada.post("/mailbox/filters/1/remove/", {"version": str(int(version) + 1)})
    assert kept().rules == (TIDES,)
    for path in ("/mailbox/filters/1/move/", "/mailbox/filters/9/move/"):
        assert ada.post(path, {"version": "x"}).status_code == 302
    assert ada.post("/mailbox/filters/9/remove/", {"version": "1"}).status_code == 404
    assert ada.get("/mailbox/filters/9/").status_code == 404
    assert kept().rules == (TIDES,)


def test_a_filter_that_has_become_a_circle_is_said_and_can_be_removed(ada: Client) -> None:
    to_sales = replace(ON, actions=(action("forward", "sales@example.is"),))
    version = str(keep(TIDES, to_sales))
    aliases.add("sales@example.is", ADA, cell=house.CELL)
    for path in ("/mailbox/filters/2/move/", "/mailbox/filters/1/remove/"):
        assert ada.post(path, {"version": version}).status_code == 302
    assert "sales@example.is is this mailbox itself" in ada.get("/mailbox/filters/").content.decode()
    assert kept().rules == (TIDES, to_sales)
    ada.post("/mailbox/filters/2/remove/", {"version": version})
    assert kept().rules == (TIDES,)


def test_more_filters_than_there_may_be_are_refused(ada: Client) -> None:
    version = keep(*(replace(TIDES, name=f"n{number}") for number in range(MAX_RULES)))
    status, text = post(ada, "/mailbox/filters/new/", sent(version=str(version)))
    assert status == 422
    assert "at most 100 rules" in text


def test_a_filter_with_all_its_conditions_offers_no_more() -> None:
    full: Rules = (replace(TIDES, conditions=(condition("junk", "yes"),) * MAX_CONDITIONS),)
    assert FilterForm(slots=MAX_CONDITIONS + 1, initial=shown(full[0])).slots == MAX_CONDITIONS


def test_nobody_elses_filters_are_seen_or_changed(ada: Client) -> None:
    version = keep(TIDES)
    for address in ("ben@example.is", "cleo@example.no"):
        other = people.signed_in(people.account_of(address), sudo=True)
        assert "tides" not in other.get("/mailbox/filters/").content.decode()
        assert other.get("/mailbox/filters/1/").status_code == 404
        assert other.post("/mailbox/filters/1/remove/", {"version": str(version)}).status_code == 404
    assert kept().rules == (TIDES,)


def test_to_make_one_asks_for_a_fresh_proof_and_what_was_typed_waits(ada: Client) -> None:
    stale = people.signed_in(people.account_of(ADA))
    assert stale.get("/mailbox/filters/").status_code == 200
    assert "/account/prove-again" in stale.get("/mailbox/filters/new/").headers["location"]
    answer = stale.post("/mailbox/filters/new/", sent(name="carried over"))
    assert "/account/prove-again" in answer.headers["location"]
    session = stale.session
    session["sudo_until"] = 2**40
    session.save()
    assert "carried over" in stale.get("/mailbox/filters/new/").content.decode()


def test_filters_that_cannot_be_opened_are_said_to_be_safe_from_being_overwritten(ada: Client) -> None:
    version = keep(TIDES)
    OwnerWishes.objects.update(text=b"noise")
    assert "restore the key file" in ada.get("/mailbox/filters/").content.decode()
    assert ada.get("/mailbox/filters/new/").status_code == 302
    assert ada.post("/mailbox/filters/1/remove/", {"version": str(version)}).status_code == 404
    assert "restore the key file" in ada.get("/mailbox/vacation/").content.decode()
    assert bytes(OwnerWishes.objects.get().text) == b"noise"


def test_the_list_asks_the_database_as_often_for_many_as_for_none_and_counts_what_happened(
    ada: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    keep(*(replace(TIDES, name=f"n{number}") for number in range(30)))
    for what, number in (("forwarded", 3), ("egress_held", 2), ("something_new", 1)):
        WishCount.objects.create(mailbox=mailboxes.get(ADA), day=people.TODAY, what=what, messages=number)
    with django_assert_max_num_queries(10):
        text = ada.get("/mailbox/filters/").content.decode()
    assert "forwarded: 3" in text
    assert "holds mail for there: 2" in text
    assert "it could not be delivered: 1" in text


AWAY = {"text": "I am at sea.\nÁda", "subject": "", "since": "2027-01-01", "until": "", "days": "3", "version": "0"}


def test_an_answer_is_saved_shown_and_switched_off(ada: Client) -> None:
    assert "Nobody is answered." in ada.get("/mailbox/vacation/").content.decode()
    assert post(ada, "/mailbox/vacation/", AWAY | {"since": "", "on": ""})[0] == 302
    assert kept().away == Away("I am at sea.\nÁda", days=3)
    text = ada.get("/mailbox/vacation/").content.decode()
    assert "get your answer now" in text
    assert post(ada, "/mailbox/vacation/", AWAY | {"since": "", "version": "1", "off": ""})[0] == 302
    assert kept().away == Away("I am at sea.\nÁda", days=3, off=True)
    assert "Nobody is answered." in ada.get("/mailbox/vacation/").content.decode()


def test_an_answer_for_later_says_so(ada: Client) -> None:
    post(ada, "/mailbox/vacation/", AWAY | {"since": "2999-01-01", "on": ""})
    assert "begins on its first day" in ada.get("/mailbox/vacation/").content.decode()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"text": ""}, "required"),
        ({"text": "x\x01"}, "control characters"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"until": "2026-01-01"}, "before the first"),
        ({"since": "soon"}, "valid date"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_and_nothing_is_lost(
    ada: Client, fields: dict[str, str], wrong: str
) -> None:
    status, text = post(ada, "/mailbox/vacation/", AWAY | {"subject": "A subject"} | fields)
    assert status == 422
    assert wrong in text
    assert "A subject" in text
    assert not OwnerWishes.objects.exists()


def test_an_answer_of_another_window_is_not_overwritten_and_filters_stay(ada: Client) -> None:
    keep(TIDES)
    status, text = post(ada, "/mailbox/vacation/", AWAY)
    assert status == 422
    assert "another window" in text
    assert post(ada, "/mailbox/vacation/", AWAY | {"version": "1"})[0] == 302
    assert kept().rules == (TIDES,)
    assert kept().away is not None
