"""How the writing thread gathers what is stored together; what it stores is in test_placing.py."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from mailhost.adapters import writer as writing
from mailhost.adapters.writer import GATHER, Writer

if TYPE_CHECKING:
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
