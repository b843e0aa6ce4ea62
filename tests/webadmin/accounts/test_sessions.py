"""Sessions: a copy of the table signs nobody in, times are hours, everybody ends their own and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from tests.webadmin import people
from webadmin.accounts import entry, factors, operators, sessions
from webadmin.accounts.models import Account, WebSession

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Account:
    people.found()
    return people.account_of("ada@example.is")


def test_the_table_holds_a_hash_of_the_browsers_key(ada: Account) -> None:
    client = people.signed_in(ada)
    row = WebSession.objects.get(account=ada)
    key = client.session.session_key
    assert key is not None
    assert row.session_key == sessions.digest(key) != key
    thief = people.web()
    thief.cookies["skerry_session"] = row.session_key
    assert thief.get("/account/").status_code == 302


def test_times_are_hours(ada: Account) -> None:
    client = people.signed_in(ada)
    client.get("/account/")
    row = WebSession.objects.get(account=ada)
    for moment in (row.created, row.used, row.expire_date):
        assert (moment.minute, moment.second, moment.microsecond) == (0, 0, 0)


def test_a_session_ends_by_itself(ada: Account) -> None:
    with time_machine.travel(datetime(2027, 3, 14, 15, 9, tzinfo=UTC), tick=False) as clock:
        client = people.signed_in(ada)
        clock.shift(timedelta(days=13))
        assert client.get("/account/").status_code == 200
        clock.shift(timedelta(days=2))
        assert client.get("/account/").status_code == 302


def test_a_session_is_named_and_ended_by_its_own_account_only(ada: Account) -> None:
    cleo = people.signed_in(people.account_of("cleo@example.no"))
    here, there = people.signed_in(ada), people.signed_in(ada)
    key = sessions.digest(there.session.session_key or "")
    cleo.post(f"/account/sessions/{key}/name/", {"words": "mine"})
    assert cleo.post(f"/account/sessions/{key}/end/").status_code == 404
    here.post(f"/account/sessions/{key}/name/", {"words": "the phone"})
    assert WebSession.objects.get(session_key=key).words == "the phone"
    assert "the phone" in here.get("/account/").content.decode()
    assert here.post(f"/account/sessions/{key}/end/").status_code == 302
    assert there.get("/account/").status_code == 302
    assert here.get("/account/").status_code == 200


def test_who_ends_the_session_they_are_in_is_signed_out(ada: Account) -> None:
    here, there = people.signed_in(ada), people.signed_in(ada)
    answer = here.post(f"/account/sessions/{sessions.digest(here.session.session_key or '')}/end/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert (here.get("/account/").status_code, there.get("/account/").status_code) == (302, 200)


def test_all_others_end_at_once(ada: Account) -> None:
    here, there = people.signed_in(ada), people.signed_in(ada)
    assert here.post("/account/sessions/end-others/").status_code == 302
    assert (here.get("/account/").status_code, there.get("/account/").status_code) == (200, 302)
    assert sessions.end_others(ada, None) == 1


def _with_the_same_cookie(browser: Client) -> Client:
    """Somebody who has seen it."""
    thief = people.web()
    thief.cookies[settings.SESSION_COOKIE_NAME] = browser.cookies[settings.SESSION_COOKIE_NAME].value
    return thief


def test_a_key_seen_before_a_proof_is_worth_nothing_after_it(ada: Account) -> None:
    mo = people.signed_in(people.mo())
    thief = _with_the_same_cookie(mo)
    assert thief.get("/account/").status_code == 200
    assert mo.post("/account/prove-again/", {"password": people.MOS_PASSWORD}).status_code == 302
    assert mo.get("/account/recovery-codes/").status_code == 200
    assert thief.get("/account/recovery-codes/").headers["Location"].startswith("/sign-in/")


def test_a_key_seen_before_the_first_factor_is_worth_nothing_after_it(ada: Account) -> None:
    mo = people.signed_in(people.mo(), verified=False)
    mo.get("/second-factor/set-up/")
    thief = _with_the_same_cookie(mo)
    secret = bytes.fromhex(factors.unlocked(mo.session["secret"], entry.key("factor.key")))
    code = factors.code_at(secret, int(timezone.now().timestamp()) // factors.STEP)
    assert mo.post("/second-factor/set-up/", {"code": code}).headers["Location"] == "/account/recovery-codes/"
    assert mo.get("/account/").status_code == 200
    assert thief.get("/account/").headers["Location"].startswith("/sign-in/")


def test_a_browser_keeps_its_name_and_its_beginning_when_its_key_changes(ada: Account) -> None:
    with time_machine.travel(datetime(2027, 3, 14, 15, 9, tzinfo=UTC), tick=False) as clock:
        mo = people.signed_in(people.mo())
        mo.post(f"/account/sessions/{sessions.digest(mo.session.session_key or '')}/name/", {"words": "the desk"})
        clock.shift(timedelta(hours=3))
        mo.post("/account/prove-again/", {"password": people.MOS_PASSWORD})
    row = WebSession.objects.get()
    assert (row.words, row.created.hour, row.used.hour) == ("the desk", 15, 18)


def test_a_session_from_before_a_role_runs_no_tenant(ada: Account) -> None:
    thief = people.signed_in(ada, verified=False)
    assert thief.get("/account/").status_code == 200
    operators.give_role(ada, Account.Role.ADMIN)
    assert thief.get("/second-factor/set-up/").headers["Location"].startswith("/sign-in/")
    here = people.signed_in(ada)
    operators.give_role(ada, Account.Role.ADMIN)
    assert here.get("/account/").status_code == 200, "nothing has changed"


def test_a_session_of_another_cell_is_refused_by_the_database(ada: Account) -> None:
    people.signed_in(ada)
    with pytest.raises(DatabaseError), transaction.atomic():
        WebSession.objects.update(cell="no-1")
    with pytest.raises(DatabaseError), transaction.atomic():
        Account.objects.update(cell="no-1")


def test_an_account_is_an_operator_or_an_owner_never_both(ada: Account) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Account.objects.filter(pk=ada.pk).update(name="ada")
    with pytest.raises(DatabaseError), transaction.atomic():
        Account.objects.create(cell="is-1", created=people.TODAY, password="!")


def test_an_operators_session_lasts_a_day(ada: Account) -> None:
    people.mo()
    client = people.web()
    client.post("/operators/sign-in/", {"name": "mo", "password": people.MOS_PASSWORD})
    assert 0 < client.session.get_expiry_age() <= entry.OPERATORS_DAY


def test_an_operators_day_is_not_made_longer_by_using_it(ada: Account) -> None:
    people.mo()
    client = people.web()
    with time_machine.travel(datetime(2027, 3, 14, 8, tzinfo=UTC), tick=False) as clock:
        client.post("/operators/sign-in/", {"name": "mo", "password": people.MOS_PASSWORD})
        clock.shift(timedelta(hours=11))
        answer = client.get("/second-factor/set-up/")
        assert answer.status_code == 200
        assert answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"] <= 3600, "it was changed, and its end was not"
        clock.shift(timedelta(hours=2, minutes=1))
        assert client.get("/second-factor/set-up/").headers["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("address", ["/account/", "/signup/place/"])
def test_what_strangers_leave_behind_is_swept_soon(ada: Account, address: str) -> None:
    with time_machine.travel(datetime(2027, 3, 14, 15, 9, tzinfo=UTC), tick=False) as clock:
        stranger = people.web()
        stranger.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
        shown = stranger.get(address, follow=True).content.decode()
        assert "Your session has ended" in shown or "begins with the first question" in shown
        clock.shift(timedelta(hours=2))
        sessions.sweep(timezone.now())
        assert not WebSession.objects.exists()


def test_what_is_signed_in_is_not_kept_by_the_browsers_cache(ada: Account) -> None:
    assert "no-store" in people.signed_in(ada).get("/account/").headers["Cache-Control"]
