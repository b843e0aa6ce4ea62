"""In-memory doubles of the ports, kept honest by the same contracts (`tests/contracts.py`) as the real adapters."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mailhost.outbound.securelinks import LinkRules, NewLink
from mailhost.outbox import DELAY_NOTICE, GIVE_UP, Claim, Forward, Item, Outgoing
from mailhost.ports import (
    Account,
    Counting,
    Delivery,
    Found,
    HostedDomain,
    KeyChanged,
    MailboxFull,
    Route,
    StoreError,
    Tallied,
)
from mailhost.rules.standing import Standing
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


class MemoryWishCounts:
    """Counts by mailbox, day and what was counted; `young` are tenants with the smaller limit."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, date, str]] = Counter()
        self.young: set[int] = set()

    async def take(self, route: Route, what: str, allowed: int, *, young: int, now: datetime) -> bool:
        key = (route.mailbox_id, now.date(), what)
        if self.counts[key] >= (young if route.tenant_id in self.young else allowed):
            return False
        self.counts[key] += 1
        return True

    async def note(self, mailbox_id: int, what: str, *, now: datetime) -> None:
        self.counts[mailbox_id, now.date(), what] += 1

    def told(self) -> dict[str, int]:
        """What was counted, of all mailboxes and days."""
        found: Counter[str] = Counter()
        for (_, _, what), number in self.counts.items():
            found[what] += number
        return dict(found)


class MemoryWishes:
    """Owners' wishes by mailbox; None cannot be read."""

    def __init__(self, standing: dict[int, Standing | None]) -> None:
        self.standing = standing
        self.asked: list[tuple[int, int]] = []
        self.failure: Exception | None = None

    async def of(self, route: Route) -> Standing | None:
        if self.failure is not None:
            raise self.failure
        self.asked.append((route.mailbox_id, route.wishes))
        return self.standing[route.mailbox_id]


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

    def count(self, name: str, label: str = "", amount: int = 1) -> None:
        COUNTERS[name]
        self.counts[name, label] += amount


class MemoryLogins:
    """App passwords in clear: (address, password) -> account."""

    def __init__(self, *accounts: Account, password: str = "right") -> None:
        self.accounts = {account.address: account for account in accounts}
        self.password = password
        self.ended: set[int] = set()

    async def login(self, username: str, password: str) -> Account | None:
        return self.accounts.get(username.lower()) if password == self.password else None

    async def still_good(self, account: Account) -> bool:
        return account.app_password not in self.ended


class MemoryGrants:
    """`granted` holds pairs of mailbox and address."""

    def __init__(self) -> None:
        self.pairs: set[tuple[int, str]] = set()

    async def granted(self, mailbox_id: int, address: str) -> bool:
        return (mailbox_id, address) in self.pairs


class MemoryTally:
    """Counts by mailbox and day; `known` are the digests that are not new."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, date]] = Counter()
        self.new: Counter[tuple[int, date]] = Counter()
        self.tenants: Counter[tuple[int, date]] = Counter()
        self.tenants_new: Counter[tuple[int, date]] = Counter()
        self.known: set[tuple[int, bytes]] = set()
        self.young_until: dict[int, date] = {}  # by tenant

    def look(self, counting: Counting) -> Tallied:
        """What `count` would find."""
        return self._count(counting, keep=False)

    async def count(self, counting: Counting) -> Tallied:
        return self._count(counting, keep=True)

    def _count(self, counting: Counting, *, keep: bool) -> Tallied:
        account, digests, allowed, day = counting.account, counting.digests, counting.allowed, counting.day
        box, tenant = (account.mailbox_id, day), (account.tenant_id, day)
        if allowed.young is not None and self.young_until.get(account.tenant_id, date.min) >= day:
            allowed = allowed.young
        new = {(account.mailbox_id, digest) for digest in digests} - self.known
        if self.counts[box] + len(digests) > allowed.mailbox or self.tenants[tenant] + len(digests) > allowed.tenant:
            return Tallied.TOO_MANY
        if self.new[box] + len(new) > allowed.mailbox_new or self.tenants_new[tenant] + len(new) > allowed.tenant_new:
            return Tallied.TOO_MANY_NEW
        if not keep:
            return Tallied.OK
        for counter, key, amount in (
            (self.counts, box, len(digests)),
            (self.tenants, tenant, len(digests)),
            (self.new, box, len(new)),
            (self.tenants_new, tenant, len(new)),
        ):
            counter[key] += amount
        self.known |= new
        return Tallied.OK


@dataclass
class _Queued:
    """One item of `MemoryOutbox`."""

    item: Item
    content: bytes
    due: datetime


class MemoryOutbox:
    """The queue in dictionaries. `failure` is raised by `put` when set."""

    def __init__(self, tally: MemoryTally | None = None) -> None:
        self.tally = tally or MemoryTally()
        self.items: dict[int, _Queued] = {}
        self.claims: dict[bytes, datetime] = {}
        self.failures: Counter[bytes] = Counter()
        self.not_before: dict[bytes, datetime] = {}
        self.failure: Exception | None = None
        self._next = 0

    async def put(self, message: Outgoing, *, now: datetime) -> None:
        if self.failure is not None:
            raise self.failure
        now = max(now, message.hold_until or now)
        domains: dict[str, list[Forward]] = {}
        for forward in message.recipients:
            domains.setdefault(forward.domain, []).append(forward)
        first = self._next + 1
        for forwards in domains.values():
            self._next += 1
            item = Item(
                id=self._next,
                message=first,
                opaque_id=message.opaque_id,
                tenant_id=message.tenant_id,
                sender=message.sender,
                recipients=tuple(forwards),
                smtputf8=message.smtputf8,
                envid=message.envid,
                queued=now,
                attempts=0,
                told=False,
                sealed=message.sealed,
                tls=message.tls,
                returns=message.returns,
                author=message.author,
                consent=message.consent,
                passing=message.passing,
                mailbox_id=message.mailbox_id,
                link=message.link,
                note=message.note,
                seed=f"{self._next:064x}",
            )
            self.items[item.id] = _Queued(item, message.content, now)

    async def put_counted(self, message: Outgoing, counting: Counting, *, now: datetime) -> Tallied:
        if self.failure is not None:
            raise self.failure
        found = await self.tally.count(counting)
        if found is Tallied.OK:
            await self.put(message, now=now)
        return found

    async def claim(
        self, *, now: datetime, lease: timedelta, destinations: int, items: int, overdue: bool = True
    ) -> Sequence[Claim]:
        found: list[Claim] = []
        for destination in sorted({self._destination(row) for row in self.items.values()}):
            if self.claims.get(destination, now) > now or len(found) >= destinations:
                continue
            rows = [row for row in self.items.values() if self._destination(row) == destination and row.due <= now]
            rows.sort(key=lambda row: row.due)
            open_ = self.not_before.get(destination, now) <= now
            due = [r.item for r in rows if open_ and now - r.item.queued < GIVE_UP]
            old = [
                r.item
                for r in rows
                if overdue
                and (now - r.item.queued >= GIVE_UP or (not r.item.told and now - r.item.queued >= DELAY_NOTICE))
            ]
            if due or old:
                self.claims[destination] = now + lease
                found.append(
                    Claim(destination, self.failures[destination], now + lease, tuple(due[:items]), tuple(old[:items]))
                )
        return found

    def _destination(self, row: _Queued) -> bytes:
        return row.item.recipients[0].domain.encode()

    async def renew(self, destination: bytes, *, until: datetime) -> None:
        self.claims[destination] = until

    async def release(self, destination: bytes, *, failures: int, not_before: datetime | None) -> None:
        del self.claims[destination]
        left = any(self._destination(row) == destination for row in self.items.values())
        self.failures[destination] = failures if left else 0
        self.not_before.pop(destination, None)
        if left and not_before is not None:
            self.not_before[destination] = not_before

    async def content(self, item: Item) -> bytes | None:
        row = self.items.get(item.id)
        return row.content if row else None

    async def done(self, item: Item) -> None:
        self.items.pop(item.id, None)

    async def defer(self, item: Item, recipients: Sequence[Forward], *, due: datetime, reason: str) -> None:
        row = self.items[item.id]
        row.item = replace(row.item, recipients=tuple(recipients), attempts=row.item.attempts + 1, reason=reason)
        row.due = due

    async def postpone(self, items: Collection[Item], *, due: datetime, reason: str) -> None:
        for item in items:
            await self.defer(item, item.recipients, due=due, reason=reason)

    async def tell(self, item: Item) -> None:
        row = self.items[item.id]
        row.item = replace(row.item, told=True)


class MemoryLinks:
    """Secure links in a dictionary. `failure` is raised by `add` when set."""

    def __init__(self) -> None:
        self.kept: dict[bytes, NewLink] = {}
        self.chosen: dict[int, LinkRules] = {}
        self.languages: dict[int, str] = {}
        self.failure: Exception | None = None

    async def rules(self, tenant_id: int) -> LinkRules:
        return self.chosen.get(tenant_id, LinkRules("Harbour"))

    async def language(self, mailbox_id: int) -> str:
        return self.languages.get(mailbox_id, "")

    async def add(
        self, links: Sequence[NewLink], *, tenant_id: int, mailbox_id: int, now: datetime
    ) -> Collection[bytes]:
        if self.failure is not None:
            raise self.failure
        new = {link.token for link in links}.difference(self.kept)
        self.kept |= {link.token: link for link in links}
        return new

    async def remove(self, tokens: Collection[bytes]) -> None:
        for token in tokens:
            self.kept.pop(token, None)


class MemoryAgreements:
    """Mailboxes and the addresses that take what they forward, or have ended it."""

    def __init__(self) -> None:
        self.kept: set[tuple[int, str]] = set()
        self.ended: set[tuple[int, str]] = set()

    async def answers(self, mailbox_id: int, targets: Collection[str]) -> dict[str, bool]:
        said = self.kept | self.ended
        return {target: (mailbox_id, target) in self.kept for target in targets if (mailbox_id, target) in said}


class MemoryConsents:
    """Standing consents as pairs of mailbox and reader, with their last day."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, str], date] = {}

    async def given(self, mailbox_id: int, readers: Collection[str], *, today: date) -> frozenset[str]:
        return frozenset(one for one in readers if self.kept.get((mailbox_id, one), date.min) >= today)
