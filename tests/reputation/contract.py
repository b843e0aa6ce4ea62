"""What a memory of senders promises; its twin and the database adapter pass the same tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from mailhost.reputation.memory import Memory
from tests.people import NOW

ONE, TWO = b"1" * 16, b"2" * 16
DAY = timedelta(days=1)


class SendersStage(Protocol):
    """A memory, and mailboxes that have written to somebody."""

    memory: Memory

    async def wrote(self, who: str, digest: bytes) -> int:
        """`who` wrote to the one with this digest; the id of the mailbox."""


class MemoryContract:
    """Digests, since when, until when."""

    async def test_what_is_remembered_is_recalled_until_its_end(self, senders: SendersStage) -> None:
        await senders.memory.remember([ONE], since=NOW, until=NOW + DAY)
        assert await senders.memory.recall([ONE, TWO], now=NOW + DAY / 2) == {ONE: NOW}
        assert await senders.memory.recall([ONE], now=NOW + DAY) == {}

    async def test_remembering_again_moves_the_end_and_not_the_beginning(self, senders: SendersStage) -> None:
        await senders.memory.remember([ONE], since=NOW, until=NOW + DAY)
        await senders.memory.remember([ONE, TWO], since=NOW + DAY / 2, until=NOW + 2 * DAY)
        assert await senders.memory.recall([ONE], now=NOW + DAY) == {ONE: NOW}

    async def test_what_has_expired_is_gone_when_something_new_comes(self, senders: SendersStage) -> None:
        await senders.memory.remember([ONE], since=NOW, until=NOW + DAY)
        await senders.memory.remember([TWO], since=NOW + 2 * DAY, until=NOW + 3 * DAY)
        assert await senders.memory.recall([ONE], now=NOW) == {}

    async def test_who_was_written_to_is_known_to_that_mailbox_alone(self, senders: SendersStage) -> None:
        ada = await senders.wrote("ada", ONE)
        assert await senders.memory.written_to({ONE: ada})
        assert not await senders.memory.written_to({TWO: ada})
        assert not await senders.memory.written_to({ONE: ada + 1})
        assert not await senders.memory.written_to({})
