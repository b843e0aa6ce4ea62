"""Tokens on a tenant's page: made with proof, shown once, ended; never another tenant's."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.webadmin import people
from webadmin.accounts.models import Account
from webadmin.api import rights
from webadmin.api.models import ApiToken
from webadmin.tenants.forms import RIGHTS
from webadmin.tenants.views.programs import WAITING

AT = "/tenants/harbour/programs/"
WISH = {"name": "invitations", "days": "30", "rights": ["mailboxes:read", "mailboxes:write"]}


def test_a_token_is_shown_once_and_works(ada: Client) -> None:
    page = ada.post(f"{AT}new/", WISH, follow=True).content.decode()
    [text] = set(re.findall(r"skerry_[a-z2-7]{26}", page))
    assert text not in ada.get(AT).content.decode()
    head = {"host": "localhost", "authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/tenants/harbour/mailboxes", headers=head).status_code == 200
    ada.post(f"{AT}{ApiToken.objects.get().pk}/revoke/")
    assert Client().get("/api/v1/tenants/harbour/mailboxes", headers=head).status_code == 401


def test_what_waits_to_be_shown_stands_in_clear_nowhere(ada: Client) -> None:
    ada.post(f"{AT}new/", WISH)
    waiting = dict(ada.session.items())
    assert WAITING in waiting
    assert "skerry_" not in str(waiting)


def test_a_form_that_is_sent_twice_makes_one_token(ada: Client) -> None:
    for _ in range(2):
        assert ada.post(f"{AT}new/", WISH | {"once": "same"}).status_code == 302
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"name": ""}, "required"),
        ({"days": "0"}, "greater"),
        ({"rights": []}, "required"),
        ({"rights": ["all"]}, "valid"),
    ],
)
def test_a_refused_form_is_shown_again(ada: Client, wish: dict[str, object], words: str) -> None:
    page = ada.post(f"{AT}new/", WISH | wish)
    assert page.status_code == 422
    assert words in page.content.decode()
    assert not ApiToken.objects.exists()


def test_a_name_is_used_once(ada: Client) -> None:
    ada.post(f"{AT}new/", WISH)
    assert "There is a token" in ada.post(f"{AT}new/", WISH).content.decode()


def test_making_one_asks_for_proof(ada: Client) -> None:
    later = people.signed_in(Account.objects.get(mailbox__address="ada@example.is"))
    answer = later.post(f"{AT}new/", WISH)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/account/prove-again/")


def test_another_tenants_token_cannot_be_ended(ada: Client, cleo: Client) -> None:
    ada.post(f"{AT}new/", WISH)
    number = ApiToken.objects.get().pk
    cleo.post(f"/tenants/fjord/programs/{number}/revoke/")
    assert cleo.post(f"{AT}{number}/revoke/").status_code == 404
    assert ApiToken.objects.exists()


def test_every_right_of_a_tenant_has_words() -> None:
    assert set(RIGHTS) == rights.OF_TENANTS
