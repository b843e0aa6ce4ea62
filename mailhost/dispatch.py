"""Sending what waits: destinations are claimed, hosts found and asked, and each recipient comes to one end.

For a destination: the MX walk, the egress decision for each tenant's message and each host, a connection that keeps
what the domain and the author demand of TLS (a few for much mail), the messages one behind the other. For a recipient:
delivered, refused or held (the author gets a notice), or not now (tried again later, the author hears of it after
some hours, and of the end after five days).

A host that cannot be reached, or says that it has had enough, makes its whole destination wait, so mail for a dead host
costs one attempt a destination and not one a message; a message that trips us waits alone. Each end is written down
before the next message goes over the same connection: a crash repeats at most what was in flight on each, a power cut
what one claim has delivered, and neither loses anything (RFC 5321 §6.1).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from mailhost.limits import DispatchLimits
from mailhost.message.fates import Fate
from mailhost.message.headers import header_end
from mailhost.outbound.handover import Handover, Here
from mailhost.outbound.leaving import Asked, Leaving
from mailhost.outbound.mxwalk import Later, NoMail, Target, Targets, Walk
from mailhost.outbound.notices import EXPIRED, Notices, fate, wants
from mailhost.outbound.reach import Reach, Unreachable
from mailhost.outbound.stayed import Stayed
from mailhost.outbound.transport import Answer, ConnectionFailed, Link, Transaction, Verdict
from mailhost.outbox import DELAY_NOTICE, GIVE_UP, Claim, Forward, Item, Outbox, Passing, TlsNeed
from mailhost.ports import Metrics, StoreError

log = logging.getLogger(__name__)

# RFC 5321 §4.5.4.1 asks for 30 minutes between attempts, and sooner ones at first; what is between is ours.
BACKOFF: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 60, 60, 120, 240))
# A host that offers no TLS may have a bad moment, or somebody in between: so many attempts before it is believed.
CLEAR_ATTEMPTS: Final = 3
# Messages in a row to which a host answered 421 alone; one may be the message's own fault.
ENOUGH: Final = 2
# A notice that finds no room now is written again after this long.
NOTICE_AGAIN: Final = timedelta(hours=1)


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many failures in a row."""
    return BACKOFF[min(attempts, len(BACKOFF) - 1)]


class Dispatcher:
    """One process's share of the outbound work. `find` is the MX walk, `here` the link to what is hosted here."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        find: Callable[[str], Awaitable[Walk | Here]],
        here: Callable[[], Link],
        reach: Reach,
        leaving: Leaving,
        notices: Notices,
        stayed: Stayed,
        metrics: Metrics,
        now: Callable[[], datetime],
        limits: DispatchLimits,
    ) -> None:
        self._outbox = outbox
        self._find = find
        self._here = here
        self._reach = reach
        self._leaving = leaving
        self._notices = notices
        self._stayed = stayed
        self._metrics = metrics
        self._now = now
        self._limits = limits
        self._stopping = False
        self._looked: datetime | None = None  # for what is overdue

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; then what is in flight gets `farewell` seconds to be answered."""
        working: set[asyncio.Task[None]] = set()
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                looked = asyncio.get_running_loop().time()
                free = self._limits.destinations - len(working)
                claims = await self._claim(free)
                working |= {asyncio.create_task(self._safely(claim)) for claim in claims}
                done, _ = await asyncio.wait(
                    {stopped, *working}, timeout=self._limits.poll, return_when=asyncio.FIRST_COMPLETED
                )
                working -= done
                rest = looked + self._limits.gather - asyncio.get_running_loop().time()
                # As many as there was room for: more may wait.
                if len(claims) < free and rest > 0:
                    await asyncio.wait({stopped}, timeout=rest)
        finally:
            self._stopping = True
            stopped.cancel()
            if working:
                _, late = await asyncio.wait(working, timeout=self._limits.farewell)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    async def _claim(self, free: int) -> Sequence[Claim]:
        if free <= 0:
            return ()
        now = self._now()
        # A look in the future is one before the clock was put back.
        overdue = self._looked is None or not timedelta() <= now - self._looked < self._limits.overdue
        try:
            claims = await self._outbox.claim(
                now=now, lease=self._limits.lease, destinations=free, items=self._limits.items, overdue=overdue
            )
        except StoreError:
            return ()
        # A full batch of it says that there is more.
        if overdue and sum(len(claim.old) for claim in claims) < self._limits.items:
            self._looked = now
        return claims

    async def _safely(self, claim: Claim) -> None:
        try:
            await self.work(claim)
        except StoreError:
            # The claim runs out by itself, and somebody tries again.
            self._metrics.count("queue_attempts", "store_unavailable")
        except Exception as error:  # noqa: BLE001 - one destination must not stop the others
            self._fault(error)
            # What it met it would meet again as soon as the claim has run out, and never come to what is overdue.
            pause = self._now() + backoff(claim.failures)
            with suppress(StoreError):
                await self._outbox.release(claim.destination, failures=claim.failures + 1, not_before=pause)

    def _fault(self, error: Exception) -> None:
        # No text of the exception: it may quote an address.
        log.error("fault in dispatch: %s", type(error).__name__)
        self._metrics.count("queue_attempts", "fault")

    @asynccontextmanager
    async def _alone(self, work: _Work, item: Item) -> AsyncIterator[None]:
        """What one item trips over is a matter of that item: it waits, and the others for its destination go on."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one item must not stop the others
            self._fault(error)
            left = work.left.get(item.id)
            if left is not None:
                await self._outbox.postpone([left], due=self._now() + backoff(left.attempts), reason="fault")
                work.left[item.id] = replace(left, reason="fault", attempts=left.attempts + 1)

    async def work(self, claim: Claim) -> None:
        """Everything that is due for one claimed destination."""
        renewing = asyncio.create_task(self._renew(claim.destination))
        work = _Work(claim)
        try:
            if claim.due:
                await self._deliver(work)
            for item in claim.old:
                if item.id in work.left and not self._stopping:
                    async with self._alone(work, item):
                        await self._overdue(work, work.left[item.id])
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
        await self._outbox.release(claim.destination, failures=work.failures, not_before=work.not_before)

    async def _renew(self, destination: bytes) -> None:
        while True:
            await asyncio.sleep(self._limits.renewal)
            with suppress(StoreError):
                await self._outbox.renew(destination, until=self._now() + self._limits.lease)

    async def _deliver(self, work: _Work) -> None:
        match await self._find(work.domain):
            case NoMail(reason):
                for item in work.claim.due:
                    await self._fail(work, item, reason)
            case Later(reason):
                await self._all_later(work, reason)
            case Here():
                await self._send_all(work, deque(work.claim.due), None)
            case Targets(targets, beyond):
                hosts = (*targets, *beyond)
                ready = deque([item for item in work.claim.due if await self._permitted(work, item, hosts)])
                if ready:
                    await self._send_all(work, ready, targets)

    async def _permitted(self, work: _Work, item: Item, targets: Sequence[Target]) -> bool:
        """Whether the whole item may go now. What may not is settled; what is left of it comes up again by itself."""
        async with self._alone(work, item):
            shares = await self._leaving.shares(item, targets, work.asked)
            if all(share.goes for share in shares):
                return True
            later: dict[Forward, str] = {}
            fates: list[Fate] = []
            for share in shares:
                if share.goes or share.waits:
                    later |= dict.fromkeys(share.recipients, share.reason or "parted")
                elif share.reason:
                    fates += [fate(each, "failed", share.reason, more=share.more) for each in share.recipients]
            await self._settle(work, item, later, fates)
        return False

    # Connections.

    async def _send_all(self, work: _Work, ready: Sequence[Item], targets: Sequence[Target] | None) -> None:
        """`targets` None: it is for here. Mail that needs different things of TLS shares no connection."""
        groups = [_Group(need, deque(item for item in ready if item.tls is need)) for need in TlsNeed]
        groups = [group for group in groups if group.ready]
        for group in groups:
            lanes = min(self._limits.connections, 1 + len(group.ready) // self._limits.items_per_connection)
            # Each lane comes to its end under the claim: one that went on without it would send what others send too.
            ended = await asyncio.gather(
                *(self._lane(work, group, targets) for _ in range(lanes)), return_exceptions=True
            )
            for failure in ended:
                if failure is not None:
                    raise failure
        away = []
        for group in groups:
            if group.failed is not None and group.failed.permanent:
                for item in group.ready:
                    await self._fail(work, item, group.failed.reason)
            elif group.failed is not None:
                away.append((group, group.failed.reason))
        if len(away) == len(groups):
            await self._all_later(work, away[0][1], asked=all(group.enough < ENOUGH for group in groups))
            return
        # Other mail found its way, so the destination is not down.
        for group, reason in away:
            for item in group.ready:
                async with self._alone(work, item):
                    await self._settle(work, item, dict.fromkeys(item.recipients, reason), [])

    async def _lane(self, work: _Work, group: _Group, targets: Sequence[Target] | None) -> None:
        """Messages over one connection, and over a new one when that broke, until none is left."""
        link: Link | None = None
        try:
            while group.ready and not self._stopping and not group.failed:
                if link is None or link.broken:
                    if link is not None:
                        await link.close()
                    link = await self._connect(work, group, targets)
                    if link is None or not group.ready:
                        return
                item = group.ready.popleft()
                group.in_flight.add(item.id)
                async with self._alone(work, item):
                    group.enough = group.enough + 1 if await self._send(work, item, link) else 0
                if group.enough >= ENOUGH:
                    # RFC 5321 §3.8: the host closes, and would for each of the others: it is asked again later.
                    group.failed = Unreachable("deferred_by_host")
                group.in_flight.discard(item.id)
        finally:
            if link is not None:
                await link.close()

    async def _connect(self, work: _Work, group: _Group, targets: Sequence[Target] | None) -> Link | None:
        if targets is None:
            return self._here()
        try:
            authors = {item.author.rpartition("@")[2] for item in group.ready}
            return await self._reach.connect(work.domain, targets, group.need, authors)
        except Unreachable as failed:
            # Where one connection stands, another that is refused is no failure of the destination.
            if not group.in_flight:
                group.failed = failed
            return None

    async def _send(self, work: _Work, item: Item, link: Link) -> bool:
        """One message; True where the host has had enough and said so to every recipient."""
        # To this very machine there is no wire to read along.
        secure = link.secure or link.target.loopback
        if not secure:
            found = await self._leaving.ask(item, [link.target], work.asked, secure=False)
            if found.verdict is not Verdict.ALLOW:
                await self._no_tls(work, item)
                return False
        content = await self._outbox.content(item)
        if content is None:
            await self._fail(work, item, "content_gone")
            return False
        try:
            answers = await _sent(link, item, content)
        except ConnectionFailed as failed:
            link.broken = True
            await self._settle(work, item, dict.fromkeys(item.recipients, failed.reason), [])
            return False
        except Exception:
            # Nobody knows what is still to come over it.
            link.broken = True
            raise
        enough = all(answer.code == 421 for answer in answers)
        if not enough:
            work.failures = 0
        await self._answered(work, item, link, answers)
        return enough

    async def _no_tls(self, work: _Work, item: Item) -> None:
        # Attempts that something else put off say nothing about its TLS: the last one must have met the same.
        if item.attempts < CLEAR_ATTEMPTS or item.reason != "tls_required":
            await self._settle(work, item, dict.fromkeys(item.recipients, "tls_required"), [])
        else:
            await self._fail(work, item, "tls_required")

    # What becomes of an item.

    async def _answered(self, work: _Work, item: Item, link: Link, answers: Sequence[Answer]) -> None:
        later: dict[Forward, str] = {}
        fates = []
        # RFC 3461 §5.2.2: who takes the wish over answers it; else the author hears of it from here.
        arrived = "delivered" if isinstance(link, Handover) else "relayed"
        for forward, answer in zip(item.recipients, answers, strict=True):
            if answer.accepted:
                self._metrics.count("queue_attempts", "delivered")
                if not link.tells and wants(forward, arrived):
                    fates.append(fate(forward, arrived, arrived, host=link.target.name))
            elif answer.permanent:
                said = f"{answer.code} {answer.enhanced} {answer.text}".replace("  ", " ")
                status = answer.enhanced or "5.0.0"
                fates.append(
                    fate(forward, "failed", "refused_by_host", status=status, host=link.target.name, said=said)
                )
            else:
                later[forward] = "deferred_by_host"
        await self._settle(work, item, later, fates)

    async def _fail(self, work: _Work, item: Item, reason: str) -> None:
        async with self._alone(work, item):
            await self._settle(work, item, {}, [fate(each, "failed", reason) for each in item.recipients])

    async def _settle(self, work: _Work, item: Item, later: dict[Forward, str], fates: Sequence[Fate]) -> None:
        """Write down one attempt: notices first, so that a crash repeats one and never swallows it."""
        for each in fates:
            if each.action == "failed":
                self._metrics.count("queue_attempts", "failed")
        for reason in later.values():
            self._metrics.count("queue_attempts", reason)
        if fates and not await self._tell(item, fates):
            # A notice of arrival that finds no room is let go: it must not make the message go out again.
            lost = {each.recipient for each in fates if each.action == "failed"}
            later |= {each: "notice_waits" for each in item.recipients if each.address in lost}
        if not later:
            await self._outbox.done(item)
            del work.left[item.id]
            return
        due = self._now() + backoff(item.attempts)
        reason = next(iter(later.values()))
        await self._outbox.defer(item, tuple(later), due=due, reason=reason)
        work.left[item.id] = replace(item, recipients=tuple(later), reason=reason, attempts=item.attempts + 1)

    async def _tell(self, item: Item, fates: Sequence[Fate]) -> bool:
        """False: not now. What a mailbox passes on is that mailbox's affair, and its first sender hears nothing."""
        try:
            if item.passing is Passing.NO:
                return await self._notices.send(item, fates)
            return await self._stayed.ended(item, fates)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever has the message must not get it again for that
            self._fault(error)
            return False

    async def _all_later(self, work: _Work, reason: str, *, asked: bool = True) -> None:
        """The destination cannot be reached: everything for it waits, whatever is in the queue beyond this claim.

        What it was not `asked` about stays due, and so comes first the next time: no message can stand in its way.
        """
        due = self._now() + backoff(work.failures)
        work.failures += 1
        work.not_before = due
        waiting = [item for item in work.claim.due if asked and work.left.get(item.id) is item]
        if waiting:
            await self._outbox.postpone(waiting, due=due, reason=reason)
        for item in waiting:
            work.left[item.id] = replace(item, reason=reason, attempts=item.attempts + 1)
            self._metrics.count("queue_attempts", reason)

    async def _overdue(self, work: _Work, item: Item) -> None:
        """End an item that waited too long, or tell its author that it is late."""
        age = self._now() - item.queued
        reason = item.reason
        if age >= GIVE_UP - timedelta(hours=1):
            fates = [fate(each, "failed", reason, status=EXPIRED) for each in item.recipients]
            if await self._tell(item, fates):
                await self._outbox.done(item)
                del work.left[item.id]
                self._metrics.count("queue_attempts", "expired")
            else:
                await self._outbox.postpone([item], due=self._now() + NOTICE_AGAIN, reason=item.reason)
        elif age >= DELAY_NOTICE and not item.told:
            await self._tell(item, [fate(each, "delayed", reason) for each in item.recipients])
            await self._outbox.tell(item)


async def _sent(link: Link, item: Item, content: bytes) -> list[Answer]:
    """One transaction, and further ones for those that were too many for it, as long as each has taken somebody.

    RFC 5321 §4.5.3.1.10: who is told so sends the others next, and does not come back for them after minutes.
    """
    found: dict[Forward, Answer] = {}
    left = item.recipients
    while left:
        try:
            answers = await link.send(_transaction(replace(item, recipients=left), content), content)
        except ConnectionFailed:
            if not found:
                raise
            # Those before have it, whatever becomes of the others.
            link.broken = True
            break
        found.update(zip(left, answers, strict=True))
        taken = any(answer.accepted for answer in answers) and not link.broken
        left = tuple([each for each in left if _too_many(found[each])]) if taken else ()
    return [found[each] for each in item.recipients]


def _too_many(answer: Answer) -> bool:
    return answer.code == 452 and answer.enhanced in {"", "4.5.3"}


def _transaction(item: Item, content: bytes) -> Transaction:
    names = (item.sender, *(forward.address for forward in item.recipients))
    # RFC 6531 §3.2 is about addresses and header fields; what the body needs is 8BITMIME. A forward may lead to an
    # address beyond ASCII though the message came to one within it, and no address goes without the word (§3.4).
    header = content[: header_end(content)]
    return Transaction(
        item.sender,
        item.recipients,
        smtputf8=not all(map(str.isascii, names)) or (item.smtputf8 and not header.isascii()),
        requiretls=item.tls is TlsNeed.REQUIRED,
        returns=item.returns,
        envid=item.envid,
    )


class _Work:
    """One claim while it is worked on. `left` are its items that are still in the queue."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.left = {item.id: item for item in (*claim.old, *claim.due)}
        self.failures = claim.failures
        self.not_before: datetime | None = None
        self.asked: Asked = {}

    @property
    def domain(self) -> str:
        return self.claim.due[0].recipients[0].domain


@dataclass(slots=True)
class _Group:
    """Items of one claim that need the same of TLS."""

    need: TlsNeed
    ready: deque[Item]
    in_flight: set[int] = field(default_factory=set)
    failed: Unreachable | None = None
    enough: int = 0
