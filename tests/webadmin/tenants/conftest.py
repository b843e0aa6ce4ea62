"""Ada of harbour and Cleo of fjord before their browsers; the DNS and the directory are in memory."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from mailhost.models import Domain
from tests.fakedns import FakeDns
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.webadmin import people
from webadmin.accounts.models import Account
from webadmin.cell import hosting
from webadmin.tenants import surroundings


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> FakeDns:
    """An empty DNS that this cell asks."""
    made = FakeDns()
    monkeypatch.setattr(settings, "ENVIRON", settings.ENVIRON.model_copy(update={"resolver": "127.0.0.1:53"}))
    monkeypatch.setattr(hosting, "resolver", lambda _environ: made)
    return made


@pytest.fixture
def ada(db: None, dns: FakeDns, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The owner of harbour, proven just now."""
    directory = FakeDirectory().of(house.CELL)
    monkeypatch.setattr(surroundings, "DirectoryProcess", lambda _environ: directory)
    people.found()
    return people.signed_in(people.account_of("ada@example.is", Account.Role.OWNER), sudo=True)


@pytest.fixture
def cleo(ada: Client) -> Client:
    """The owner of fjord, another tenant."""
    return people.signed_in(people.account_of("cleo@example.no", Account.Role.OWNER), sudo=True)


def number_of(domain: str) -> int:
    """The number in a domain's addresses."""
    return Domain.objects.get(name=domain).pk
