"""Owners' wishes in the cell's database, in boxes of a key file of the cell, opened once a process.

A plain database, a dump or a backup has the boxes only: the key lies outside all three. A box opens for its own mailbox
and for no other, so nobody with the tables alone can let one person's mail follow another's rules. Whoever holds the
running machine reads the wishes, as he reads the mail that arrives.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any, Final

from mailhost.adapters.database import Readers, statements
from mailhost.ports import Route
from mailhost.rules.rule import BadRule
from mailhost.rules.standing import Standing, from_text, to_text
from mailhost.seal import CannotOpen, CellBox

log = logging.getLogger(__name__)

# The cell's key file for owners' wishes.
WISHES_KEY: Final = "wishes.key"
# Wishes in memory, opened: those of the mailboxes that get mail.
MAX_KEPT: Final = 2000


def wishes_box(secret: bytes) -> CellBox:
    """The boxes of a cell, from the 32 bytes of its key file."""
    return CellBox(secret, "wishes")


def seal_wishes(standing: Standing, box: CellBox, mailbox_id: int) -> bytes:
    """Wishes as they are stored."""
    return box.seal(to_text(standing), _about(mailbox_id))


def open_wishes(sealed: bytes, box: CellBox, mailbox_id: int) -> Standing:
    """The inverse of `seal_wishes`. Raises CannotOpen."""
    try:
        return from_text(box.open(sealed, _about(mailbox_id)))
    except BadRule:
        # Sealed by a later version of this program: as unreadable as with another key.
        raise CannotOpen from None


def _about(mailbox_id: int) -> bytes:
    return f"mailbox {mailbox_id}".encode()


class DatabaseWishBook:
    """`filing.WishBook` over the cell's database."""

    def __init__(self, readers: Readers, box: CellBox) -> None:
        self._readers = readers
        self._box = box
        self._opened: OrderedDict[tuple[int, int], Standing | None] = OrderedDict()

    async def of(self, route: Route) -> Standing | None:
        key = (route.mailbox_id, route.wishes)
        if key not in self._opened:
            # A route may be older than the newest wishes; what is read is at least as new as the route.
            row = await self._readers.run(_sealed, route.mailbox_id)
            if row is None:
                return None
            self._opened[key] = self._open(row, route.mailbox_id)
            if len(self._opened) > MAX_KEPT:
                self._opened.popitem(last=False)
        self._opened.move_to_end(key)
        return self._opened[key]

    def _open(self, sealed: bytes, mailbox_id: int) -> Standing | None:
        try:
            return open_wishes(sealed, self._box, mailbox_id)
        except CannotOpen:
            log.error("an owner's filters cannot be opened: restore the key file %s", WISHES_KEY)  # noqa: TRY400
            return None


def _sealed(mailbox_id: int) -> bytes | None:
    with statements() as cursor:
        cursor.execute("SELECT text FROM mailhost_ownerwishes WHERE mailbox_id = %s", [mailbox_id])
        row: Any = cursor.fetchone()
    return bytes(row[0]) if row else None
