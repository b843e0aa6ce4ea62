"""Forwarding: a copy of what arrived goes on to an address that the mailbox's owner named.

In: the message as it is stored, the mailbox, the targets. Out: a reason for each. What goes on goes into the queue like
everything that leaves, so the egress decision of the owner's tenant is asked before anybody hears of it; what it
holds or refuses stays here (`outbound.stayed`). A target of this cell is delivered here and never leaves.

* The envelope sender becomes one of the mailbox's own domain, with the way back in it (`mailauth.srs`), or the next
  host would take us for a forger. The null sender stays null (RFC 5321 §4.5.5).
* The message is not changed, so its own signatures hold. In front of it stand this host's trace without the client's
  address, a signature of the owner's domain, and an ARC set that says what was found when it came (RFC 8617 §5).
* Delivered-To names the mailbox (RFC 9228): mail that comes round is not sent round again.
* An address that is not the tenant's own has agreed before anything goes there, and to none goes what its reader has
  ended (`wishes.agreements`).
* Junk does not get here (`rules.apply`), and a mailbox forwards so many messages a day and no more: what comes in is
  a stranger's to choose.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mailhost.deliver import LARGE, Envelope
from mailhost.mailauth import arc
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim_key import Algorithm
from mailhost.mailauth.dkim_signing import SigningKey, sign
from mailhost.mailauth.results import render
from mailhost.mailauth.srs import CannotRewrite, Srs
from mailhost.mailauth.verdict import Findings, method_results
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.headers import Headers, read_headers, with_fields
from mailhost.message.sealedform import is_sealed
from mailhost.message.submitted import authors
from mailhost.message.trace import fold, received
from mailhost.outbox import Forward, Outgoing, Passing, Queue, TlsNeed
from mailhost.ports import Route, WishCounts
from mailhost.routing import NotLocal, RouteCache, leads_only_to
from mailhost.signing import SigningKeys
from mailhost.wishes.agreements import Agreements

DELIVERED_TO: Final = b"delivered-to"


class Why(StrEnum):
    """What became of a forward; the value is also the label of a metric and of the owner's counts."""

    FORWARDED = "forwarded"
    LOOP = "loop"  # it was forwarded from this mailbox before
    OVER_LIMIT = "over_limit"
    NOT_AGREED = "not_agreed"  # its reader has not pressed the button for it, or has pressed the one that ends it


@dataclass(frozen=True, slots=True)
class ErrandLimits:
    """Messages of one mailbox a day. Not the limits of what its owner sends: strangers use these up."""

    forwards: int = 300
    # RFC 3834 §2: an answer is one message in many; somebody with more correspondents a day has an office.
    answers: int = 100
    # What somebody new may let strangers send in his name: enough to try it out.
    young: int = 20


def srs_of(key: bytes) -> Callable[[str], Srs]:
    """The rewriting of each hosted domain, with a key of its own: one tenant's way back is not another's."""

    def of(domain: str) -> Srs:
        return Srs(domain, (hashlib.blake2b(domain.encode(), key=key, digest_size=32, person=b"srs").digest(),))

    return of


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it is stored, with what was found about it; without a judge nothing was."""

    envelope: Envelope
    content: bytes | bytearray
    found: Findings | None = None


class Forwarder:
    """Hands forwards to the queue, signed. `queue` signs nothing itself."""

    def __init__(
        self,
        *,
        hostname: str,
        routes: RouteCache,
        queue: Queue,
        keys: SigningKeys,
        srs: Callable[[str], Srs],
        counts: WishCounts,
        agreements: Agreements,
        limits: ErrandLimits,
        opaque_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._hostname = hostname
        self._routes = routes
        self._queue = queue
        self._keys = keys
        self._srs = srs
        self._counts = counts
        self._agreements = agreements
        self._limits = limits
        self._opaque_id = opaque_id

    async def admit(self, route: Route, message: Arrived, targets: Sequence[str], *, now: datetime) -> dict[str, Why]:
        """Which targets get a copy, asked before anything is stored: what goes nowhere must stay. Counts those.

        Raises StoreUnavailable.
        """
        if _came_round(read_headers(message.content), route.address):
            await self._counts.note(route.mailbox_id, Why.LOOP, now=now)
            return dict.fromkeys(targets, Why.LOOP)
        agreed = await self._agreed(route, targets)
        return {
            target: await self._admitted(route, now) if target in agreed else await self._not_agreed(route, now)
            for target in targets
        }

    async def _agreed(self, route: Route, targets: Sequence[str]) -> frozenset[str]:
        # Nobody asks the tenant's own, but where one of them has ended it that counts, and so it does for an address
        # that has become the tenant's own since.
        answers = await self._agreements.answers(route.mailbox_id, targets)
        own = [
            target
            for target in targets
            if target not in answers
            and leads_only_to(route.tenant_id, await self._routes.resolve(parse_address(target)))
        ]
        return frozenset(own).union(target for target, takes in answers.items() if takes)

    async def _not_agreed(self, route: Route, now: datetime) -> Why:
        await self._counts.note(route.mailbox_id, Why.NOT_AGREED, now=now)
        return Why.NOT_AGREED

    async def _admitted(self, route: Route, now: datetime) -> Why:
        allowed, young = self._limits.forwards, self._limits.young
        if await self._counts.take(route, Why.FORWARDED, allowed, young=young, now=now):
            return Why.FORWARDED
        await self._counts.note(route.mailbox_id, Why.OVER_LIMIT, now=now)
        return Why.OVER_LIMIT

    async def send(self, route: Route, message: Arrived, target: str, *, kept: bool, now: datetime) -> None:
        """Put a copy for `target` into the queue; durable on return. `kept`: the mailbox has its own.

        Raises StoreFull, StoreUnavailable.
        """
        address = parse_address(target)
        local = not isinstance(await self._routes.resolve(address), NotLocal)
        opaque_id, envelope = self._opaque_id(), message.envelope
        text = with_fields(message.content, self._trace(route, envelope, opaque_id, now))
        content = message.content
        sealed = is_sealed(content) if len(content) <= LARGE else await asyncio.to_thread(is_sealed, content)
        if not local:
            text = await self._signed(route, text, message.found, now)
        await self._queue.put(
            Outgoing(
                opaque_id=opaque_id,
                tenant_id=route.tenant_id,
                mailbox_id=route.mailbox_id,
                author=route.address,
                sender=str(self._sender(route, envelope.sender, local=local, now=now) or ""),
                recipients=(Forward(str(address), address.domain),),
                content=text,
                smtputf8=envelope.smtputf8,
                sealed=sealed,
                # RFC 8689 §4.2.1: a demand for verified TLS holds for the whole way.
                tls=TlsNeed.REQUIRED if envelope.requiretls else TlsNeed.ORDINARY,
                passing=Passing.COPY if kept else Passing.ONLY,
            ),
            now=now,
        )

    def _trace(self, route: Route, envelope: Envelope, opaque_id: str, now: datetime) -> bytes:
        client = envelope.client
        # The sender's own machine is the owner's to know, not the next host's: its address is left out.
        return fold("Delivered-To", [route.address]) + received(
            helo=client.helo,
            by=self._hostname,
            protocol=client.protocol,
            queue_id=opaque_id,
            date=now,
            tls=client.tls,
        )

    def _sender(self, route: Route, sender: Address | None, *, local: bool, now: datetime) -> Address | None:
        if sender is None or local:
            return sender
        own = parse_address(route.address)
        try:
            return self._srs(own.domain).rewrite(sender, now=now)
        except CannotRewrite:
            return own

    async def _signed(self, route: Route, text: bytes, found: Findings | None, now: datetime) -> bytes:
        keys = await self._keys.signing(route.tenant_id, route.address.rpartition("@")[2])
        # RFC 6376 §5.4: without From there is nothing that a signature could be about.
        if not keys or not authors(read_headers(text), b"from"):
            return text
        if len(text) <= LARGE:
            return self._sign(keys, text, found, now)
        return await asyncio.to_thread(self._sign, keys, text, found, now)

    def _sign(self, keys: Sequence[SigningKey], text: bytes, found: Findings | None, now: datetime) -> bytes:
        signed = sign(Parts(text), keys, now=now) + text
        # RFC 8617 §5.1: sealed last, over our own signature too. What nobody has looked at is not vouched for.
        key = next((key for key in keys if key.algorithm is Algorithm.RSA_SHA256), None)
        if found is None or key is None:
            return signed
        results = render(list(method_results(found)))
        own = arc.seal(Parts(signed), found.arc, results, key, authserv_id=self._hostname, now=now)
        return (own or b"") + signed


def _came_round(headers: Headers, address: str) -> bool:
    """RFC 9228 §4: a Delivered-To with the mailbox's own address is one of ours."""
    return any(_names(value, address) for value in headers.all(DELIVERED_TO))


def _names(value: bytes, address: str) -> bool:
    try:
        return parse_address(value.decode("utf-8", "replace").strip().strip("<>")).lookup == address
    except BadAddress:
        return False
