"""The demo tenant: made once, completed after a crash, its logins given only when made. And the banner."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailhost.models import AppPassword, Mailbox
from mailhost.provision import mailboxes
from mailhost.provision.claims import Claims
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from webadmin.environ import read
from webadmin.processes import banner, demo


@pytest.fixture
def claims(db: None) -> Claims:
    return FakeDirectory().of(house.CELL)


def made(claims: Claims) -> list[demo.Login]:
    return demo.prepare(
        now=house.NOW, claims=claims, notary=house.NOTARY, server_key=house.SERVER_KEY, quota_bytes=house.QUOTA
    )


def test_the_first_time_both_mailboxes_are_made_with_their_access(claims: Claims) -> None:
    logins = made(claims)
    assert [(login.address, login.access) for login in logins] == [
        ("open@demo.test", "session"),
        ("sealed@demo.test", "sealed"),
    ]
    assert {row.access: row.wrap is not None for row in AppPassword.objects.all()} == {"session": True, "sealed": False}
    assert mailboxes.secret_keys("open@demo.test", logins[0].account_password)
    assert len({login.account_password for login in logins}) == 2
    assert "account" not in repr(logins[0]), "no repr shows a secret"


def test_a_later_time_nothing_is_made_and_nothing_is_told(claims: Claims) -> None:
    made(claims)
    assert made(claims) == []
    Mailbox.objects.filter(address="sealed@demo.test").delete()
    assert [login.address for login in made(claims)] == ["sealed@demo.test"], "what a crash left out is completed"


def test_the_banner_shows_logins_once_and_later_the_way_to_new_ones(claims: Claims, tmp_path: Path) -> None:
    environ = read({"home": tmp_path})
    logins = made(claims)
    first = banner.text(environ, "0.1.0", logins, demo_tenant=demo.TENANT)
    later = banner.text(environ, "0.1.0", [], demo_tenant=demo.TENANT)
    plain = banner.text(environ, "0.1.0", [], demo_tenant=None)
    for login in logins:
        assert login.app_password in first
        assert login.account_password in first
        assert login.app_password not in later
    assert "skerry app-password add open@demo.test" in later
    assert "demo" not in plain
    for text in (first, later, plain):
        assert "http://localhost:8025/" in text
