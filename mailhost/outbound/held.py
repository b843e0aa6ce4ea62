"""Held mail: what may not leave as it is goes back to its author, sealed into the folder Held of his own mailbox.

The queue is no place to wait for a person: its keys die within days, and the cell could read what lies there. So a
message that the egress decision holds is sealed to its author like mail that arrives, with two fields on top that say
for whom it was held and why; a notice in the inbox says what to do. Nothing of it stays in the queue.

Only the author can open it, so only he can send it again: from the folder, with any mail program. It is asked about
anew then. The fields are removed when he does (`message.submitted`). The copy goes to the mailbox that handed the
message in and to nobody else who reads mail for the address it was sent from.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import datetime
from enum import Enum, auto
from typing import Final

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.message.address import BadAddress, parse_address
from mailhost.message.dates import format_date
from mailhost.message.headers import with_fields
from mailhost.outbox import Item, Outbox
from mailhost.outcomes import Deferred
from mailhost.ports import HELD_FOLDER
from mailhost.receive import Receiver

# RFC 5322 §2.1.1: lines of at most 78 characters, the fold included.
_WIDTH: Final = 76


class Kept(Enum):
    """What became of the copy."""

    KEPT = auto()
    LATER = auto()  # no room or no store just now
    NOWHERE = auto()  # the mailbox is gone or switched off, or too small for it


class Held:
    """Gives messages back to their authors. Holds no state of its own."""

    def __init__(self, *, hostname: str, receiver: Receiver, outbox: Outbox, now: Callable[[], datetime]) -> None:
        self._hostname = hostname
        self._receiver = receiver
        self._outbox = outbox
        self._now = now

    async def keep(self, item: Item, why: str, *, folder: str = HELD_FOLDER, field: str = "Skerry-Held") -> Kept:
        """Store the item's message in its author's mailbox; `why` are sentences. Durable when KEPT.

        `folder` is a special use of `ports`, `field` the name of the fields on top. A crash before the item is removed
        stores a second copy. Raises StoreUnavailable.
        """
        content = await self._outbox.content(item)
        try:
            author = parse_address(item.author)
        except BadAddress:
            return Kept.NOWHERE
        if content is None:
            return Kept.NOWHERE
        copy = bytearray(with_fields(content, *self._fields(item, why, field)))
        routes = await self._receiver.recipient(author, len(copy))
        if not isinstance(routes, tuple):
            return Kept.LATER if isinstance(routes, Deferred) else Kept.NOWHERE
        # An alias of the same name may lead to others, who must not read what was not sent to them.
        own = tuple(route for route in routes if route.address == item.author)
        if not own:
            return Kept.NOWHERE
        envelope = Envelope(None, Client("", self._hostname, "LMTP"), recipients=[Recipient(author, own)])
        found = await self._receiver.give_back(envelope, copy, folder)
        return Kept.LATER if isinstance(found, Deferred) else Kept.KEPT if found.code < 300 else Kept.NOWHERE

    def _fields(self, item: Item, why: str, name: str) -> tuple[bytes, bytes]:
        # The sender's own copy may name blind copies: who sends it again must know for whom it is.
        names = ", ".join(forward.address for forward in item.recipients)
        return (
            _field(name, f"{format_date(self._now())}; for {names}"),
            _field(f"{name}-Because", why),
        )


def _field(name: str, text: str) -> bytes:
    lines = textwrap.wrap(f"{name}: {text}", _WIDTH, break_long_words=False, break_on_hyphens=False)
    return ("\r\n\t".join(lines) + "\r\n").encode()
