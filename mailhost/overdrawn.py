"""Refusing cheaply what is over the day's limit: whoever was refused a moment ago is asked about before the work.

What a login may send today is decided in one step with queueing it, which comes last: by then the message is signed,
sealed and, where it is large, a file on the disk. A program that goes on and on over its mailbox's limit would make
the cell do that for nothing each time. So after a refusal the mailbox's next messages are only looked at first, without
counting them; what may pass by that look goes the usual way, where the counting decides. All others cost no look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from mailhost.outbox import Outgoing
from mailhost.ports import Counting, Tallied
from mailhost.signing import Entrance

# After a refusal a mailbox is looked at first for this long; each further refusal begins it anew.
REMEMBERED: Final = timedelta(minutes=1)
# Mailboxes in the process's memory; the one refused longest ago goes first, and costs the work once more.
MAX_REMEMBERED: Final = 1000


class Overdrawn:
    """`Entrance` in front of another. `look` says what counting would say now."""

    def __init__(self, queue: Entrance, look: Callable[[Counting], Awaitable[Tallied]]) -> None:
        self._queue = queue
        self._look = look
        self._refused: OrderedDict[int, datetime] = OrderedDict()  # until when, by mailbox

    async def put(self, message: Outgoing, *, now: datetime) -> None:
        await self._queue.put(message, now=now)

    async def put_counted(self, message: Outgoing, counting: Counting, *, now: datetime) -> Tallied:
        box = counting.account.mailbox_id
        found = Tallied.OK
        if now < self._refused.get(box, now):
            found = await self._look(counting)
        if found is Tallied.OK:
            found = await self._queue.put_counted(message, counting, now=now)
        if found is not Tallied.OK:
            self._refused[box] = now + REMEMBERED
            self._refused.move_to_end(box)
            if len(self._refused) > MAX_REMEMBERED:
                self._refused.popitem(last=False)
        return found
