"""The reading threads: who answers, in what order, and what is read on the event loop's own thread."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from mailhost.adapters import database
from mailhost.adapters.database import Cursor, Readers
from mailhost.ports import StoreUnavailable
from tests.adapters.conftest import Cell
from tests.patience import PATIENCE


@pytest.fixture
def readers(transactional_db: None) -> Iterator[Readers]:
    made = Readers(2)
    yield made
    made.close()


def thread() -> int:
    return threading.get_ident()


async def test_one_question_after_the_other_is_answered_by_one_thread(readers: Readers) -> None:
    assert len({await readers.run(thread) for _ in range(5)} | {threading.get_ident()}) == 2


async def test_more_questions_than_threads_are_all_answered(readers: Readers) -> None:
    def slow(number: int) -> tuple[int, int]:
        time.sleep(0.002)
        return number, thread()

    found = await asyncio.gather(*(readers.run(slow, number) for number in range(20)))
    assert [number for number, _ in found] == list(range(20))
    assert len({each for _, each in found}) == 2


async def test_what_a_query_raises_is_raised_where_it_was_asked(readers: Readers) -> None:
    with pytest.raises(ZeroDivisionError):
        await readers.run(lambda: 1 // 0)
    assert await readers.run(lambda: 7) == 7


async def test_a_question_that_nobody_waits_for_any_more_is_not_asked(readers: Readers) -> None:
    begun, go = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        go.wait(PATIENCE)

    asked: list[int] = []
    busy = [asyncio.ensure_future(readers.run(wait)) for _ in range(2)]
    given_up = asyncio.ensure_future(readers.run(asked.append, 1))
    await asyncio.to_thread(begun.wait, PATIENCE)
    given_up.cancel()
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*busy)
    await readers.run(asked.append, 2)
    assert asked == [2]


async def test_after_the_end_there_are_no_answers_and_no_threads(transactional_db: None) -> None:
    readers = Readers(2)
    await readers.run(thread)
    await asyncio.to_thread(readers.close)
    with pytest.raises(StoreUnavailable):
        await readers.run(thread)
    with pytest.raises(StoreUnavailable):
        await readers.again(b"one", where, 1)
    assert not [each for each in threading.enumerate() if each in readers._threads]


def where(cursor: Cursor, number: int) -> int | None:
    """The thread that answers, where the engine knows of the number."""
    cursor.execute("SELECT id FROM mailhost_mailbox WHERE id = %s", [number])
    return threading.get_ident() if cursor.fetchone() else None


async def test_what_was_found_lately_is_read_on_the_spot(cell: Cell, readers: Readers) -> None:
    ada = cell.ada.mailbox.pk
    first, second = [await readers.again(b"ada", where, ada) for _ in range(2)]
    assert first != threading.get_ident()
    if connection.vendor == "sqlite":
        assert second == threading.get_ident()
    else:
        assert second == first, "a question to a server is never waited for on the event loop"


async def test_what_was_not_found_is_asked_of_a_thread_each_time(cell: Cell, readers: Readers) -> None:
    assert [await readers.again(b"nobody", where, 10**9) for _ in range(2)] == [None, None]
    assert not readers._lately


async def test_what_was_found_long_ago_is_asked_of_a_thread(
    cell: Cell, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await readers.again(b"ada", where, cell.ada.mailbox.pk)
    monkeypatch.setattr(database, "LATELY", 0.0)
    assert await readers.again(b"ada", where, cell.ada.mailbox.pk) != threading.get_ident()


async def test_what_cannot_be_read_on_the_spot_is_read_by_a_thread(cell: Cell, readers: Readers) -> None:
    here = threading.get_ident()

    def locked_here(cursor: Cursor, number: int) -> int | None:
        if threading.get_ident() == here:
            raise sqlite3.OperationalError("database is locked")
        return where(cursor, number)

    for _ in range(3):
        assert await readers.again(b"ada", locked_here, cell.ada.mailbox.pk) not in {None, here}
    assert readers._own is None


async def test_nothing_is_written_on_the_spot(cell: Cell, readers: Readers) -> None:
    number = cell.ada.mailbox.pk

    def write(cursor: Cursor) -> bool:
        if threading.get_ident() == here:
            cursor.execute("UPDATE mailhost_mailbox SET address = 'eve@example.is' WHERE id = %s", [number])
        return True

    here = threading.get_ident()
    assert await readers.again(b"write", write)
    assert await readers.again(b"write", write)
    assert await readers.run(_with_address, "eve@example.is") == 0


def _with_address(address: str) -> int:
    with database.statements() as cursor:
        cursor.execute("SELECT COUNT(*) FROM mailhost_mailbox WHERE address = %s", [address])
        return int(cursor.fetchone()[0])


async def test_what_is_remembered_of_questions_is_bounded(
    cell: Cell, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "REMEMBERED", 3)
    for number in range(10):
        await readers.again(b"%d" % number, where, cell.ada.mailbox.pk)
    assert len(readers._lately) <= 3
