"""App passwords that have let somebody in: how long they stay good, for who reads and for who sends."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from mailhost.adapters.imapstore.accounts import DatabaseAccounts
from mailhost.adapters.logins import FRESH, DatabaseLogins
from mailhost.models import AppPassword, Mailbox, Tenant
from mailhost.seal import Sealed
from mailhost.seal.apppassword import app_password_hash, new_app_password, parse_app_password
from tests.adapters.conftest import NOW, Box, Cell
from tests.imap.dialogue import ADA, PASSWORD, ada_with

KEY = b"s" * 32
LAST_DAY = NOW.date() + timedelta(days=7)


class Doors:
    """IMAP and submission of one cell, at `now`, and an app password of Ada's and of Ben's."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.now = NOW
        self.imap = DatabaseAccounts(cell.shop, key=KEY, seal_to=self._never, append_limit=10**6, now=self.clock)
        self.seconds = 0.0
        self.submission = DatabaseLogins(cell.shop.readers, key=KEY, now=self.clock, monotonic=lambda: self.seconds)

    def clock(self) -> datetime:
        return self.now

    async def _never(self, *_arguments: object) -> Sealed:
        raise AssertionError("nothing is appended here")

    async def opened(self, box: Box) -> int:
        """The login of a new app password that is good until LAST_DAY."""
        word = new_app_password()

        def make() -> None:
            AppPassword.objects.create(
                mailbox=box.mailbox,
                name="phone",
                access="sealed",
                secret_hash=app_password_hash(KEY, parse_app_password(word)),
                created=NOW.date(),
                expires=LAST_DAY,
            )

        await self.cell.shop.readers.run(make)
        account = await self.imap.login(box.mailbox.address, word, source="")
        sender = await self.submission.login(box.mailbox.address, word)
        assert sender is not None
        assert sender.app_password == account.login_id
        self.sender = sender
        return account.login_id


def _tenant(state: str) -> Callable[[], object]:
    return lambda: Tenant.objects.update(state=state)


def _ada() -> Mailbox:
    return Mailbox.objects.get(address="ada@example.is")


@pytest.mark.parametrize(
    ("change", "reads", "sends"),
    [
        (lambda: None, True, True),
        (lambda: AppPassword.objects.filter(mailbox=_ada()).update(revoked=date(2026, 11, 21)), False, False),
        (lambda: AppPassword.objects.filter(mailbox=_ada()).delete(), False, False),
        (lambda: Mailbox.objects.filter(pk=_ada().pk).update(state="suspended"), False, False),
        (lambda: _ada().delete(), False, False),
        (_tenant("suspended"), False, False),
        # What is there may still be read.
        (_tenant("held"), True, False),
        (_tenant("leaving"), True, False),
    ],
    ids=["nothing", "revoked", "removed", "suspended", "deleted", "tenant suspended", "tenant held", "tenant leaving"],
)
async def test_what_ends_a_login(cell: Cell, change: Callable[[], object], reads: bool, sends: bool) -> None:
    doors = Doors(cell)
    login = await doors.opened(cell.ada)
    await cell.shop.readers.run(change)
    doors.seconds += FRESH
    assert bool(await doors.imap.still_good([login])) is reads
    assert await doors.submission.still_good(doors.sender) is sends


async def test_a_revoked_login_sends_for_a_second_at_most(cell: Cell) -> None:
    doors = Doors(cell)
    await doors.opened(cell.ada)
    for _ in range(3):
        doors.seconds += FRESH / 2
        assert await doors.submission.still_good(doors.sender)
    await cell.shop.readers.run(AppPassword.objects.filter(mailbox=cell.ada.mailbox).delete)
    doors.seconds += FRESH
    assert not await doors.submission.still_good(doors.sender)


async def test_a_login_is_good_through_its_last_day(cell: Cell) -> None:
    doors = Doors(cell)
    login = await doors.opened(cell.ada)
    doors.now = datetime.combine(LAST_DAY, NOW.timetz())
    assert set(await doors.imap.still_good([login])) == {login}
    doors.now += timedelta(days=1)
    doors.seconds += FRESH
    assert not await doors.imap.still_good([login])
    assert not await doors.submission.still_good(doors.sender)


@pytest.mark.parametrize("kind", ["database", "memory"])
async def test_each_login_that_is_asked_about_is_answered_for_itself(kind: str, cell: Cell) -> None:
    if kind == "database":
        doors = Doors(cell)
        logins = [await doors.opened(cell.ada), await doors.opened(cell.ben)]
        store = doors.imap
        await cell.shop.readers.run(lambda: AppPassword.objects.filter(pk=logins[0]).delete())
    else:
        memory = ada_with()
        logins = [(await memory.login(ADA, PASSWORD, source="")).login_id for _ in range(2)]
        memory.ended = {logins[0]}
        store = memory  # type: ignore[assignment]  # the same promise, kept by the fake
    assert len(set(logins)) == 2
    assert set(await store.still_good(logins)) == {logins[1]}
    assert not await store.still_good([])


async def test_a_password_that_has_just_let_somebody_in_lets_nobody_in_once_it_is_revoked(cell: Cell) -> None:
    word = new_app_password()

    def make() -> int:
        row = AppPassword.objects.create(
            mailbox=cell.ada.mailbox,
            name="phone",
            access="sealed",
            secret_hash=app_password_hash(KEY, parse_app_password(word)),
            created=NOW.date(),
        )
        return row.pk

    door = DatabaseLogins(cell.shop.readers, key=KEY, now=lambda: NOW)
    number = await cell.shop.readers.run(make)
    for _ in range(3):  # from the second on it is read where it is asked
        assert await door.login(ADA, word) is not None
    revoke = AppPassword.objects.filter(pk=number).update
    await cell.shop.readers.run(lambda: revoke(revoked=date(2026, 11, 21)))
    assert await door.login(ADA, word) is None
