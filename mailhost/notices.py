"""Telling an author what became of his message: a notice, sealed into his own mailbox.

Everybody who can put mail into the queue has a mailbox in this cell, so a notice never leaves it. It carries the
header of the original and never its body. The null sender has nobody to be told (RFC 5321 §6.1), and whoever asked
for no notices gets none (RFC 3461 §4.1).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.message.address import BadAddress, parse_address
from mailhost.message.dsn import Fate, notice
from mailhost.outbox import GIVE_UP, Forward, Item, Outbox
from mailhost.outcomes import Deferred
from mailhost.receive import Receiver

# Reason code of an item: (enhanced status code, a sentence for the author).
WHY: Final[dict[str, tuple[str, str]]] = {
    "refused_by_host": ("5.0.0", "The receiving host refused the message."),
    "deferred_by_host": ("4.0.0", "The receiving host asked to try again later."),
    "null_mx": ("5.1.10", "This domain says that it takes no mail."),
    "no_such_domain": ("5.1.2", "This domain does not exist; check the address."),
    "no_address": ("5.4.4", "This domain names no host that could take mail."),
    "private_target": ("5.4.4", "This domain sends its mail to an address that is not on the internet."),
    "dns_failed": ("4.4.3", "The name servers of this domain do not answer."),
    "no_resolver": ("4.4.3", "This mail host has neither a resolver nor a smarthost set; its operator must set one."),
    "unreachable": ("4.4.1", "No host of this domain could be reached."),
    "refused": ("4.4.1", "No host of this domain takes connections."),
    "timeout": ("4.4.1", "The hosts of this domain do not answer in time."),
    "closed": ("4.4.2", "The receiving host closed the connection."),
    "not_smtp": ("4.4.2", "What answers at this domain is no mail host."),
    "greeting_refused": ("4.4.2", "The receiving host did not want to talk to us."),
    "hello_refused": ("4.4.2", "The receiving host did not want to talk to us."),
    "tls_failed": ("4.7.5", "No encrypted connection to the receiving host could be made."),
    "tls_refused": ("4.7.5", "The receiving host offers encryption and then refuses it."),
    "tls_required": (
        "5.7.10",
        (
            "The receiving host offers no encryption, and mail leaves here encrypted only. Ask its operator to switch"
            " on TLS, or seal the message for its reader."
        ),
    ),
    "egress_denied": (
        "5.7.1",
        (
            "Your organisation's policy does not let readable mail go to the country or the owner of the receiving"
            " host. Seal the message for its reader, or ask your administrator."
        ),
    ),
    "egress_held": (
        "4.7.1",
        (
            "It is held: your organisation's policy wants to know the country and the owner of the receiving host, and"
            " they are not known. Seal the message for its reader, or ask your administrator about the policy."
        ),
    ),
}
EXPIRED: Final = "4.4.7"  # RFC 3463 §3.5: delivery time expired


class Notices:
    """Writes notices and hands them to the cell's own delivery. `random_word` gives letters no message can foresee."""

    def __init__(
        self,
        *,
        hostname: str,
        receiver: Receiver,
        outbox: Outbox,
        now: Callable[[], datetime],
        random_word: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._hostname = hostname
        self._receiver = receiver
        self._outbox = outbox
        self._now = now
        self._random_word = random_word

    async def send(self, item: Item, fates: Sequence[Fate]) -> bool:
        """Tell the author, if he wants to know. False: not now, try again. Raises StoreUnavailable."""
        wanted = {forward.address: _wanted(forward) for forward in item.recipients}
        fates = [fate for fate in fates if fate.action in wanted.get(fate.recipient, ())]
        if not item.sender or not fates:
            return True
        try:
            author = parse_address(item.sender)
        except BadAddress:
            return True
        routes = await self._receiver.recipient(author, 0)
        if not isinstance(routes, tuple):
            # An author who is gone or switched off is told nothing any more.
            return not isinstance(routes, Deferred)
        word = self._random_word()
        text = notice(
            to=str(author),
            hostname=self._hostname,
            domain=author.domain,
            message_id=f"{word}@{author.domain}",
            boundary=f"={word}",
            now=self._now(),
            queued=item.queued,
            fates=fates,
            original=await self._outbox.content(item) or b"",
            envid=item.envid,
            gives_up=item.queued + GIVE_UP if fates[0].action == "delayed" else None,
        )
        envelope = Envelope(None, Client("", self._hostname, "LMTP"), recipients=[Recipient(author, routes)])
        return not isinstance(await self._receiver.message(envelope, bytearray(text)), Deferred)


def _wanted(forward: Forward) -> frozenset[str]:
    """Which notices the author wants about a recipient (RFC 3461 §4.1; without NOTIFY both)."""
    words = set(forward.notify.upper().split(",")) - {""}
    if not words:
        return frozenset({"failed", "delayed"})
    return frozenset(action for word, action in (("FAILURE", "failed"), ("DELAY", "delayed")) if word in words)


def fate(
    forward: Forward, action: str, reason: str, *, status: str = "", host: str = "", said: str = "", more: str = ""
) -> Fate:
    """What became of a recipient, in words; `more` are further sentences about the reason."""
    usual, why = WHY.get(reason, ("4.0.0", "It could not be delivered yet."))
    return Fate(forward.address, action, status or usual, f"{why} {more}".strip(), host, said, forward.orcpt)
