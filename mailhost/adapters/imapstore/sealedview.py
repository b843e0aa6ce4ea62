"""The sealed view: the MIME wrapper that any mail program can store and only the owner can open.

It needs no key: sizes, ENVELOPE and BODYSTRUCTURE of the wrapper follow from the clear columns alone.
"""

from __future__ import annotations

from typing import Final

from mailhost.adapters.imapstore.views import StoredMessage
from mailhost.imap.store import CannotDo, Damaged, Meta, MetaValues, View
from mailhost.message.wrapper import NotAWrapper, Wrapper, parse_wrapper
from mailhost.seal import CannotOpen, Sealed, split


class SealedView:
    """The wrapper that any mail program can store and only the owner can open (docs/sealed-format.md)."""

    needs_header: Final = False

    def __init__(self, address: str, append_limit: int) -> None:
        self.view = View(can_read=False, name="sealed", append_limit=append_limit)
        self._address = address
        self._domain = address.rpartition("@")[2]

    def _wrapper(self, row: StoredMessage) -> Wrapper:
        return Wrapper(
            opaque_id=row.opaque_id,
            domain=self._domain,
            mailbox=self._address,
            arrived=row.arrived,
            header_size=row.header_size,
            payload_size=row.payload_size,
        )

    def meta(self, row: StoredMessage) -> Meta:
        wrapper = self._wrapper(row)
        return MetaValues(
            uid=row.uid,
            email_id=row.opaque_id,
            internaldate=row.arrived,
            savedate=row.saved,
            size=wrapper.size,
            envelope=wrapper.envelope(),
            body=wrapper.body(),
            bodystructure=wrapper.bodystructure(),
            preview=None,
        )

    def size(self, row: StoredMessage) -> int:
        return self._wrapper(row).size

    def content(self, row: StoredMessage) -> bytes | Damaged:
        if row.header is None or row.payload is None or len(row.payload) != row.payload_size:
            return Damaged(row.uid)
        return self._wrapper(row).render(row.header, row.payload)

    def head(self, row: StoredMessage) -> bytes | None:
        return self._wrapper(row).head()

    def close(self) -> None:
        """There is no key to forget."""

    def unwrap(self, content: bytes | bytearray | memoryview) -> Sealed:
        """The age file of an APPENDed wrapper. Raises CannotDo for anything else: nothing is stored in clear."""
        try:
            return split(parse_wrapper(content))
        except (NotAWrapper, CannotOpen):
            raise CannotDo(
                "This mailbox takes only sealed messages from this login: use a program that seals them,"
                " or a session app password"
            ) from None
