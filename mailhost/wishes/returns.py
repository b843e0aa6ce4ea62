"""The way back of forwarded mail: a bounce for an address that `forwarding` made goes on to the first sender.

In: a message for `SRS0=…@example.is`. Out: that message in the queue for the address in it, with the null sender. The
address is checked before anything is taken: the domain is hosted here, the hash is ours for that very domain, and it is
younger than three weeks. So nobody can use this host to send "bounces" to strangers.

It takes bounces only. Anything else would let whoever once got a forwarded message write to its sender through us,
past the sender's own filters (RFC 5321 §4.5.5: reports come with the null sender). What goes on is an egress decision
of the tenant whose mailbox forwarded, like everything that leaves.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from mailhost.deliver import Envelope
from mailhost.mailauth.srs import NotOurs, Srs
from mailhost.message.address import Address
from mailhost.message.headers import with_fields
from mailhost.message.trace import received
from mailhost.outbox import Forward, Outgoing, Queue, TlsNeed
from mailhost.outcomes import Reason
from mailhost.ports import Route, StoreFull, StoreUnavailable
from mailhost.routing import RouteCache, Routes


def is_way_back(address: Address) -> bool:
    """Whether an address has the form of a way back, whoever made it."""
    return address.local[:5].upper() in {"SRS0=", "SRS0+", "SRS0-", "SRS1=", "SRS1+", "SRS1-"}


class ReturnDesk:
    """Takes bounces of forwarded mail."""

    def __init__(
        self,
        *,
        hostname: str,
        routes: RouteCache,
        queue: Queue,
        srs: Callable[[str], Srs],
        opaque_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._hostname = hostname
        self._routes = routes
        self._queue = queue
        self._srs = srs
        self._opaque_id = opaque_id

    async def admit(self, address: Address, *, now: datetime) -> Reason:
        """Whether a bounce may come for this address: OK, or why not. Raises StoreUnavailable."""
        try:
            self._srs(address.domain).restore(address, now=now)
        except NotOurs:
            return Reason.NO_SUCH_RECIPIENT
        return Reason.OK if await self._house(address) is not None else Reason.NO_SUCH_RECIPIENT

    async def take(self, envelope: Envelope, content: bytearray, back: Sequence[Address], *, now: datetime) -> Reason:
        """Send a bounce on: OK when it is durable in the queue, or why not."""
        if envelope.sender is not None:
            return Reason.NOT_A_BOUNCE
        try:
            for address in back:
                await self._pass_on(envelope, content, address, now)
        except StoreFull:
            return Reason.STORE_FULL
        except StoreUnavailable:
            return Reason.STORE_UNAVAILABLE
        return Reason.OK

    async def _pass_on(self, envelope: Envelope, content: bytearray, address: Address, now: datetime) -> None:
        route = await self._house(address)
        if route is None:
            return  # gone since RCPT: nobody is left whose mail it would be
        origin, opaque_id = self._srs(address.domain).restore(address, now=now), self._opaque_id()
        trace = received(
            helo=envelope.client.helo,
            by=self._hostname,
            protocol=envelope.client.protocol,
            queue_id=opaque_id,
            date=now,
            tls=envelope.client.tls,
        )
        await self._queue.put(
            Outgoing(
                opaque_id=opaque_id,
                tenant_id=route.tenant_id,
                mailbox_id=route.mailbox_id,
                sender="",
                recipients=(Forward(str(origin), origin.domain),),
                content=with_fields(content, trace),
                smtputf8=envelope.smtputf8,
                # RFC 8689 §4.2.1: a demand for verified TLS holds for the whole way, back as well.
                tls=TlsNeed.REQUIRED if envelope.requiretls else TlsNeed.ORDINARY,
            ),
            now=now,
        )

    async def _house(self, address: Address) -> Route | None:
        """Who answers for a domain hosted here, and so for what it forwards; None where nobody does."""
        answer = await self._routes.resolve(Address("postmaster", address.domain))
        return answer.routes[0] if isinstance(answer, Routes) else None
