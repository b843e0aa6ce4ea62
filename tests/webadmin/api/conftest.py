"""Programs of Ada (tenant harbour), Cleo (fjord) and the operator Mo, each with a token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from mailhost.models import Tenant
from tests.fakedns import FakeDns
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from tests.webadmin import people
from webadmin.api import door, rates, rights, tokens
from webadmin.cell import hosting
from webadmin.cell.keyfiles import read_or_make
from webadmin.tenants import surroundings

ROOT = "/api/v1"


@dataclass(frozen=True)
class Program:
    """Something that speaks to the interface with one token."""

    text: str

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer; `path` is below the root."""
        words: dict[str, Any] = {"headers": {"host": "localhost", "authorization": f"Bearer {self.text}"} | headers}
        if body is not None:
            words |= {"data": body, "content_type": "application/json"}
        return getattr(Client(), method.lower())(ROOT + path, **words)

    def ask(self, path: str, status: int = 200) -> Any:
        """What a GET gives, as values."""
        return self._json(self("GET", path), status)

    def do(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """What any other request gives, as values."""
        return self._json(self(method, path, body, **headers), status)

    def _json(self, answer: Any, status: int) -> Any:
        assert answer.status_code == status, answer.content.decode()
        return answer.json()


def token(tenant: str | None, *words: str, name: str = "test", days: int = 30, operator: str = "mo") -> str:
    """A new token of a tenant, or of an operator."""
    now = timezone.now()
    return tokens.make(
        tenant=Tenant.objects.get(slug=tenant) if tenant else None,
        operator="" if tenant else operator,
        cell=house.CELL,
        name=name,
        allowed=rights.chosen(words or ("all",), operator=tenant is None),
        expires=now.date() + timedelta(days=days),
        today=now.date(),
        key=read_or_make(settings.ENVIRON.keys / tokens.KEY_FILE),
    ).text


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> FakeDns:
    """An empty DNS that this cell asks."""
    made = FakeDns()
    monkeypatch.setattr(settings, "ENVIRON", settings.ENVIRON.model_copy(update={"resolver": "127.0.0.1:53"}))
    monkeypatch.setattr(hosting, "resolver", lambda _environ: made)
    return made


@pytest.fixture
def cell(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both tenants with their mailboxes, the directory in memory, and nobody hurried."""
    directory = FakeDirectory().of(house.CELL)
    monkeypatch.setattr(surroundings, "DirectoryProcess", lambda _environ: directory)
    monkeypatch.setattr(door, "BUCKETS", rates.Buckets(rates.Memory()))
    people.found()


@pytest.fixture
def ada(cell: None) -> Program:
    return Program(token("harbour"))


@pytest.fixture
def cleo(cell: None) -> Program:
    return Program(token("fjord"))


@pytest.fixture
def mo(cell: None) -> Program:
    """On an operator's own box: the session opens by itself."""
    return Program(token(None))


type Made = Callable[..., Program]


@pytest.fixture
def with_rights(cell: None) -> Made:
    """A program of harbour with these rights and no others."""
    return lambda *words: Program(token("harbour", *words, name=" ".join(words)))
