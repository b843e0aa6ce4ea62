"""What a stored message looks like in a view: the wrapper round the age file, or the mail itself.

The *sealed* view needs no key and computes sizes and structure from the clear columns alone. The *session* view
holds the identities that the client's app password unwrapped; it opens the summary for lists and the payload only
when a body is asked for. Its keys live as long as the connection and no longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from mailhost.imap.store import CannotDo, Damaged, Meta, View
from mailhost.message.wrapper import NotAWrapper, Wrapper, parse_wrapper
from mailhost.seal import CannotOpen, HybridIdentity, OpenedHeader, Sealed, open_header, open_payload, split


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """The columns of one message that a view needs; `header` and `payload` only where they were asked for."""

    uid: int
    opaque_id: str
    arrived: datetime
    saved: datetime
    header_size: int
    payload_size: int
    header: bytes | None = None
    payload: bytes | None = None


class MessageView(Protocol):
    """How one connection sees stored messages. Its methods run in reading threads."""

    view: View

    @property
    def needs_header(self) -> bool:
        """Whether `meta` and `size` need the age header."""

    def meta(self, row: StoredMessage) -> Meta | Damaged: ...

    def size(self, row: StoredMessage) -> int:
        """RFC822.SIZE; 0 for a damaged message."""

    def content(self, row: StoredMessage) -> bytes | Damaged: ...

    def close(self) -> None:
        """Forget every key."""


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
        return Meta(
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

    def close(self) -> None:
        """There is no key to forget."""

    def unwrap(self, content: bytes | bytearray | memoryview) -> Sealed:
        """The age file of an APPENDed wrapper. Raises CannotDo for anything else: nothing is stored in clear."""
        try:
            return split(parse_wrapper(content))
        except (NotAWrapper, CannotOpen):
            raise CannotDo(
                "This mailbox takes only sealed messages from this login: use the bridge or the webmail,"
                " or a session app password"
            ) from None


class SessionView:
    """The opened mail, in memory, while this client is connected."""

    needs_header: Final = True

    def __init__(self, identities: Sequence[HybridIdentity], append_limit: int) -> None:
        self.view = View(can_read=True, name="session", append_limit=append_limit)
        self._identities = tuple(identities)
        self._max_size = append_limit + 64 * 1024  # our trace headers come on top of what was accepted

    def _open(self, row: StoredMessage) -> OpenedHeader:
        if row.header is None:
            raise CannotOpen
        return open_header(self._identities, row.header)

    def meta(self, row: StoredMessage) -> Meta | Damaged:
        try:
            summary = self._open(row).summary
        except CannotOpen:
            return Damaged(row.uid)
        return Meta(
            uid=row.uid,
            email_id=row.opaque_id,
            internaldate=datetime.fromtimestamp(summary.internaldate, UTC),
            savedate=row.saved,
            size=summary.size,
            envelope=_wire(summary.envelope),
            body=_wire(summary.body),
            bodystructure=_wire(summary.bodystructure),
            preview=summary.preview,
        )

    def size(self, row: StoredMessage) -> int:
        try:
            return self._open(row).summary.size
        except CannotOpen:
            return 0

    def content(self, row: StoredMessage) -> bytes | Damaged:
        try:
            if row.payload is None:
                return Damaged(row.uid)
            return open_payload(self._open(row), row.payload, self._max_size)
        except CannotOpen:
            return Damaged(row.uid)

    def close(self) -> None:
        self._identities = ()


def _wire(text: str | None) -> bytes | None:
    return text.encode("latin-1", "replace") if text is not None else None
