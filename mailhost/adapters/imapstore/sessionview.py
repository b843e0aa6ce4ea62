"""The session view: the opened mail, in the memory of this process, while one client is connected.

The identities that the app password unwrapped open the summary for lists, and the payload only when a body is
asked for. They live as long as the connection and no longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mailhost.adapters.imapstore.views import StoredMessage
from mailhost.imap.store import Damaged, Meta, View
from mailhost.seal import CannotOpen, HybridIdentity, OpenedHeader, open_header, open_key, open_payload


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
            references=" ".join(summary.references),
        )

    def size(self, row: StoredMessage) -> int:
        try:
            return self._open(row).summary.size
        except CannotOpen:
            return 0

    def content(self, row: StoredMessage) -> bytes | Damaged:
        try:
            if row.header is None or row.payload is None:
                return Damaged(row.uid)
            return open_payload(open_key(self._identities, row.header), row.payload, self._max_size)
        except CannotOpen:
            return Damaged(row.uid)

    def close(self) -> None:
        self._identities = ()


def _wire(text: str | None) -> bytes | None:
    return text.encode("latin-1", "replace") if text is not None else None
