"""The cast before a browser: an operator Mo, Ada who owns tenant harbour, Ben who is its member, Cleo of tenant fjord.

Each is a Django test client whose session is whole: second factor proven, and Mo has stated from where and why.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client
from django.utils import timezone

from jurisdiction.records import operators
from mailhost.models import Mailbox
from mailhost.provision import mailboxes
from tests import photograph
from tests.notaries import keys_of
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from webadmin.accounts import entry, signin
from webadmin.accounts.models import Account
from webadmin.accounts.sessions import SessionStore
from webadmin.cell import notarial
from webadmin.web import gate

MOS_PASSWORD: Final = "granite under heather"
ADAS_PASSWORD: Final = house.ADAS_PASSWORD
TODAY: Final = date(2027, 3, 14)


def web() -> Client:
    """A browser that nobody has signed in with."""
    return Client(headers={"host": "localhost"}, enforce_csrf_checks=False)


def found() -> mailboxes.NewMailbox:
    """Both tenants, with mailboxes ada@, ben@ (harbour) and cleo@ (fjord). Only Ada has keys, which are told."""
    lay_keys()
    return photograph.once("the cast before a browser", _found)


def _found() -> mailboxes.NewMailbox:
    house.found(FakeDirectory().of(house.CELL))
    ada = house.add_ada()
    for address in ("ben@example.is", "cleo@example.no"):
        box = house.invite(address)
        box.state = Mailbox.State.ACTIVE
        box.save()
    return ada


def lay_keys() -> None:
    """The key files that the small cell of `tests.provision.house` was made with."""
    folder = settings.ENVIRON.keys
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, key in (keys_of(house.CELL) | {"app-password.key": house.SERVER_KEY}).items():
        (folder / name).write_bytes(key)


def account_of(address: str, role: Account.Role = Account.Role.NONE) -> Account:
    """The account of a mailbox that `found` made."""
    account = signin.of_mailbox(mailboxes.get(address), cell=house.CELL, today=TODAY)
    account.role = role
    account.save()
    return account


def mo() -> Account:
    """An operator."""
    made = Account(cell=house.CELL, name="mo", created=TODAY)
    made.set_password(MOS_PASSWORD)
    made.save()
    return made


def state(account: Account) -> None:
    """Say from where and why an operator works."""
    now = timezone.now()
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    operators.open_session("0" * 31 + "1", str(account.name), notary.home.country, "a test", notary, now)


def signed_in(account: Account, *, verified: bool = True, sudo: bool = False) -> Client:
    """A browser with a session of this account."""
    session = SessionStore()
    session[SESSION_KEY] = account._meta.pk.value_to_string(account)
    session[BACKEND_SESSION_KEY] = entry.BACKEND
    session[HASH_SESSION_KEY] = account.get_session_auth_hash()
    if verified:
        session[gate.VERIFIED] = True
    if sudo:
        session[gate.SUDO_UNTIL] = int(timezone.now().timestamp()) + entry.SUDO
    session.save()
    client = web()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    return client
