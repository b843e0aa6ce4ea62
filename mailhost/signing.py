"""Signing what leaves: the last step before the queue, whoever puts mail into it (RFC 6376 §5).

`SigningQueue` is a queue in front of another. It signs with every key of the author's domain, so that DMARC finds a
signature of the domain that the reader sees; where the author is elsewhere (mail that somebody here passes on), with
those of the envelope sender's. A domain's keys sign for its own tenant and for nobody else, and a domain that is not
hosted here has none. Without keys a message leaves unsigned: signatures are a proof, not a condition.

What is in the queue is final, so a message that is tried for days carries one signature all the time. Its key's
record stays published for weeks after the last signature (`mailauth.selectors`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim_signing import SigningKey, sign
from mailhost.message.address import BadAddress, parse_address
from mailhost.message.headers import read_headers
from mailhost.message.submitted import authors
from mailhost.outbox import Outgoing, Queue
from mailhost.ports import Counting, Tallied

# Above this the hash of the body would keep other sessions waiting.
LARGE = 128 * 1024


class SigningKeys(Protocol):
    """The keys that sign now."""

    async def signing(self, tenant_id: int, domain: str) -> Sequence[SigningKey]:
        """Those of a domain of this tenant, () for every other domain. Raises StoreUnavailable."""


class Entrance(Queue, Protocol):
    """The queue as whoever hands in for a login sees it."""

    async def put_counted(self, message: Outgoing, counting: Counting, *, now: datetime) -> Tallied:
        """As `put`, and count it, in one step: both or, where that would pass a limit, neither."""


class SigningQueue:
    """`Entrance` that signs what it passes on."""

    def __init__(self, queue: Entrance, keys: SigningKeys) -> None:
        self._queue = queue
        self._keys = keys

    async def put(self, message: Outgoing, *, now: datetime) -> None:
        await self._queue.put(await self._signed(message, now), now=now)

    async def put_counted(self, message: Outgoing, counting: Counting, *, now: datetime) -> Tallied:
        return await self._queue.put_counted(await self._signed(message, now), counting, now=now)

    async def _signed(self, message: Outgoing, now: datetime) -> Outgoing:
        for domain in _domains(message):
            if keys := await self._keys.signing(message.tenant_id, domain):
                return replace(message, content=await _signed(message.content, keys, now))
        return message


async def _signed(content: bytes, keys: Sequence[SigningKey], now: datetime) -> bytes:
    def work() -> bytes:
        return sign(Parts(content), keys, now=now) + content

    return work() if len(content) <= LARGE else await asyncio.to_thread(work)


def _domains(message: Outgoing) -> list[str]:
    """Who could sign: the author's domain, then the envelope sender's. None for what has no From (RFC 6376 §5.4)."""
    written = authors(read_headers(message.content), b"from")
    if not written:
        return []
    found = [written[0].domain]
    # The null sender, of notices and receipts, has none.
    with suppress(BadAddress):
        found.append(parse_address(message.sender).domain)
    return list(dict.fromkeys(found))
