"""Changes of very many messages, in turns, because others write as well.

A COPY of 100,000 messages is five seconds of writing, a MOVE ten, in which no mail could be delivered to anybody. So a
change is cut into pieces of `TURN` messages, a transaction each. SQLite has one writer at a time, whose lock is not
handed on but looked for, so that it rests there after each piece, half as long as that took.

Before each turn is asked whether the change has ended: a login that was revoked, or a server that stops, ends it
between two turns, and what was done until then stays done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from itertools import batched, repeat
from typing import Final

from mailhost.adapters.database import on_sqlite
from mailhost.imap.store import TryLater

# Messages of one transaction: a tenth of a second or two. What most people ever do at once is in one.
TURN: Final = 1000
# Seconds: a process that waits for SQLite's lock looks at it every tenth of a second at the least often.
LONGEST_REST: Final = 0.1

PARTLY: Final = "a part is done, try again later for the rest"

# Whether no further turn may be taken.
type Ended = Callable[[], bool]


def never() -> bool:
    """For what has to be done to its end."""
    return False


def lots_of(uids: Sequence[int]) -> list[tuple[int, ...]]:
    """The UIDs of each turn; of none one turn, which finds nothing."""
    return list(batched(uids, TURN)) or [()]


async def turns[W, T](
    run: Callable[[W], Awaitable[T]], works: Iterable[W], ended: Ended, *, undone: bool = False
) -> AsyncIterator[T]:
    """What each work came to, one after the other; a single work rests never. Raises TryLater where it `ended`.

    Where the store fails on the way, the error says that a part is done, unless the caller sees that it is `undone`.
    """
    loop = asyncio.get_running_loop()
    rest = 0.0
    for turn, work in enumerate(works):
        if rest:
            await asyncio.sleep(rest)
        partly = turn > 0 and not undone
        if ended():
            raise TryLater("This connection ends; " + (PARTLY if partly else "nothing was changed"))
        started = loop.time()
        try:
            result = await run(work)
        except TryLater:
            if partly:
                raise TryLater("The mail store is not available; " + PARTLY) from None
            raise
        rest = min((loop.time() - started) / 2, LONGEST_REST) if on_sqlite() else 0.0
        yield result


async def until_done[W](run: Callable[[W], Awaitable[bool]], work: W, ended: Ended) -> None:
    """Do a work turn by turn that says each time whether all is done. Raises TryLater where it `ended`."""
    async for done in turns(run, repeat(work), ended):
        if done:
            return
