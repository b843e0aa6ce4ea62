"""In-memory doubles of the ports, kept honest by the same contracts (`tests/contracts.py`) as the real adapters."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from mailhost.ports import Delivery, Found, HostedDomain, KeyChanged, MailboxFull, Route, StoreError
from webadmin.metrics import COUNTERS


class MemoryDirectory:
    """Recipients in two dictionaries. `lookups` records what was asked; `error` is raised when set."""

    def __init__(
        self, domains: Iterable[HostedDomain] = (), addresses: dict[str, tuple[Route, ...]] | None = None
    ) -> None:
        self.domains = {domain.name: domain for domain in domains}
        self.addresses = dict(addresses or {})
        self.lookups: list[tuple[frozenset[str], frozenset[str]]] = []
        self.error: Exception | None = None

    async def lookup(self, addresses: Collection[str], domains: Collection[str]) -> Found:
        self.lookups.append((frozenset(addresses), frozenset(domains)))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return Found(
            {name: self.addresses[name] for name in addresses if name in self.addresses},
            {name: self.domains[name] for name in domains if name in self.domains},
        )


class MemoryStore:
    """Deliveries in a list, with the checks of a transaction: key version, quota, all or nothing.

    `keys` holds the current key version of each mailbox (1 where it is not named), `room` the octets left, `failures`
    errors to raise, one for each commit; `committing`, when set, is awaited by each commit before it writes.
    """

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.commits: list[int] = []
        self.keys: dict[int, int] = {}
        self.room: dict[int, int] = {}
        self.failures: list[StoreError | None] = []
        self.committing: asyncio.Event | None = None
        self.began = asyncio.Event()

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        self.began.set()
        if self.committing is not None:
            await self.committing.wait()
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        changed = {d.mailbox_id for d in deliveries if d.key_version != self.keys.get(d.mailbox_id, 1)}
        if changed:
            raise KeyChanged(changed)
        full = {d.mailbox_id for d in deliveries if d.size > self.room.get(d.mailbox_id, d.size)}
        if full:
            raise MailboxFull(full)
        for delivery in deliveries:
            if delivery.mailbox_id in self.room:
                self.room[delivery.mailbox_id] -= delivery.size
        self.deliveries += deliveries
        self.commits.append(len(deliveries))


class MemoryLostAnswers:
    """Digests with the moment until which they are kept."""

    def __init__(self) -> None:
        self.kept: dict[bytes, datetime] = {}

    def any(self) -> bool:
        return bool(self.kept)

    async def remember(self, digests: Collection[bytes], *, now: datetime) -> None:
        for digest in digests:
            self.kept[digest] = now + timedelta(days=1)

    async def take(self, digests: Collection[bytes], *, now: datetime) -> frozenset[bytes]:
        self.kept = {digest: until for digest, until in self.kept.items() if until > now}
        found = frozenset(digests) & self.kept.keys()
        for digest in found:
            del self.kept[digest]
        return frozenset(found)


class CountedMetrics:
    """Counts by name and label; as the real counters do, refuses a name that is not declared."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def count(self, name: str, label: str = "") -> None:
        COUNTERS[name]
        self.counts[name, label] += 1
