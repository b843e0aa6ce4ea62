"""What every command of a cell shares: opening the cell, asking for secrets and consent.

A command is a door, not a room: it opens the cell with `opened`, calls one use-case, and gives its value to
`answers.answer` or `answers.answer_list`. All expected errors of the use-cases pass through `opened` and come out as
one sentence.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated

import typer
from django.conf import settings
from django.db import transaction

from jurisdiction.notary import Notary
from jurisdiction.records.operators import Refused
from mailhost.adapters.blobs import FileBlobs
from mailhost.provision.claims import Claims
from mailhost.provision.errors import CannotProvision
from mailhost.provision.removal import Blobs
from webadmin import operating
from webadmin.cell import identity, notarial
from webadmin.cell.control import DirectoryProcess
from webadmin.cell.keyfiles import read_or_make
from webadmin.cli.answers import fail
from webadmin.environ import Environ
from webadmin.processes import prepare

YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")]
PasswordStdinFlag = Annotated[
    bool, typer.Option("--password-stdin", help="Read the account password from the first line of standard input.")
]
# Longest line of a secret read from standard input.
MAX_SECRET_LINE = 4096


class WrongUse(Exception):
    """The command cannot be given like this: exit code 2."""


class Failed(Exception):
    """An expected failure of a command itself: exit code 1."""


@dataclass(frozen=True)
class Cell:
    """The cell of this process, as the use-cases want it."""

    environ: Environ
    now: datetime
    claims: Claims
    blobs: Blobs

    @cached_property
    def notary(self) -> Notary:
        """The cell's facts, keys and log, read once: a list asks for each of its tenants."""
        return notarial.notary(self.environ, today=self.now.date())

    def act(self, tenant: str, what: str, *, dangerous: bool = False) -> None:
        """Ask whether the operator may do this to the tenant, and write it down. Raises operators.Refused."""
        operating.act(self.environ, self.notary, self.now, tenant, what, dangerous=dangerous)

    def may_see(self, tenant: str) -> bool:
        """Whether a list may show this tenant to the operator."""
        return operating.may_see(self.environ, self.notary, self.now, tenant)

    @property
    def server_key(self) -> bytes:
        """Key of the hashes of login secrets."""
        return read_or_make(self.environ.keys / "app-password.key")

    @property
    def wishes_key(self) -> bytes:
        """Key that owners' filters are sealed with."""
        # What knows it knows how to seal, which lists of tenants and mailboxes do not need.
        from mailhost.adapters.wishbook import WISHES_KEY  # noqa: PLC0415

        return read_or_make(self.environ.keys / WISHES_KEY)


class _NothingClaimed:
    """The directory in a dry run: everything is free and nothing is written."""

    def claim_tenant(self, _slug: str) -> bool:
        return False

    def release_tenant(self, _slug: str) -> None:
        return

    def claim_domain(self, _domain: str) -> bool:
        return False

    def release_domain(self, _domain: str) -> None:
        return


class _NothingRemoved:
    """The blob folder in a dry run."""

    def remove(self, _name: str) -> None:
        return


@contextmanager
def opened(*, as_json: bool, dry_run: bool = False) -> Iterator[Cell]:
    """The prepared cell for one command; a dry run happens in a transaction that is rolled back."""
    environ: Environ = settings.ENVIRON
    now = datetime.now(UTC)
    with refusals(as_json=as_json):
        prepare.ensure(environ, now=now)
        if not dry_run:
            yield Cell(environ, now, DirectoryProcess(environ), FileBlobs(environ.blobs))
            return
        with transaction.atomic():
            yield Cell(environ, now, _NothingClaimed(), _NothingRemoved())
            transaction.set_rollback(True)


def tried(dry_run: bool) -> str:
    """What is added to an act that only asks what would happen."""
    return ", dry run" if dry_run else ""


@contextmanager
def refusals(*, as_json: bool) -> Iterator[None]:
    """Turn every expected error into its sentence and its exit code."""
    try:
        yield
    except WrongUse as problem:
        fail(str(problem), as_json=as_json, code=2)
    except (CannotProvision, Failed, Refused, *prepare.EXPECTED) as problem:
        fail(identity.in_words(problem), as_json=as_json)
    except OSError as problem:
        fail(f"{problem.filename or 'a file'}: {problem.strerror or type(problem).__name__}", as_json=as_json)


def confirm(question: str, *, yes: bool) -> None:
    """Go on only with consent. Raises WrongUse where nobody can be asked, Failed for a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUse(f"{question} Add --yes to confirm.")
    if not typer.confirm(question, err=True):
        raise Failed("nothing was changed")


def secret(prompt: str, *, from_stdin: bool, twice: bool = False, option: str = "--password-stdin") -> str:
    """A password or phrase: from the first line of standard input, which `option` asks for, or typed without echo.

    Raises WrongUse.
    """
    if from_stdin:
        line = sys.stdin.readline(MAX_SECRET_LINE).rstrip("\r\n")
        if not line:
            raise WrongUse(f"standard input held no {prompt}")
        return line
    if not sys.stdin.isatty():
        raise WrongUse(f"the {prompt} is asked for on a terminal; in a script use {option}")
    typed = getpass.getpass(f"{prompt.capitalize()}: ")
    if not typed:
        raise WrongUse(f"the {prompt} is empty")
    if twice and getpass.getpass(f"{prompt.capitalize()} again: ") != typed:
        raise WrongUse("the two do not match; nothing was changed")
    return typed
