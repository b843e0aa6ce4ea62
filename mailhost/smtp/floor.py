"""What the sessions of one process share: who is here, how much they hold, and the way to the use-cases.

`House` is what a session needs to talk, `Floor` what it needs to live beside others: connection limits, the memory
budget (one for all floors of a process), the list of those who are looked after. Sources are known only by a hash
whose key lives as long as the process. Clients on loopback are counted in the total but not by source.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mailhost.deliver import Envelope
from mailhost.limits import Occupancy, Rate, SmtpLimits, is_loopback, source_hash
from mailhost.message.address import Address
from mailhost.outcomes import Outcome
from mailhost.ports import Metrics, Route
from mailhost.smtp.budget import Budget
from mailhost.smtp.submission import Authentication, Desk


class Intake(Protocol):
    """The use-case behind a session: `receive.Receiver` for the MX, `submit.Submission` after a login."""

    async def recipient(self, address: Address, size: int) -> tuple[Route, ...] | Outcome: ...
    async def message(self, envelope: Envelope, content: bytearray) -> Outcome: ...
    async def answer_lost(self, envelope: Envelope, content: bytearray) -> None: ...


@dataclass(frozen=True, slots=True)
class House:
    """Names, limits and the use-case; `tls` gives the context of today's certificate, None where there is none.

    `postmaster_domain` is the hosted domain that `<Postmaster>` without a domain means. With a `desk` the house takes
    submissions: nothing goes to `receiver` then, but to what the login brings.
    """

    hostname: str
    receiver: Intake
    limits: SmtpLimits
    metrics: Metrics
    tls: Callable[[], ssl.SSLContext | None]
    postmaster_domain: str
    desk: Desk | None = None

    def authentication(self, source: bytes | None) -> Authentication | None:
        """The login of a new session, None where nobody logs in."""
        return Authentication(self.desk, source, self.metrics) if self.desk is not None else None


class Watched(Protocol):
    """A session as the floor sees it."""

    task: asyncio.Task[None] | None

    def watch(self, now: float) -> None:
        """Close it if its client keeps it waiting too long, at monotonic time `now`."""

    def stop(self) -> None:
        """Say that the server stops, now or behind the answer to the message that is being stored."""

    def cut(self) -> None:
        """Close the connection without a word."""


class Floor:
    """The sessions of one process. `key` (16 to 64 random bytes) hides sources in memory."""

    def __init__(self, house: House, key: bytes, budget: Budget | None = None) -> None:
        limits = house.limits
        self.house = house
        self.budget = budget or Budget(limits.in_flight, limits.in_flight_free)
        self.sessions: set[Watched] = set()
        self._key = key
        self._occupancy = Occupancy(limits.connections, limits.connections_per_source)
        self._rate = Rate(limits.connections_rate, limits.rate_window)

    def enter(self, peer: str, now: float) -> Place | None:
        """A place for a client at monotonic time `now`, None when there is none."""
        source = None if is_loopback(peer) else source_hash(peer, self._key)
        if source is not None and not self._rate.allow(source, now):
            return None
        return Place(source) if self._occupancy.enter(source) else None

    def leave(self, place: Place) -> None:
        """Give the place back."""
        self._occupancy.leave(place.source)

    def watch(self, now: float) -> None:
        """Look after every session at monotonic time `now`."""
        for session in tuple(self.sessions):
            session.watch(now)


@dataclass(frozen=True, slots=True)
class Place:
    """What `Floor.enter` gave; the source it counts for, None on loopback."""

    source: bytes | None
