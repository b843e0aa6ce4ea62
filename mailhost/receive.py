"""Receiving: may this recipient have mail here, and what becomes of the message.

The SMTP edge asks twice. At RCPT: `recipient`, which finds the mailboxes behind an address and says yes, later or
never. After the content: `message`, which looks for loops and header bombs, recognises the retry of a message that
was stored although its sender never heard so, has it judged (`reputation`), and hands the rest to `deliver`. Both
answer with values; what cannot be foreseen becomes 451 at the edge, never a lost or a half-stored message.

The two rules for an address that leads to several mailboxes: a mailbox that cannot take the mail *now* (not yet
activated, full) defers the whole address, one that somebody switched off or that *never* will (suspended, invitation
lapsed) is passed over as long as another takes it. So no member of an alias misses mail without the sender being told,
and nobody's pause stops a whole group. Alone, a suspended mailbox defers: its senders keep the mail for some days.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache

from mailhost.deliver import LARGE, Deliverer, Envelope, Report
from mailhost.limits import SmtpLimits
from mailhost.mailauth.results import without_forged
from mailhost.message.address import Address
from mailhost.message.headers import header_end
from mailhost.outcomes import NO_VERDICT, Outcome, Reason, Verdict, outcome
from mailhost.ports import LostAnswers, MailboxState, Route, Simulate, StoreError, StoreUnavailable
from mailhost.reports.reportmail import ReportDesk
from mailhost.reputation.judge import UNJUDGED, Judge, Ruling
from mailhost.routing import DomainSuspended, NoSuchRecipient, NotLocal, RouteCache, Routes
from mailhost.rules.apply import NO_PLANS
from mailhost.wishes.filing import NOTHING_FILED, Filing
from mailhost.wishes.forwarding import Arrived
from mailhost.wishes.returns import ReturnDesk, is_way_back

# How long mail for a mailbox without a key is put off before it is refused (design of the sealing).
ACTIVATION_TIME = timedelta(hours=72)
_VALUE = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+")
_FIELD_START = re.compile(rb"\n[^ \t\r\n]")

_SIMULATED = {
    Simulate.TEMPORARY_ERROR: Reason.SIMULATED_TEMPORARY,
    Simulate.PERMANENT_ERROR: Reason.SIMULATED_PERMANENT,
    Simulate.FULL: Reason.MAILBOX_FULL,
}


def admit(route: Route, size: int, now: datetime) -> Reason:
    """Whether this mailbox takes a message of `size` octets (0 when not announced): OK or the reason why not."""
    if route.simulate in _SIMULATED:
        return _SIMULATED[route.simulate]
    if route.state is MailboxState.SUSPENDED:
        return Reason.SUSPENDED
    if route.state is MailboxState.HELD:
        return Reason.PLACE_NOT_PROVEN
    if route.state is MailboxState.INVITED or route.public_key is None:
        young = now - route.invited_at < ACTIVATION_TIME
        return Reason.NOT_ACTIVATED if young else Reason.NEVER_ACTIVATED
    if route.limit is not None and size > route.limit:
        return Reason.LARGER_THAN_MAILBOX
    if route.room is not None and (route.room <= 0 or size > route.room):
        return Reason.MAILBOX_FULL
    return Reason.OK


def admit_all(routes: tuple[Route, ...], size: int, now: datetime) -> tuple[Route, ...] | Outcome:
    """The mailboxes of one address that take the message, or why the address takes none."""
    taking = []
    refused: Outcome | None = None
    for route in routes:
        reason = admit(route, size, now)
        if reason is Reason.OK:
            taking.append(route)
        elif (found := outcome(reason)).code < 500 and reason is not Reason.SUSPENDED:
            return found
        else:
            refused = refused or found
    return tuple(taking) or refused or outcome(Reason.NO_SUCH_RECIPIENT)


@cache
def _by(hostname: str) -> re.Pattern[bytes]:
    return re.compile(rb"[ \t\n]by[ \t\r\n]+" + re.escape(hostname.lower().encode()) + rb"[ \t\r\n;(]")


def check_header(content: bytes | bytearray, hostname: str, limits: SmtpLimits) -> Reason:
    """OK, or why the header of a message is not taken. Linear in the header's length; never raises."""
    return look_at_header(content, hostname, limits)[0]


def look_at_header(content: bytes | bytearray, hostname: str, limits: SmtpLimits) -> tuple[Reason, bool]:
    """`check_header`, and whether there is an Authentication-Results field, asked here because it costs nothing."""
    end = header_end(content, 0, min(len(content), limits.header + 1))
    if end > limits.header:
        return Reason.HEADER_TOO_LARGE, False
    # RFC 5322 §2.2: header fields hold no NUL; a program behind us that thinks in C strings would stop there.
    if content.find(b"\0", 0, end) >= 0:
        return Reason.HEADER_NUL, False
    header = b"\n" + bytes(content[:end]).lower()
    lines = header.count(b"\n")
    if lines > limits.header_fields and len(_FIELD_START.findall(header)) > limits.header_fields:
        return Reason.TOO_MANY_HEADERS, False
    hops = header.count(b"\nreceived:")
    # RFC 5321 §6.3: counting Received fields is the simple way to see a loop, and works across hosts.
    if hops > limits.hops:
        return Reason.TOO_MANY_HOPS, False
    if hops > limits.own_hops:
        values = [_VALUE.match(rest) for rest in header.split(b"\nreceived:")[1:]]
        if sum(value is not None and _by(hostname).search(value[0]) is not None for value in values) > limits.own_hops:
            return Reason.LOOP, False
    return Reason.OK, b"\nauthentication-results" in header


class Receiver:
    """The two questions of the SMTP edge. `key` is a secret of the cell that turns deliveries into digests."""

    def __init__(
        self,
        *,
        hostname: str,
        routes: RouteCache,
        deliverer: Deliverer,
        lost_answers: LostAnswers,
        key: bytes,
        now: Callable[[], datetime],
        limits: SmtpLimits,
        judge: Judge | None = None,
        reports: ReportDesk | None = None,
        filing: Filing | None = None,
        returns: ReturnDesk | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._hostname = hostname
        self._judge = judge
        self._reports = reports
        self._filing = filing
        self._returns = returns
        self._routes = routes
        self._deliverer = deliverer
        self._lost_answers = lost_answers
        self._key = key
        self._now = now
        self._limits = limits
        self._sleep = sleep

    async def recipient(self, address: Address, size: int) -> tuple[Route, ...] | Outcome:
        """The mailboxes that take a message of `size` octets (0 when not announced) for `address`, or why not.

        None take what comes for the address of reports, or goes back along the way of forwarded mail; it is welcome all
        the same.
        """
        if self._reports is not None and self._reports.takes(address):
            return ()
        try:
            answer = await self._routes.resolve(address)
            # Another forwarder's way back has the same form, and our own users may well write to it.
            if self._returns is not None and is_way_back(address) and not isinstance(answer, NotLocal):
                reason = await self._returns.admit(address, now=self._now())
                return () if reason is Reason.OK else outcome(reason)
        except StoreUnavailable:
            return outcome(Reason.STORE_UNAVAILABLE)
        match answer:
            case Routes():
                return admit_all(answer.routes, size, self._now())
            case NoSuchRecipient():
                return outcome(Reason.NO_SUCH_RECIPIENT)
            case NotLocal():
                return outcome(Reason.NOT_LOCAL)
            case DomainSuspended():
                return outcome(Reason.SUSPENDED)

    async def message(self, envelope: Envelope, content: bytearray, came_as: bytearray | None = None) -> Outcome:
        """Take over a message, or say why not. Accepted means: sealed and durable in every mailbox.

        `came_as` is what its sender will send again after a failure, where that is not `content`.
        """
        reason, has_results = look_at_header(content, self._hostname, self._limits)
        if reason is not Reason.OK:
            return outcome(reason)
        if any(route.simulate is Simulate.SLOW for route, _ in envelope.mailboxes().values()):
            await self._sleep(self._limits.simulated_delay)
        sent = content if came_as is None else came_as
        stored: frozenset[int] = frozenset()
        try:
            stored = await self._stored_before(envelope, sent)
            ruling = await self._ruling(envelope, content, stored)
            if ruling.reason is not Reason.OK:
                return await self._ended(ruling.reason, envelope, sent, stored)
            beside = await self._for_no_mailbox(envelope, content, ruling)
            if beside is not None and (beside is not Reason.OK or not envelope.mailboxes()):
                return await self._ended(beside, envelope, sent, stored)
            report = await self._store(
                Arrived(envelope, self._without_forged(content) if has_results else content, ruling.found),
                ruling,
                stored,
            )
            if report.reason is not Reason.OK:
                return await self._ended(report.reason, envelope, sent, report.stored | stored)
        except StoreUnavailable:
            with suppress(StoreUnavailable):
                await self._ended(Reason.STORE_UNAVAILABLE, envelope, sent, stored)
            return outcome(Reason.STORE_UNAVAILABLE)
        if self._reports is not None:
            # It is delivered: what becomes of the counts changes nothing about that.
            with suppress(StoreError):
                to = [recipient.address for recipient in envelope.recipients if recipient.routes]
                await self._reports.read_along(to, content, proven=bool(ruling.proven), now=self._now())
        return outcome(report.reason)

    async def _ended(self, reason: Reason, envelope: Envelope, sent: bytearray, stored: Collection[int]) -> Outcome:
        """The outcome. Mailboxes that have it must not get it twice when its sender sends it to all again."""
        if stored:
            await self._remember(envelope, sent, stored)
        return outcome(reason)

    async def give_back(
        self, envelope: Envelope, content: bytearray, folder: str, verdict: Verdict = NO_VERDICT
    ) -> Outcome:
        """Store what this host had taken over already: nothing of it is looked at or judged again. `verdict` is what
        this host knows of it by other means."""
        verdicts = {route.tenant_id: verdict for route, _ in envelope.mailboxes().values()}
        report = await self._deliverer.deliver(envelope, content, now=self._now(), folder=folder, verdicts=verdicts)
        return outcome(report.reason)

    async def answer_lost(self, envelope: Envelope, content: bytearray) -> None:
        """The message was accepted, but its sender could not be told and will send it again.

        Raises StoreUnavailable; then the retry is stored a second time, which is the lesser harm.
        """
        await self._remember(envelope, content, envelope.mailboxes())

    async def _ruling(self, envelope: Envelope, content: bytearray, stored: Collection[int]) -> Ruling:
        # A retry of what every mailbox has already was judged when it was stored.
        if self._judge is None or (stored and envelope.mailboxes().keys() <= set(stored)):
            return UNJUDGED
        return await self._judge.rule(envelope, content, now=self._now())

    async def _store(self, message: Arrived, ruling: Ruling, stored: Collection[int]) -> Report:
        """Deliver as the owners want it; a mailbox counts as stored when what goes on from it is durable as well."""
        now, filing, filed = self._now(), self._filing, NOTHING_FILED
        if filing is not None:
            filed = await filing.look(message, ruling.verdicts, except_for=stored, now=now)
        report = await self._deliverer.deliver(
            message.envelope,
            message.content,
            except_for=stored,
            now=now,
            verdicts=ruling.verdicts,
            plans={mailbox: one.plan for mailbox, one in filed.items()} if filed else NO_PLANS,
        )
        if filing is None or not filed:
            return report
        done = report.stored | {mailbox for mailbox, one in filed.items() if one.plan.discard}
        failed = await filing.follow(message, [one for mailbox, one in filed.items() if mailbox in done], now=now)
        reason = Reason.STORE_UNAVAILABLE if failed and report.reason is Reason.OK else report.reason
        return Report(reason, done - failed)

    async def _for_no_mailbox(self, envelope: Envelope, content: bytearray, ruling: Ruling) -> Reason | None:
        """What becomes of it for recipients without a mailbox: reports, and the way back. None: there are none."""
        found = [recipient.address for recipient in envelope.recipients if not recipient.routes]
        back = [address for address in found if self._returns is not None and is_way_back(address)]
        reason: Reason | None = None
        if self._returns is not None and back:
            reason = await self._returns.take(envelope, content, back, now=self._now())
        if self._reports is not None and len(found) > len(back) and reason in {None, Reason.OK}:
            reason = await self._report(self._reports, envelope, content, ruling)
        return reason

    async def _report(self, desk: ReportDesk, envelope: Envelope, content: bytearray, ruling: Ruling) -> Reason:
        """A recipient without a mailbox is the address for reports; what is no report is still for the others."""
        reason = await desk.take(content, proven=bool(ruling.proven), now=self._now())
        return Reason.OK if envelope.mailboxes() else reason

    def _without_forged(self, content: bytearray) -> bytearray:
        """RFC 8601 §5: no field may arrive that claims to be this host's own finding, whoever reads it later."""
        cleaned = without_forged(content, (self._hostname,))
        return content if cleaned is content else bytearray(cleaned)

    async def _stored_before(self, envelope: Envelope, content: bytearray) -> frozenset[int]:
        if not self._lost_answers.any():
            return frozenset()
        digests = await self._digests(envelope, content, envelope.mailboxes())
        found = await self._lost_answers.take(list(digests.values()), now=self._now())
        return frozenset(mailbox for mailbox, digest in digests.items() if digest in found)

    async def _remember(self, envelope: Envelope, content: bytearray, mailboxes: Collection[int]) -> None:
        digests = await self._digests(envelope, content, mailboxes)
        await self._lost_answers.remember(list(digests.values()), now=self._now())

    async def _digests(self, envelope: Envelope, content: bytearray, mailboxes: Collection[int]) -> dict[int, bytes]:
        """For each mailbox the keyed hash of sender, mailbox and content: one delivery, recognisable to us alone."""
        if len(content) > LARGE:
            whole = await asyncio.to_thread(self._digest, content)
        else:
            whole = self._digest(content)
        sender = str(envelope.sender or "").encode()
        return {mailbox: self._digest(b"%b\0%d\0%b" % (sender, mailbox, whole)) for mailbox in mailboxes}

    def _digest(self, data: bytes | bytearray) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=32).digest()
