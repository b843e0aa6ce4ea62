"""From a recipient's address to the mailboxes that take the mail.

The directory only answers "which rows have these names"; what the rows mean is decided here, without I/O:

1. the domain must be hosted, else the answer is `NotLocal` (this host never relays for strangers);
2. the address itself: a mailbox, or an alias, which may lead to several mailboxes;
3. the address without its sub-address, `ada+bills@` as `ada@` (RFC 5233 §1);
4. postmaster@ and abuse@, which every domain must have (RFC 5321 §4.5.1, RFC 2142 §2);
5. the domain's catch-all; else `NoSuchRecipient`.

`RouteCache` answers most of it from memory. A miss costs a query in a thread, so misses that come while one query
runs are collected into the next. Whoever changes routing calls `flush`; the ages below are the net beneath that.
What no mailbox or alias names stays only seconds and in a small table of its own, or one dictionary attack would
push out every real route.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mailhost.message.address import Address
from mailhost.ports import Directory, Found, HostedDomain, Route

ROLES = frozenset({"postmaster", "abuse"})


@dataclass(frozen=True, slots=True)
class Routes:
    """The mailboxes behind an address, each once, at least one. `named` is False when only a catch-all matched."""

    routes: tuple[Route, ...]
    named: bool = True


@dataclass(frozen=True, slots=True)
class NoSuchRecipient:
    """The domain is hosted, the address is not."""


@dataclass(frozen=True, slots=True)
class NotLocal:
    """The domain is not hosted here."""


@dataclass(frozen=True, slots=True)
class DomainSuspended:
    """The domain or its tenant is switched off."""


type RouteAnswer = Routes | NoSuchRecipient | NotLocal | DomainSuspended


def names_to_look_up(address: Address) -> tuple[str, ...]:
    """Normal forms under which the row for `address` may stand, best first."""
    base, detail = address.split()
    return (address.lookup,) if detail is None else (address.lookup, base.lookup)


def resolve(address: Address, found: Found) -> RouteAnswer:
    """What the rows mean for `address`."""
    hosted: HostedDomain | None = found.domains.get(address.domain)
    if hosted is None:
        return NotLocal()
    if hosted.suspended:
        return DomainSuspended()
    for name in names_to_look_up(address):
        if routes := found.addresses.get(name):
            return Routes(routes)
    if address.split()[0].local.lower() in ROLES and hosted.postmaster:
        return Routes(hosted.postmaster)
    if hosted.catch_all:
        return Routes(hosted.catch_all, named=False)
    return NoSuchRecipient()


def leads_only_to(tenant_id: int, answer: RouteAnswer) -> bool:
    """Whether mail to that address goes to nobody but this tenant, whoever its domain belongs to.

    Of an address that leads nowhere for now, nobody says here whose it is, and it may lead to somebody again.
    """
    return isinstance(answer, Routes) and all(one.tenant_id == tenant_id for one in answer.routes)


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Sizes in addresses, ages in seconds."""

    named: int = 100_000
    unnamed: int = 10_000
    named_age: float = 30.0
    unnamed_age: float = 5.0
    # Names in one query: SQLite takes 32,766 variables, PostgreSQL 65,535; a longer list only waits longer.
    batch: int = 500


class RouteCache:
    """Answers of `resolve`, kept for seconds, asked for in batches. `clock` is monotonic seconds."""

    def __init__(self, directory: Directory, clock: Callable[[], float], limits: CacheLimits | None = None) -> None:
        self._directory = directory
        self._clock = clock
        self._limits = limits or CacheLimits()
        self._named: dict[Address, tuple[float, RouteAnswer]] = {}
        self._unnamed: dict[Address, tuple[float, RouteAnswer]] = {}
        self._missing: dict[Address, asyncio.Future[RouteAnswer]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._generation = 0

    async def resolve(self, address: Address) -> RouteAnswer:
        """The mailboxes of `address`. Raises StoreUnavailable."""
        kept = self._named.get(address) or self._unnamed.get(address)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        waiting = self._missing.get(address)
        if waiting is None:
            waiting = self._missing[address] = asyncio.get_running_loop().create_future()
            if self._asking is None:
                self._asking = asyncio.create_task(self._ask())
        # Several sessions may wait for one answer: one that goes away must not cancel it for the others.
        return await asyncio.shield(waiting)

    def flush(self) -> None:
        """Forget everything; a query that is under way answers who waits, but its answers are not kept."""
        self._generation += 1
        self._named.clear()
        self._unnamed.clear()

    def forget(self, mailbox_ids: Collection[int]) -> None:
        """Forget the routes that lead to these mailboxes."""
        self._generation += 1
        for table in (self._named, self._unnamed):
            stale = [
                key
                for key, (_, answer) in table.items()
                if isinstance(answer, Routes) and any(r.mailbox_id in mailbox_ids for r in answer.routes)
            ]
            for address in stale:
                del table[address]

    async def _ask(self) -> None:
        while self._missing:
            batch = {address: self._missing[address] for address in list(self._missing)[: self._limits.batch]}
            generation = self._generation
            names = {name for address in batch for name in names_to_look_up(address)}
            try:
                found = await self._directory.lookup(names, {address.domain for address in batch})
                answers = {address: resolve(address, found) for address in batch}
            except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets the error
                for address, waiting in batch.items():
                    del self._missing[address]
                    waiting.set_exception(error)
                    waiting.exception()  # seen, even where the session that asked is gone
                continue
            for address, answer in answers.items():
                if generation == self._generation:
                    self._keep(address, answer)
                self._missing.pop(address).set_result(answer)
        self._asking = None

    def _keep(self, address: Address, answer: RouteAnswer) -> None:
        named = isinstance(answer, Routes) and answer.named
        table = self._named if named else self._unnamed
        other = self._unnamed if named else self._named
        size = self._limits.named if named else self._limits.unnamed
        age = self._limits.named_age if named else self._limits.unnamed_age
        other.pop(address, None)
        if len(table) >= size and address not in table:
            del table[next(iter(table))]
        table[address] = (self._clock() + age, answer)
