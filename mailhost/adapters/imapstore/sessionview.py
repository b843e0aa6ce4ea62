"""The session view: the opened mail, in the memory of this process, while one client is connected.

The identities that the app password unwrapped open the summary for lists, and the payload only when a body is
asked for. They live as long as the connection and no longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, final

from mailhost.adapters.imapstore.views import StoredMessage
from mailhost.imap.store import Damaged, Meta, View
from mailhost.message.headers import header_end
from mailhost.message.rendered import checked_envelope, checked_structure
from mailhost.seal import CannotOpen, HybridIdentity, open_key, open_listed, open_payload, open_start
from mailhost.seal.segment import IndexEntry
from mailhost.seal.summary import PREVIEW_LENGTH

# Years 1970 to 9999: what a date in a response can say. Another number in a summary is nobody's honest clock.
_MOMENTS: Final = range(253_402_300_800)
# The largest size that every client can read: RFC822.SIZE is 32 bits wide in RFC 3501 §9, and clients add them up.
_LARGEST: Final = 2**32 - 1


class SessionView:
    """The opened mail, in memory, while this client is connected."""

    needs_header: Final = True

    def __init__(self, identities: Sequence[HybridIdentity], append_limit: int) -> None:
        self.view = View(can_read=True, name="session", append_limit=append_limit)
        self._identities = tuple(identities)
        self._max_size = append_limit + 64 * 1024  # our trace headers come on top of what was accepted

    @property
    def identity(self) -> HybridIdentity | None:
        """The current identity; None in a view that only adds mail, and after `close`."""
        return self._identities[0] if self._identities else None

    @property
    def opens_with(self) -> Sequence[HybridIdentity]:
        """Its identities, the current one first."""
        return self._identities

    def entry(self, row: StoredMessage) -> IndexEntry | Damaged:
        """What the sealed header says, the key to the body included: one decapsulation."""
        try:
            file_key, summary = open_listed(self._identities, row.header or b"")
        except CannotOpen:
            return Damaged(row.uid)
        return IndexEntry(
            uid=row.uid,
            internaldate=summary.internaldate if summary.internaldate in _MOMENTS else int(row.arrived.timestamp()),
            saved=int(row.saved.timestamp()),
            size=min(max(summary.size, 0), _LARGEST),
            file_key=file_key,
            email_id=row.opaque_id.encode("ascii"),
            # Whoever sealed the mail wrote the summary too, and that may be a client: only what this program itself
            # could have written goes on the wire. Segments are made of entries, so they hold nothing else.
            envelope=None if summary.envelope is None else checked_envelope(summary.envelope),
            body=None if summary.body is None else checked_structure(summary.body),
            bodystructure=None if summary.bodystructure is None else checked_structure(summary.bodystructure),
            preview=summary.preview[:PREVIEW_LENGTH].encode("utf-8", "replace"),
            references=" ".join(summary.references).encode("utf-8", "replace"),
        )

    def meta(self, row: StoredMessage) -> Meta | Damaged:
        found = self.entry(row)
        return found if isinstance(found, Damaged) else Shown(found)

    def size(self, row: StoredMessage) -> int:
        found = self.entry(row)
        return 0 if isinstance(found, Damaged) else found.size

    def content(self, row: StoredMessage) -> bytes | Damaged:
        try:
            if row.payload is None:
                return Damaged(row.uid)
            file_key = row.file_key or open_key(self._identities, row.header or b"")
            return open_payload(file_key, row.payload, self._max_size)
        except CannotOpen:
            return Damaged(row.uid)

    def head(self, row: StoredMessage) -> bytes | None:
        try:
            start = open_start(row.file_key or open_key(self._identities, row.header or b""), row.payload or b"")
        except CannotOpen:
            return None
        return start if header_end(start) < len(start) else None

    def close(self) -> None:
        self._identities = ()


@final
class Shown:
    """An entry as IMAP asks for it: `imap.store.Meta`."""

    __slots__ = ("_entry",)

    def __init__(self, entry: IndexEntry) -> None:
        self._entry = entry

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shown) and self._entry == other._entry

    def __hash__(self) -> int:
        return hash(self._entry)

    @property
    def uid(self) -> int:
        return self._entry.uid

    @property
    def email_id(self) -> str:
        return self._entry.email_id.decode("ascii")

    @property
    def internaldate(self) -> datetime:
        return datetime.fromtimestamp(self._entry.internaldate, UTC)

    @property
    def savedate(self) -> datetime:
        return datetime.fromtimestamp(self._entry.saved, UTC)

    @property
    def size(self) -> int:
        return self._entry.size

    @property
    def envelope(self) -> bytes | None:
        return self._entry.envelope

    @property
    def body(self) -> bytes | None:
        return self._entry.body

    @property
    def bodystructure(self) -> bytes | None:
        return self._entry.bodystructure

    @property
    def preview(self) -> str | None:
        text = self._entry.preview
        return text.decode("utf-8", "replace") if text is not None else None

    @property
    def references(self) -> str | None:
        text = self._entry.references
        return text.decode("utf-8", "replace") if text is not None else None
