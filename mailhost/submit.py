"""Submitting: may this login send this, and where does each recipient's copy go?

A submission goes through four questions. May the login use the envelope sender (its mailbox, an alias that leads to
it, a sub-address of either)? May it use every address in From? Is there room in today's allowance of recipients, of
those never written to before in particular? And for each recipient: hosted in this cell or elsewhere.

What is hosted here is sealed and stored by the same `receive` and `deliver` that serve the MX, and never leaves the
cell; what is not goes to the queue. Accepted means that both are durable. The message is prepared first: blind
copies, author's machine and program removed, Date and Message-ID completed (`message.submitted`).

Local copies are stored before the queue takes the rest. If the queue then fails, the answer is 451 and the local
deliveries are remembered, so that the client's second try does not deliver them twice. If the answer itself is lost,
the whole submission is remembered: the client hands the same in again and hears that it is there.

What is to wait (RFC 4865), and what its author wants to be told has arrived (RFC 3461), goes through the queue even to
recipients of this cell: the queue is what waits and what tells.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from mailhost.deliver import LARGE, Envelope, Recipient
from mailhost.limits import SmtpLimits
from mailhost.message.address import Address
from mailhost.message.deliverywishes import Wish, without_wishes
from mailhost.message.headers import Headers, read_headers, with_fields
from mailhost.message.sealedform import is_sealed
from mailhost.message.submitted import authors, prepared
from mailhost.message.trace import received
from mailhost.outbox import Forward, Outgoing, TlsNeed
from mailhost.outcomes import Outcome, Reason, outcome
from mailhost.ports import (
    Account,
    Allowance,
    Counting,
    Grants,
    LostAnswers,
    MailboxState,
    Route,
    StoreFull,
    StoreUnavailable,
    Tallied,
    Tally,
)
from mailhost.receive import Receiver, check_header
from mailhost.reputation.memory import written_digest
from mailhost.routing import NotLocal, RouteCache, Routes
from mailhost.signing import Entrance

_TALLIED = {
    Tallied.OK: Reason.OK,
    Tallied.TOO_MANY: Reason.DAILY_LIMIT,
    Tallied.TOO_MANY_NEW: Reason.NEW_RECIPIENTS_LIMIT,
}


class Submitter:
    """What every login shares. `key` is a secret of the cell that turns recipients into digests."""

    def __init__(
        self,
        *,
        hostname: str,
        routes: RouteCache,
        receiver: Receiver,
        queue: Entrance,
        tally: Tally,
        grants: Grants,
        lost_answers: LostAnswers,
        key: bytes,
        now: Callable[[], datetime],
        limits: SmtpLimits,
        allowance: Allowance,
        opaque_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self.hostname = hostname
        self.routes = routes
        self.receiver = receiver
        self.queue = queue
        self.tally = tally
        self.grants = grants
        self.lost_answers = lost_answers
        self.now = now
        self.limits = limits
        self.allowance = allowance
        self.opaque_id = opaque_id
        self._key = key

    def digest(self, account: Account, recipient: Address) -> bytes:
        """A recipient as the tally knows it: two mailboxes that write to one person share nothing."""
        return written_digest(self._key, account.mailbox_id, recipient)

    def submitted(self, account: Account, envelope: Envelope, content: bytes | bytearray) -> bytes:
        """One submission, recognisable to this cell alone when it comes again."""
        names = sorted(recipient.address.lookup for recipient in envelope.recipients)
        digest = hashlib.blake2b(key=self._key, digest_size=32, person=b"submitted")
        digest.update("\0".join((str(account.mailbox_id), str(envelope.sender or ""), *names, "")).encode())
        digest.update(content)
        return digest.digest()


class Submission:
    """The mail of one login: the questions of the SMTP edge, answered as `receive.Receiver` answers them."""

    def __init__(self, submitter: Submitter, account: Account) -> None:
        self._with = submitter
        self._account = account

    @property
    def domain(self) -> str:
        """The login's domain: what a Received field says the mail came from."""
        return self._account.address.rpartition("@")[2]

    async def owns(self, address: Address) -> bool:
        """Whether mail to this very address reaches the login's mailbox; a catch-all owns nothing.

        Raises StoreUnavailable.
        """
        answer = await self._with.routes.resolve(address)
        return (
            isinstance(answer, Routes)
            and answer.named
            and any(
                route.mailbox_id == self._account.mailbox_id and route.state is MailboxState.ACTIVE
                for route in answer.routes
            )
        )

    async def may_send_as(self, address: Address) -> bool:
        """Whether the login owns this address or was granted it. Raises StoreUnavailable."""
        return await self.owns(address) or await self._with.grants.granted(self._account.mailbox_id, str(address))

    async def sender(self, sender: Address | None) -> Reason:
        """Whether the login may use this envelope sender: OK, or why not."""
        # The null sender is how a mail program sends a receipt (RFC 8098 §3); its From is checked like any other.
        try:
            return Reason.OK if sender is None or await self.may_send_as(sender) else Reason.SENDER_NOT_OWNED
        except StoreUnavailable:
            return Reason.STORE_UNAVAILABLE

    async def recipient(self, address: Address, size: int) -> tuple[Route, ...] | Outcome:
        """The mailboxes here that take it, none for a recipient elsewhere, or why it is refused."""
        if address.domain.startswith("["):
            return outcome(Reason.NO_MAIL_DOMAIN)
        answer = await self._with.receiver.recipient(address, size)
        return () if not isinstance(answer, tuple) and answer.reason is Reason.NOT_LOCAL else answer

    async def message(self, envelope: Envelope, content: bytearray) -> Outcome:
        """Take over a message, or say why not. Accepted means: durable, here or in the queue, for every recipient."""
        at = self._with
        reason = check_header(content, at.hostname, at.limits)
        if reason is not Reason.OK:
            return outcome(reason)
        now, opaque_id = at.now(), at.opaque_id()
        try:
            if await self._came_before(envelope, content):
                return outcome(Reason.QUEUED)
            reason = await self._may_write(read_headers(content))
            if reason is not Reason.OK:
                return outcome(reason)
            text, wishes = without_wishes(prepared(content, message_id=f"{opaque_id}@{self.domain}", date=now))
            sealed = is_sealed(text) if len(text) <= LARGE else await asyncio.to_thread(is_sealed, text)
            outgoing = self._outgoing(envelope, text, opaque_id, now)
            consent, link = Wish.CONSENT in wishes, Wish.LINK in wishes
            outgoing = replace(outgoing, sealed=sealed, consent=consent, link=link)
            return outcome(await self._hand_over(envelope, content, text, outgoing))
        except StoreFull:
            return outcome(Reason.STORE_FULL)
        except StoreUnavailable:
            return outcome(Reason.STORE_UNAVAILABLE)

    async def answer_lost(self, envelope: Envelope, content: bytearray) -> None:
        """The client could not be told and will submit the same again: it is neither stored nor sent twice.

        Raises StoreUnavailable; then it is, which is the lesser harm.
        """
        at = self._with
        await at.lost_answers.remember([await self._digest(envelope, content)], now=at.now())

    async def _came_before(self, envelope: Envelope, content: bytearray) -> bool:
        at = self._with
        if not at.lost_answers.any():
            return False
        return bool(await at.lost_answers.take([await self._digest(envelope, content)], now=at.now()))

    async def _digest(self, envelope: Envelope, content: bytearray) -> bytes:
        if len(content) > LARGE:
            return await asyncio.to_thread(self._with.submitted, self._account, envelope, content)
        return self._with.submitted(self._account, envelope, content)

    async def _hand_over(self, envelope: Envelope, content: bytearray, text: bytes, outgoing: Outgoing) -> Reason:
        at, local = self._with, _local(envelope)
        now = at.now()
        digests = {at.digest(self._account, recipient.address) for recipient in envelope.recipients}
        counting = Counting(self._account, digests, at.allowance, now.astimezone(UTC).date())
        if not local.recipients:
            reason = _TALLIED[await at.queue.put_counted(outgoing, counting, now=now)]
            return Reason.QUEUED if reason is Reason.OK else reason
        reason = _TALLIED[await at.tally.count(counting)]
        if reason is Reason.OK:
            # The second try gets another Date and Message-ID where the client gave none: it is known by what came.
            reason = (await at.receiver.message(local, bytearray(text), came_as=content)).reason
        if reason is not Reason.OK or not outgoing.recipients:
            return reason
        try:
            await at.queue.put(outgoing, now=at.now())
        except (StoreFull, StoreUnavailable):
            await at.receiver.answer_lost(local, content)
            raise
        return Reason.QUEUED

    def _outgoing(self, envelope: Envelope, text: bytes, opaque_id: str, now: datetime) -> Outgoing:
        client = envelope.client
        trace = received(
            helo=client.helo,
            by=self._with.hostname,
            protocol=client.protocol,
            queue_id=opaque_id,
            date=now,
            tls=client.tls,
        )
        headers = read_headers(text)
        queued = {str(r.address): r for r in envelope.recipients if not _goes_now(envelope, r)}
        return Outgoing(
            opaque_id=opaque_id,
            tenant_id=self._account.tenant_id,
            mailbox_id=self._account.mailbox_id,
            author=self._account.address,
            sender=str(envelope.sender or ""),
            recipients=tuple(
                Forward(name, r.address.domain, r.dsn.get("NOTIFY", ""), r.dsn.get("ORCPT", ""))
                for name, r in queued.items()
            ),
            content=with_fields(text, trace),
            smtputf8=envelope.smtputf8,
            envid=envelope.dsn.get("ENVID", ""),
            tls=_tls_need(envelope, headers),
            returns=envelope.dsn.get("RET", "").upper(),
            hold_until=envelope.hold_until,
        )

    async def _may_write(self, headers: Headers) -> Reason:
        """Whether every author in the header is the login's own. Raises StoreUnavailable."""
        written = authors(headers, b"from")
        if not written:
            return Reason.NO_FROM if written == () else Reason.FROM_NOT_OWNED
        resent = authors(headers, b"resent-from")
        if resent is None:
            return Reason.FROM_NOT_OWNED
        # RFC 5322 §3.6.6: who passes mail on keeps its From, which then must be a stranger's or the login's own.
        for address in (*resent, *written):
            passed_on = resent and address in written and await self._elsewhere(address)
            if not passed_on and not await self.may_send_as(address):
                return Reason.FROM_NOT_OWNED
        return Reason.OK

    async def _elsewhere(self, address: Address) -> bool:
        return isinstance(await self._with.routes.resolve(address), NotLocal)


def _local(envelope: Envelope) -> Envelope:
    """The part of a transaction that stays in the cell and is stored at once."""
    return replace(envelope, recipients=[one for one in envelope.recipients if _goes_now(envelope, one)])


def _goes_now(envelope: Envelope, recipient: Recipient) -> bool:
    wants_news = "SUCCESS" in recipient.dsn.get("NOTIFY", "").upper()
    return bool(recipient.routes) and envelope.hold_until is None and not wants_news


def _tls_need(envelope: Envelope, headers: Headers) -> TlsNeed:
    # RFC 8689 §5: where both are given, the parameter is what counts.
    if envelope.requiretls:
        return TlsNeed.REQUIRED
    said = (headers.first(b"tls-required") or b"").strip().lower()
    return TlsNeed.NONE if said == b"no" else TlsNeed.ORDINARY
