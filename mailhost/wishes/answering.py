"""Answering for somebody who is away: one answer to one person in some days, and it leaves like everything else.

In: a message that was stored, the owner's wish, the route. Out: a reason. `rules.away` says whether such a message is
answered at all. Here stand the rest of RFC 3834: the answer goes to the envelope sender and nowhere else (§4), comes
with the null sender (§3.3), says that a program wrote it (§3.1.7) and holds nothing of the message but its subject
(§3.2). Whom a mailbox answered is a keyed hash that is forgotten when the days are over.

It goes into the queue, so the egress decision of the owner's tenant is asked before anybody hears of it. An answer is
no promise: one that cannot be queued, sent or remembered is let go.
"""

from __future__ import annotations

import hashlib
import quopri
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from mailhost.deliver import Envelope
from mailhost.mailauth.dkim import passes
from mailhost.mailauth.dkim_signature import at_or_below
from mailhost.mailauth.spf import SpfResult
from mailhost.mailauth.verdict import Findings
from mailhost.message.address import Address
from mailhost.message.charsets import visible
from mailhost.message.dates import format_date
from mailhost.message.encodedwords import encode_words
from mailhost.message.headers import Headers, message_ids, read_headers
from mailhost.outbox import Forward, Outgoing, Queue, TlsNeed
from mailhost.ports import Route, StoreError, WishCounts
from mailhost.reputation.memory import Digest, Memory
from mailhost.rules.away import MAX_SUBJECT, Away, Why, answers, edition
from mailhost.wishes.forwarding import Arrived, ErrandLimits

# RFC 3834 §3.1.6: what is answered, and so much of the thread before it.
MAX_REFERENCES: Final = 20


class Silent(StrEnum):
    """Why an answer that should be given is not; the value is also the label of a metric."""

    SENDER_DENIED = "sender_denied"  # by the domain in its name: the answer would go to somebody else
    ANSWERED_LATELY = "answered_lately"
    OVER_LIMIT = "answers_over_limit"
    NO_MEMORY = "no_memory"
    NOT_QUEUED = "not_queued"


class Answerer:
    """Writes answers and hands them to the queue, which signs them. `key` turns correspondents into digests."""

    def __init__(
        self,
        *,
        queue: Queue,
        memory: Memory,
        counts: WishCounts,
        limits: ErrandLimits,
        key: bytes,
        random_word: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._queue = queue
        self._memory = memory
        self._counts = counts
        self._limits = limits
        self._key = key
        self._random_word = random_word

    async def answer(
        self, route: Route, reached: Address, message: Arrived, wish: Away, *, junk: bool, now: datetime
    ) -> Why | Silent:
        """Answer if it is to be answered. Never raises what it can foresee."""
        sender, headers = message.envelope.sender, read_headers(message.content)
        name = reached.split()[0]
        own = {route.address, reached.lookup, name.lookup}
        why = answers(wish, sender, headers, own, junk=junk, today=now.astimezone(UTC).date())
        if why is not Why.ANSWER or sender is None:
            return why
        if message.found is not None and _is_denied(message.found, sender):
            return Silent.SENDER_DENIED
        try:
            silent = await self._silent(route, sender, wish, now)
            if silent is not None:
                return silent
            await self._put(route, name, message.envelope, headers, wish, now)
        except StoreError:
            return Silent.NOT_QUEUED
        return why

    async def _silent(self, route: Route, sender: Address, wish: Away, now: datetime) -> Silent | None:
        """Whether an answer is one too many. Raises StoreUnavailable."""
        digest = self._digest(route.mailbox_id, sender, wish)
        if await self._memory.recall([digest], now=now):
            return Silent.ANSWERED_LATELY
        allowed, young = self._limits.answers, self._limits.young
        if not await self._counts.take(route, "answered", allowed, young=young, now=now):
            return Silent.OVER_LIMIT
        # Remembered first: an answer too few is better than one at every message.
        today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        kept = await self._memory.remember([digest], since=today, until=today + timedelta(days=wish.days))
        return None if kept else Silent.NO_MEMORY

    def _digest(self, mailbox_id: int, sender: Address, wish: Away) -> Digest:
        words = "\0".join((str(mailbox_id), sender.lookup, edition(wish)))
        return hashlib.blake2b(words.encode(), key=self._key, digest_size=16, person=b"answered").digest()

    async def _put(
        self, route: Route, name: Address, envelope: Envelope, headers: Headers, wish: Away, now: datetime
    ) -> None:
        sender = envelope.sender
        assert sender is not None, "nobody is answered without one"
        word = self._random_word()
        await self._queue.put(
            Outgoing(
                opaque_id=word,
                tenant_id=route.tenant_id,
                mailbox_id=route.mailbox_id,
                # RFC 3834 §3.3: nobody answers an answer, and nobody is told that it did not arrive.
                sender="",
                recipients=(Forward(str(sender), sender.domain),),
                content=written(wish, name, sender, headers, message_id=f"{word}@{name.domain}", now=now),
                smtputf8=not (sender.is_ascii and name.is_ascii),
                # RFC 8689 §6: what is made of a message, its subject in it, travels as safely as the message.
                tls=TlsNeed.REQUIRED if envelope.requiretls else TlsNeed.ORDINARY,
            ),
            now=now,
        )


def _is_denied(found: Findings, sender: Address) -> bool:
    """Whether the domain of the envelope sender says that this was not sent by it, and did not sign it either.

    An answer to a name that somebody else took is mail that nobody asked for, and we are its sender.
    """
    if found.spf.result not in {SpfResult.FAIL, SpfResult.SOFTFAIL}:
        return False
    # Mail that was forwarded comes from another host, and is signed by the domain it began at.
    signers = [one.domain for one in passes(found.dkim)]
    return not any(at_or_below(sender.domain, signer) or at_or_below(signer, sender.domain) for signer in signers)


def written(wish: Away, name: Address, sender: Address, headers: Headers, *, message_id: str, now: datetime) -> bytes:
    """The whole answer. `name` is the owner's address, `headers` those of what is answered."""
    asked = headers.message_id
    lines = [
        f"From: <{name}>",
        f"To: <{sender}>",
        f"Date: {format_date(now)}",
        f"Message-ID: <{message_id}>",
        # RFC 3834 §3.1.7 and §5.
        "Auto-Submitted: auto-replied (vacation)",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
    ]
    if asked is not None:
        thread = [*message_ids(headers.first(b"references"))[-MAX_REFERENCES:], asked]
        lines += [f"In-Reply-To: {asked}", "References: " + "\r\n ".join(dict.fromkeys(thread))]
    subject = encode_words(_subject(wish, headers)).replace(b"?= =?", b"?=\r\n =?")
    body = quopri.encodestring(wish.text.encode() + b"\n").replace(b"\n", b"\r\n")
    return b"\r\n".join([*(line.encode() for line in lines), b"Subject: " + subject, b"", body])


def _subject(wish: Away, headers: Headers) -> str:
    if wish.subject:
        return wish.subject
    # RFC 3834 §3.1.5. What is no line of text is made one: the subject is a stranger's.
    asked = visible(headers.text(b"subject") or "")[:MAX_SUBJECT]
    return f"Auto: {''.join(char if char.isprintable() else ' ' for char in asked)}".strip()
