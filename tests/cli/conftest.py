"""The command line inside the test's own process and database, with the cell's certificate in place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from typer.testing import CliRunner

from mailhost.models import CellIdentity
from tests import photograph
from tests.notaries import keys_of
from tests.provision import house
from tests.provision.fakes import FakeDirectory
from webadmin.cell import cellcert, keyfiles
from webadmin.cli import build


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, f"not one line: {self.out!r}"
        return json.loads(self.out)


Skerry = Callable[..., Ran]


@pytest.fixture
def certified(db: None) -> None:
    """The three witnesses of the cell agree."""
    for name, key in keys_of(house.CELL).items():
        keyfiles.place(settings.ENVIRON.keys / name, key)
    certificate = cellcert.read_or_make(settings.ENVIRON.keys, settings.ENVIRON.cell, datetime.now(UTC))
    CellIdentity.objects.update(certificate_sha256=certificate.sha256)


@pytest.fixture
def skerry(certified: None) -> Skerry:
    """Run `skerry ARGUMENTS…` with `typed` on standard input."""

    def run(*arguments: str, typed: str = "") -> Ran:
        result = CliRunner().invoke(build(arguments), list(arguments), input=typed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def cell(certified: None) -> None:
    """Tenants harbour and fjord with their domains."""
    house.found(FakeDirectory().of(house.CELL))


@pytest.fixture
def ada(skerry: Skerry, cell: None) -> Any:
    """Ada's mailbox, as `mailbox add --json` told it."""
    typed = house.ADAS_PASSWORD + "\n"
    return photograph.once(
        "Ada's mailbox",
        lambda: skerry("mailbox", "add", "ada@example.is", "--password-stdin", "--json", typed=typed).json,
    )
