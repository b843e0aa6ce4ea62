"""Who is over the day's limit is refused before the work; who may send is not held up by it."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailhost.outbox import Forward, Outgoing
from mailhost.overdrawn import MAX_REMEMBERED, REMEMBERED, Overdrawn
from mailhost.ports import Account, Allowance, Counting, Tallied
from tests.fakes import MemoryOutbox
from tests.people import NOW

ALLOWED = Allowance(mailbox=2, mailbox_new=2)


class Desk:
    """The queue behind it in memory; `worked` counts what came so far, `looked` the looks."""

    def __init__(self) -> None:
        self.outbox = MemoryOutbox()
        self.worked = self.looked = 0
        self.queue = Overdrawn(self, self._look)

    async def _look(self, counting: Counting) -> Tallied:
        self.looked += 1
        return self.outbox.tally.look(counting)

    async def put(self, message: Outgoing, *, now: datetime) -> None:
        await self.outbox.put(message, now=now)

    async def put_counted(self, message: Outgoing, counting: Counting, *, now: datetime) -> Tallied:
        self.worked += 1
        return await self.outbox.put_counted(message, counting, now=now)

    async def send(self, *to: str, mailbox: int = 1, now: datetime = NOW, allowed: Allowance = ALLOWED) -> Tallied:
        recipients = tuple(Forward(f"{one}@other.test", "other.test") for one in to)
        message = Outgoing("0" * 32, mailbox, mailbox, "ada@example.is", recipients, b"")
        account = Account(mailbox, mailbox, "ada@example.is", 1)
        counting = Counting(account, {one.encode().ljust(16) for one in to}, allowed, now.date())
        return await self.queue.put_counted(message, counting, now=now)


async def test_who_goes_on_over_the_limit_is_refused_before_the_work() -> None:
    desk = Desk()
    assert await desk.send("cleo", "mo") is Tallied.OK
    for _ in range(10):
        assert await desk.send("cleo") is Tallied.TOO_MANY
    assert (desk.worked, desk.looked) == (2, 9)
    assert await desk.send("cleo", mailbox=2) is Tallied.OK, "others are not even looked at"
    assert desk.looked == 9
    assert len(desk.outbox.items) == 2


async def test_a_look_refuses_nothing_that_counting_would_take() -> None:
    desk = Desk()
    allowed = Allowance(mailbox=9, mailbox_new=1)
    assert await desk.send("cleo", allowed=allowed) is Tallied.OK
    assert await desk.send("mo", allowed=allowed) is Tallied.TOO_MANY_NEW
    assert await desk.send("mo", allowed=allowed) is Tallied.TOO_MANY_NEW
    assert await desk.send("cleo", allowed=allowed) is Tallied.OK, "known already"
    assert await desk.send("mo", now=NOW + timedelta(days=1), allowed=allowed) is Tallied.OK


async def test_it_is_forgotten_after_a_minute_and_memory_is_bounded() -> None:
    desk = Desk()
    assert await desk.send("a", "b", "c") is Tallied.TOO_MANY
    assert await desk.send("a", "b", "c", now=NOW + REMEMBERED) is Tallied.TOO_MANY
    assert (desk.worked, desk.looked) == (2, 0)
    for mailbox in range(MAX_REMEMBERED + 5):
        await desk.send("a", "b", "c", mailbox=mailbox)
    assert len(desk.queue._refused) == MAX_REMEMBERED
