"""How the writing thread gathers what is stored together; what it stores is in test_placing.py."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from mailhost.adapters import writer as writing
from mailhost.adapters.writer import Writer
from mailhost.ports import StoreError, StoreFull

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailhost.adapters.database import Cursor
    from tests.adapters.conftest import Cell


class Crowd:
    """Senders who each wait for their answer, and the sizes of the batches that theirs came in."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.batches: list[int] = []

    def _count(self, _cursor: Cursor, calls: Sequence[int]) -> list[int]:
        self.batches.append(len(calls))
        return list(calls)

    async def send(self, senders: int) -> None:
        work = self._count
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for number in range(senders):
                group.create_task(self._writer.together(work, number))


@pytest.mark.django_db(transaction=True)
async def test_senders_who_are_all_there_do_not_wait_for_another(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GATHER", 3600.0)
    crowd = Crowd(cell.shop.writer)
    for _ in range(12):
        await crowd.send(5)
    assert crowd.batches[-6:] == [5] * 6


@pytest.mark.django_db(transaction=True)
async def test_those_who_lately_came_along_are_waited_for(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(cell.shop.writer)
    for _ in range(12):
        await crowd.send(5)
    monkeypatch.setattr(writing, "GATHER", 3600.0)
    four = asyncio.ensure_future(crowd.send(4))
    await asyncio.sleep(0.1)
    assert not four.done()
    await crowd.send(1)
    await four
    assert crowd.batches[-1] == 5


@pytest.mark.django_db(transaction=True)
async def test_who_has_waited_long_enough_is_not_kept_by_those_who_stay_away(cell: Cell) -> None:
    crowd = Crowd(cell.shop.writer)
    for senders in (*[8] * 12, *range(8, 0, -1), *[1] * 12):
        await crowd.send(senders)
    assert sum(crowd.batches) == 8 * 12 + 36 + 12


@pytest.mark.django_db(transaction=True)
async def test_who_rings_when_its_piece_is_done_already_leaves_nobody_behind(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between counting and ringing a sender may lose the processor for as long as a batch takes."""
    rung: list[tuple[Any, int]] = []
    call_for = Writer._call_for

    def heard(writer: Writer, piece: Any, waiting: int) -> None:
        rung.append((piece, waiting))
        call_for(writer, piece, waiting)

    monkeypatch.setattr(Writer, "_call_for", heard)
    crowd = Crowd(cell.shop.writer)
    for _ in range(12):
        await crowd.send(5)
    call_for(cell.shop.writer, *rung[-1])
    await asyncio.sleep(0.05)
    await crowd.send(1)
    assert crowd.batches[-1] == 1


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
