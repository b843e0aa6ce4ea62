"""How the writing thread gathers what is stored together; what it stores is in test_placing.py."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from mailhost.adapters import writer as writing
from mailhost.adapters.writer import GATHER, Writer
from mailhost.ports import StoreError, StoreFull

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailhost.adapters.database import Cursor
    from tests.adapters.conftest import Cell


def fastest(writer: Writer, lately: int) -> float:
    """Seconds that gathering takes on a machine that has nothing else to do: the least of many."""
    found = []
    for _ in range(20):
        started = time.perf_counter()
        writer._gather(lately)
        found.append(time.perf_counter() - started)
    return min(found)


async def test_senders_who_are_all_there_do_not_wait_for_another() -> None:
    writer = Writer()
    waiting = [asyncio.ensure_future(writer.change(lambda _cursor: None)) for _ in range(5)]
    await asyncio.sleep(0)
    assert fastest(writer, lately=5) < GATHER / 2
    assert fastest(writer, lately=4) < GATHER / 2
    for each in waiting:
        each.cancel()


async def test_those_who_lately_came_along_are_waited_for() -> None:
    writer = Writer()
    waiting = [asyncio.ensure_future(writer.change(lambda _cursor: None)) for _ in range(4)]
    await asyncio.sleep(0)
    assert fastest(writer, lately=5) >= GATHER
    for each in waiting:
        each.cancel()


@pytest.mark.django_db(transaction=True)
async def test_a_sender_alone_does_not_wait(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long gathering may take."""
    monkeypatch.setattr(writing, "GATHER", 3600.0)

    def count(cursor: Any) -> int:
        cursor.execute("SELECT COUNT(*) FROM mailhost_mailbox")
        return int(cursor.fetchone()[0])

    for _ in range(10):
        assert await asyncio.wait_for(cell.shop.writer.change(count), 60) == 2


@pytest.mark.django_db(transaction=True)
async def test_calls_that_wait_together_are_done_together_and_answered_each(cell: Cell) -> None:
    batches: list[list[int]] = []

    def doubled(_cursor: Cursor, calls: Sequence[int]) -> list[int | StoreError]:
        batches.append(list(calls))
        return [StoreFull("odd") if call % 2 else call * 2 for call in calls]

    writer = cell.shop.writer
    answers = await asyncio.gather(*(writer.together(doubled, call) for call in range(20)), return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == list(range(0, 40, 4))
    assert sum(isinstance(answer, StoreFull) for answer in answers) == 10
    assert sorted(call for batch in batches for call in batch) == list(range(20))
    assert len(batches) < 20


@pytest.mark.django_db(transaction=True)
async def test_only_what_must_outlast_a_power_cut_waits_for_the_disk(cell: Cell) -> None:
    """And what comes together with it waits too; whatever happens in between, the next one waits again."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL forgets the setting with its transaction")
    writer = cell.shop.writer

    def how(cursor: Cursor) -> int:
        cursor.execute("PRAGMA synchronous")
        return int(cursor.fetchone()[0])

    def all_of(cursor: Cursor, calls: Sequence[object]) -> list[int]:
        return [how(cursor)] * len(calls)

    def broken(_cursor: Cursor) -> None:
        raise ZeroDivisionError

    full, normal = 2, 1
    assert await writer.change(how) == full
    assert await writer.together(all_of, None, lasting=False) == normal
    assert await writer.change(how) == full
    with pytest.raises(ZeroDivisionError):
        await writer.change(broken, lasting=False)
    assert await writer.change(how) == full
    _, lasting = await asyncio.gather(writer.change(how, lasting=False), writer.change(how))
    assert lasting == full


@pytest.mark.django_db(transaction=True)
async def test_a_call_that_breaks_its_batch_is_the_only_one_to_fail(cell: Cell) -> None:
    def inverted(_cursor: Cursor, calls: Sequence[int]) -> list[float]:
        return [1 / call for call in calls]

    writer = cell.shop.writer
    answers = await asyncio.gather(*(writer.together(inverted, call) for call in (1, 0, 2)), return_exceptions=True)
    assert answers[0] == 1
    assert isinstance(answers[1], ZeroDivisionError)
    assert answers[2] == 0.5
