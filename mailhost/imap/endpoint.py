"""What the connections of a process and of a listener share."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mailhost.imap.conversation import Metrics
from mailhost.imap.limits import Gate, Limits, MemoryBudget
from mailhost.imap.pieces import Pieces
from mailhost.imap.store import Accounts

if TYPE_CHECKING:
    from mailhost.imap.connection import Connection


class Roster:
    """The open connections of a process, and a way to wait until there are none."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._empty: asyncio.Event = asyncio.Event()

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """A connection was made."""
        self._open.add(connection)
        self._empty.clear()

    def discard(self, connection: Connection) -> None:
        """A connection is closed and forgotten."""
        self._open.discard(connection)
        if not self._open:
            self._empty.set()

    async def gone(self, seconds: float) -> None:
        """Wait until the last one is closed, or so long."""
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._empty.wait()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What the connections of one listener share."""

    accounts: Accounts
    gate: Gate
    budget: MemoryBudget
    pieces: Pieces
    limits: Limits
    metrics: Metrics
    clock: Callable[[], datetime]
    connections: Roster
    tls: ssl.SSLContext | None = None
    clear_on_loopback: bool = False
    disabled: frozenset[str] = frozenset()
