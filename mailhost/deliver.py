"""Delivering: trace fields in front, a summary, one seal for each mailbox, one durable commit.

In: an envelope whose recipients have been admitted, and the content as it came. Out: a `Report` with the reason,
OK only when every mailbox has its own sealed copy on disk. The message exists in clear only here and in memory: if
sealing fails for one mailbox nothing is stored, and the sender is told to come back.

Each mailbox gets a file of its own with a fresh file key and trace fields that name only the address it was
reached by, so two recipients share nothing and a blind copy stays blind. Small messages are sealed on the event
loop (a thread costs more than it saves), large ones in a thread, so that no other session waits for them. Copies
of a message to many mailboxes are committed in groups of bounded size; when a later group fails, the report says
which mailboxes have it already.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from mailhost.limits import SmtpLimits
from mailhost.mailauth.results import field as authentication_results
from mailhost.message.address import Address
from mailhost.message.describe import Description, Person, describe
from mailhost.message.headers import spacer
from mailhost.message.trace import received, return_path
from mailhost.outcomes import NO_VERDICT, NO_VERDICTS, Reason, Verdict
from mailhost.ports import (
    INBOX,
    Delivery,
    KeyChanged,
    MailboxFull,
    MailboxState,
    Mailstore,
    Route,
    StoreFull,
    StoreUnavailable,
)
from mailhost.routing import RouteCache, Routes
from mailhost.rules.apply import NO_PLAN, NO_PLANS, Plan
from mailhost.seal import Address as SummaryAddress
from mailhost.seal import HybridRecipient, Summary, seal

log = logging.getLogger(__name__)

# Above this a message is described and sealed in a thread. Below, that costs more than it saves, and the worst
# content that can be made (thousands of MIME parts) keeps the event loop for less than 50 ms.
LARGE = 128 * 1024
# Seals on the event loop (some 0.2 ms each) before the others get a turn.
_TURN = 16
# Parsed keys: parsing costs 0.2 ms, keeping some 10 KiB.
_KEYS = 4000


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent it, for the Received field: that field is sealed with the message and stands nowhere else."""

    address: str  # IP address, "" when there is none
    helo: str
    protocol: str  # "ESMTPS" …: RFC 3848, RFC 6531 §4.3
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384"
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Recipient:
    """One accepted RCPT."""

    address: Address
    routes: tuple[Route, ...]
    dsn: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Envelope:
    """One mail transaction (RFC 5321 §3.3)."""

    sender: Address | None
    client: Client
    size: int | None = None
    smtputf8: bool = False
    dsn: Mapping[str, str] = field(default_factory=dict)
    recipients: list[Recipient] = field(default_factory=list)
    requiretls: bool = False
    hold_until: datetime | None = None

    def mailboxes(self) -> dict[int, tuple[Route, Address]]:
        """Each mailbox once, with the first of the addresses that led to it."""
        found: dict[int, tuple[Route, Address]] = {}
        for recipient in self.recipients:
            for route in recipient.routes:
                found.setdefault(route.mailbox_id, (route, recipient.address))
        return found


@dataclass(frozen=True, slots=True)
class Report:
    """OK, or why not; and the mailboxes that have the message nevertheless."""

    reason: Reason
    stored: frozenset[int] = frozenset()


def summarise(description: Description, extra: int, verdict: Verdict, arrived: datetime) -> Summary:
    """The sealed summary of a described message that got `extra` octets of trace fields in front."""
    return Summary(
        size=description.size + extra,
        internaldate=int(arrived.timestamp()),
        from_=_addresses(description.from_),
        sender=_addresses(description.sender),
        reply_to=_addresses(description.reply_to),
        to=_addresses(description.to),
        cc=_addresses(description.cc),
        bcc=_addresses(description.bcc),
        subject=description.subject,
        date=description.date_text,
        message_id=description.message_id,
        in_reply_to=description.in_reply_to,
        references=description.references,
        attachments=description.attachments,
        preview=description.preview,
        verdict=verdict.results,
        envelope=description.envelope,
        body=description.body,
        bodystructure=description.bodystructure,
    )


def _addresses(people: tuple[Person, ...]) -> tuple[SummaryAddress, ...]:
    return tuple([SummaryAddress(person.name, person.address) for person in people])


class Deliverer:
    """Seals and commits. `opaque_id` gives 32 fresh random hex digits, `executor` runs what is large."""

    def __init__(
        self,
        *,
        hostname: str,
        routes: RouteCache,
        store: Mailstore,
        limits: SmtpLimits,
        executor: Executor,
        opaque_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._hostname = hostname
        self._routes = routes
        self._store = store
        self._limits = limits
        self._executor = executor
        self._opaque_id = opaque_id
        self._room = Room(limits.sealed_in_flight)
        self._keys: dict[str, HybridRecipient] = {}

    async def deliver(
        self,
        envelope: Envelope,
        content: bytes | bytearray,
        *,
        now: datetime,
        verdicts: Mapping[int, Verdict] = NO_VERDICTS,
        plans: Mapping[int, Plan] = NO_PLANS,
        except_for: Collection[int] = (),
        folder: str = INBOX,
    ) -> Report:
        """Store the message in every mailbox of the envelope but `except_for`. Never raises what it can foresee.

        `verdicts` are by tenant; a tenant without one was asked for none. `plans` are by mailbox; one that discards
        stores nothing.
        """
        left_out = {*except_for, *(mailbox for mailbox, plan in plans.items() if plan.discard)}
        due = [pair for mailbox, pair in envelope.mailboxes().items() if mailbox not in left_out]
        stored: set[int] = set()
        try:
            if len(content) <= LARGE:
                description = _or_failed(describe, content)
            else:
                description = await self._in_thread(describe, content)
            message = _Message(envelope, content, description, verdicts, plans, now, folder)
            for group in _groups(due, len(content), self._limits.sealed_batch):
                octets = len(group) * len(content)
                if not self._room.take(octets):
                    await self._room.wait_for(octets)
                try:
                    await self._store_group(message, group)
                finally:
                    self._room.give_back(octets)
                stored.update([route.mailbox_id for route, _ in group])
        except _Failed as failed:
            return Report(failed.reason, frozenset(stored))
        return Report(Reason.OK, frozenset(stored))

    async def _store_group(self, message: _Message, group: list[tuple[Route, Address]]) -> None:
        """Seal and commit, once more where a key changed in between. Raises _Failed."""
        for last_try in (False, True):
            deliveries = await self._seal_all(message, group)
            try:
                await self._store.commit(deliveries)
            except KeyChanged as changed:
                self._routes.forget(changed.mailbox_ids)
                if last_try:
                    raise _Failed(Reason.KEY_CHANGED) from None
                group = [await self._with_new_key(pair, changed.mailbox_ids) for pair in group]
            except MailboxFull as full:
                self._routes.forget(full.mailbox_ids)
                raise _Failed(Reason.MAILBOX_FULL) from None
            except StoreFull:
                raise _Failed(Reason.STORE_FULL) from None
            except StoreUnavailable:
                raise _Failed(Reason.STORE_UNAVAILABLE) from None
            else:
                return

    async def _with_new_key(self, pair: tuple[Route, Address], changed: Collection[int]) -> tuple[Route, Address]:
        route, address = pair
        if route.mailbox_id not in changed:
            return pair
        try:
            answer = await self._routes.resolve(address)
        except StoreUnavailable:
            raise _Failed(Reason.STORE_UNAVAILABLE) from None
        for found in answer.routes if isinstance(answer, Routes) else ():
            if found.mailbox_id == route.mailbox_id and found.state is MailboxState.ACTIVE:
                return found, address
        # Suspended or gone since RCPT: the retry gets that answer there.
        raise _Failed(Reason.KEY_CHANGED)

    async def _seal_all(self, message: _Message, group: list[tuple[Route, Address]]) -> list[Delivery]:
        deliveries = []
        for number, (route, address) in enumerate(group, 1):
            key = _or_failed(self._key, route)
            if len(message.content) <= LARGE:
                deliveries.append(_or_failed(self._seal, message, route, address, key))
            else:
                deliveries.append(await self._in_thread(self._seal, message, route, address, key))
            if number % _TURN == 0:
                await asyncio.sleep(0)
        return deliveries

    def _seal(self, message: _Message, route: Route, address: Address, key: HybridRecipient) -> Delivery:
        opaque_id = self._opaque_id()
        client = message.envelope.client
        verdict = message.verdicts.get(route.tenant_id, NO_VERDICT)
        trace = return_path(message.envelope.sender)
        if verdict is not NO_VERDICT:
            # RFC 8601 §4.1: above our own Received field, so that a reader sees which host's word it is.
            trace += authentication_results(self._hostname, verdict.results)
        trace += received(
            helo=client.helo,
            by=self._hostname,
            protocol=client.protocol,
            queue_id=opaque_id,
            date=message.arrived,
            client=f"IPv6:{client.address}" if ":" in client.address else client.address or None,
            tls=client.tls,
            recipient=address,
        )
        # Content that begins with white space would continue our last field: a stranger could write into it.
        trace += spacer(message.content)
        summary = summarise(message.description, len(trace), verdict, message.arrived)
        sealed = seal(key, [trace, message.content], summary)
        plan = message.plans.get(route.mailbox_id, NO_PLAN)
        return Delivery(
            mailbox_id=route.mailbox_id,
            tenant_id=route.tenant_id,
            key_version=route.key_version,
            opaque_id=opaque_id,
            arrived=message.arrived,
            header=sealed.header,
            payload=sealed.payload,
            special_use="\\Junk" if verdict.junk else message.folder,
            folder=plan.folder,
            flags=plan.flags,
        )

    def _key(self, route: Route) -> HybridRecipient:
        text = route.public_key
        if text is None:
            raise _Failed(Reason.KEY_CHANGED)
        key = self._keys.get(text)
        if key is None:
            if len(self._keys) >= _KEYS:
                del self._keys[next(iter(self._keys))]
            key = self._keys[text] = HybridRecipient.from_text(text)
        return key

    async def _in_thread[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work` on a large message. Raises _Failed where it fails."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(_or_failed, work, *args, **kwargs))


def _or_failed[**P, T](work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns. Raises _Failed where it fails."""
    try:
        return work(*args, **kwargs)
    except _Failed:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the sender is asked to come back
        # Whatever is wrong with a key or a message, it must not be stored in clear, and its text may quote it.
        log.error("a message could not be sealed: %s", type(error).__name__)  # noqa: TRY400
        raise _Failed(Reason.CANNOT_SEAL) from None


class Room:
    """Octets that may be taken at the same time; who finds too few waits, first come, first served.

    A request for more than there ever is gets its turn when nothing else is taken.
    """

    def __init__(self, octets: int) -> None:
        self._octets = octets
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def take(self, octets: int) -> bool:
        """Take `octets` if they are there and nobody waits for them; what was taken is to be given back."""
        if self._waiting or not self._fits(octets):
            return False
        self._taken += octets
        return True

    async def wait_for(self, octets: int) -> None:
        """Take `octets` when their turn has come."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((octets, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(octets)
            raise

    def _fits(self, octets: int) -> bool:
        return not self._taken or self._taken + octets <= self._octets

    def give_back(self, octets: int) -> None:
        """Let the next ones have them."""
        self._taken -= octets
        while self._waiting and (self._waiting[0][1].cancelled() or self._fits(self._waiting[0][0])):
            wanted, turn = self._waiting.popleft()
            if not turn.done():
                self._taken += wanted
                turn.set_result(None)


class _Failed(Exception):
    """The delivery ends here."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Message:
    """What all copies of one message share."""

    envelope: Envelope
    content: bytes | bytearray
    description: Description
    verdicts: Mapping[int, Verdict]
    plans: Mapping[int, Plan]
    arrived: datetime
    folder: str


def _groups(due: list[tuple[Route, Address]], size: int, room: int) -> Iterator[list[tuple[Route, Address]]]:
    """As many mailboxes together as copies of `size` octets fit into `room`, at least one."""
    together = max(1, room // max(size, 1))
    for start in range(0, len(due), together):
        yield due[start : start + together]
