"""What a stored message looks like to a connection is decided by its view: `sealedview` or `sessionview`.

A view turns the stored columns of one message into what IMAP asks for; it knows no SQL and no sockets. Its
methods run in reading threads and never raise for a damaged message: they answer `Damaged`, and its neighbours
live.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mailhost.imap.store import Damaged, Meta, View


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
    file_key: bytes | None = None  # where a view has opened the header before


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

    def head(self, row: StoredMessage) -> bytes | None:
        """The beginning of a large message with its whole header, given the first START_SIZE octets of its payload;
        None where they do not show that."""

    def close(self) -> None:
        """Forget every key."""
