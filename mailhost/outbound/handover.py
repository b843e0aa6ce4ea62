"""What waited in the queue and turns out to be for this very cell: handed to its own delivery, and never to a wire.

Mail waits for its hour (RFC 4865) though its recipient is here, or an author wants to hear of its arrival (RFC 3461),
or a domain moved in while mail for it was under way. `Handover` is a `transport.Link` like any other, so dispatch
treats such mail like all the rest; only nobody is asked for permission, because nothing leaves.
"""

from __future__ import annotations

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.message.address import BadAddress, parse_address
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.transport import Answer, Transaction
from mailhost.outcomes import Outcome
from mailhost.receive import Receiver


class Here:
    """The answer of a walk: the domain is hosted in this cell."""


class Handover:
    """A link to the cell's own delivery."""

    secure = True
    broken = False
    # Nobody takes the author's wishes over from here: dispatch tells him itself.
    tells = False
    requiretls = True

    def __init__(self, receiver: Receiver, hostname: str) -> None:
        self.target = Target(hostname, "127.0.0.1")
        self._receiver = receiver
        self._hostname = hostname

    async def send(self, transaction: Transaction, content: bytes) -> list[Answer]:
        """As `transport.Link`; each recipient is a delivery of its own, so one that is full stops no other."""
        return [await self._deliver(transaction, one.address, content) for one in transaction.recipients]

    async def _deliver(self, transaction: Transaction, recipient: str, content: bytes) -> Answer:
        try:
            sender = parse_address(transaction.sender) if transaction.sender else None
            address = parse_address(recipient)
        except BadAddress:
            return Answer(553, "5.1.3", "the address is malformed")
        routes = await self._receiver.recipient(address, len(content))
        if not isinstance(routes, tuple):
            return _answer(routes)
        envelope = Envelope(
            sender,
            Client("", self._hostname, "LMTP"),
            smtputf8=transaction.smtputf8,
            # RFC 8689 §4.2.1: whoever forwards it from here must ask for it again.
            requiretls=transaction.requiretls,
            recipients=[Recipient(address, routes)],
        )
        return _answer(await self._receiver.message(envelope, bytearray(content)))

    async def close(self) -> None:
        """Nothing is open."""


def _answer(outcome: Outcome) -> Answer:
    return Answer(outcome.code, outcome.enhanced, outcome.text)
