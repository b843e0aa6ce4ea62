"""Notes of sign-ins: sealed to the owner, bounded, and never a reason to refuse a login."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters import signins
from mailhost.adapters.signins import SignInBook
from mailhost.models import SignIn
from mailhost.ports import StoreFull
from mailhost.seal.identity import HybridIdentity
from mailhost.seal.sealed import open_file
from mailhost.signins import AGAIN_AFTER, KEPT, Note, Program, Result, sealed
from tests.adapters.conftest import Cell

AT = datetime(2027, 3, 14, 9, 26, 53, tzinfo=UTC)
NOTE = Note(AT, Program.BROWSER, Result.IN, "IS", 3)


def test_only_the_owner_opens_a_note() -> None:
    owner = HybridIdentity.generate()
    file = sealed(NOTE, owner.recipient.text)
    assert json.loads(open_file([owner], file)) == {
        "at": "2027-03-14T09:26:53+00:00",
        "program": "browser",
        "result": "in",
        "country": "IS",
        "failures": 3,
    }
    assert b"browser" not in file


@pytest.mark.parametrize("country", ["is", "ISL", "<b>", "I"])
def test_what_is_no_country_is_left_out(country: str) -> None:
    owner = HybridIdentity.generate()
    note = Note(AT, Program.SEALED, Result.IN, country)
    assert json.loads(open_file([owner], sealed(note, owner.recipient.text)))["country"] == ""


def test_what_a_note_says_moves_its_size_by_a_step_of_the_padding_at_most() -> None:
    owner = HybridIdentity.generate().recipient.text
    notes = (NOTE, Note(AT, Program.SESSION, Result.WRONG_FACTOR, "", 0), Note(AT, Program.SEALED, Result.IN))
    sizes = {len(sealed(note, owner)) for note in notes}
    assert max(sizes) - min(sizes) <= 16


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(cell: Cell, clock: Clock) -> SignInBook:
    return SignInBook(
        cell.shop.writer, cell.shop.readers, country=lambda address, _today: {"a": "IS"}.get(address, "NO"), now=clock
    )


async def count() -> int:
    return await sync_to_async(SignIn.objects.count)()


async def test_a_program_is_noted_once_in_some_hours_for_each_country(
    cell: Cell, book: SignInBook, clock: Clock
) -> None:
    box = cell.ada.mailbox.pk
    for source in ("a", "a", "b", "a"):
        book.note(box, Program.SEALED, source)
        await book.settled()
    assert await count() == 2
    clock.now += AGAIN_AFTER
    book.note(box, Program.SEALED, "a")
    await book.settled()
    assert await count() == 3


async def test_the_oldest_notes_go(cell: Cell, book: SignInBook, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signins, "KEPT", 3)
    for _number in range(5):
        book.note(cell.ada.mailbox.pk, Program.SEALED, "a")
        await book.settled()
        clock.now += AGAIN_AFTER
    assert await count() == 3
    note = Note(AT + timedelta(days=30), Program.BROWSER, Result.IN)
    assert await sync_to_async(signins.keep)(cell.ada.mailbox, note)
    assert await count() == 3
    newest = await sync_to_async(SignIn.objects.latest)("pk")
    assert newest.day == note.at.date()


async def test_a_mailbox_without_keys_has_no_notes(cell: Cell, book: SignInBook) -> None:
    book.note(10**6, Program.SEALED, "a")
    await book.settled()
    assert await count() == 0
    assert KEPT == 100


async def test_logins_that_come_together_are_noted_together_and_each_once(cell: Cell, book: SignInBook) -> None:
    for box in (cell.ada.mailbox.pk, cell.ben.mailbox.pk):
        for source in ("a", "b", "c", "a"):  # b and c are in one country
            book.note(box, Program.SESSION, source)
    assert await count() == 0, "no login waits for its note"
    await book.settled()
    assert await count() == 4


async def test_a_lone_login_is_noted_without_anybody_waiting_for_it(
    cell: Cell, book: SignInBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signins, "GATHER", 0.0)
    book.note(cell.ada.mailbox.pk, Program.SESSION, "a")
    assert book._writing is not None
    await asyncio.wait_for(asyncio.shield(book._writing), 5)
    assert await count() == 1


async def test_enough_logins_are_noted_before_the_moment_is_over(
    cell: Cell, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signins, "GATHER", 3600.0)
    monkeypatch.setattr(signins, "TOGETHER", 3)
    book = SignInBook(cell.shop.writer, cell.shop.readers, country=lambda address, _today: address, now=clock)
    for country in ("IS", "NO"):
        book.note(cell.ada.mailbox.pk, Program.SESSION, country)
    await asyncio.sleep(0)
    book.note(cell.ada.mailbox.pk, Program.SESSION, "CH")
    assert book._writing is not None
    await asyncio.wait_for(asyncio.shield(book._writing), 5)
    assert await count() == 3


async def test_more_logins_than_fit_in_one_go_are_all_noted(cell: Cell, clock: Clock) -> None:
    countries = [f"{first}{second}" for first in "ABCDEF" for second in "ABCDEF"]
    book = SignInBook(cell.shop.writer, cell.shop.readers, country=lambda address, _today: address, now=clock)
    for country in countries:
        book.note(cell.ada.mailbox.pk, Program.SESSION, country)
    await book.settled()
    assert await count() == len(countries) > 2 * signins.TOGETHER


async def test_a_note_that_could_not_be_kept_is_made_at_the_next_login(
    cell: Cell, book: SignInBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreFull("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(signins, "_insert", full)
        book.note(cell.ada.mailbox.pk, Program.SESSION, "a")
        await book.settled()
    assert await count() == 0
    book.note(cell.ada.mailbox.pk, Program.SESSION, "a")
    await book.settled()
    assert await count() == 1


async def test_a_fault_in_one_note_is_not_the_end_of_notes(
    cell: Cell, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(address: str, _today: date) -> str:
        return {"a": "IS"}[address]

    book = SignInBook(cell.shop.writer, cell.shop.readers, country=lost, now=clock)
    book.note(cell.ada.mailbox.pk, Program.SESSION, "192.0.2.7")
    await book.settled()
    book.note(cell.ada.mailbox.pk, Program.SESSION, "a")
    await book.settled()
    assert await count() == 1
    assert "KeyError" in caplog.text
    assert "192.0.2.7" not in caplog.text


async def test_what_a_process_remembers_of_logins_is_bounded(
    cell: Cell, book: SignInBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signins, "MEMORY", 4)
    for number in range(20):
        book.note(cell.ada.mailbox.pk, Program.SESSION, str(number))
        await book.settled()
    assert len(book._covered) <= 4
    for number in range(20, 40):
        book.note(cell.ada.mailbox.pk, Program.SESSION, str(number))
    assert len(book._waiting) <= 4
    await book.settled()
