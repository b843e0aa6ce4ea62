"""What the mailbox takes: folders, and messages together with the memory that they are here now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from mailhost.imap.store import FolderInfo, NewMessage


@dataclass(frozen=True, slots=True, repr=False)
class Arrival:
    """A message to be stored, and the keyed hash by which the next run knows it again."""

    message: NewMessage
    digest: bytes


class Overtaken(Exception):
    """Another run has brought some of these in meanwhile; nothing was stored."""


class Target(Protocol):
    """The mailbox that mail is brought into."""

    async def folders(self) -> Sequence[FolderInfo]: ...

    async def create(self, name: str) -> None:
        """Make a folder and its parents. Raises imap.store.StoreError."""

    async def known(self, digests: Collection[bytes], *, keep_until: date | None) -> set[bytes]:
        """Which of these are here already; they are remembered until `keep_until` (None: as long as before)."""

    async def store(self, name: str, arrivals: Sequence[Arrival], *, keep_until: date, now: datetime) -> None:
        """Store all and remember all, or none; durable on return. Raises Overtaken, imap.store.StoreError."""
