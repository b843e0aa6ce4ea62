"""Sealing what comes in clear (APPEND, imports) to a mailbox's current key, which may be rotated meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache
from typing import Final

from mailhost.adapters.database import statements
from mailhost.adapters.imapstore.answers import imap_answers
from mailhost.adapters.workshop import Workshop
from mailhost.imap.store import TryLater
from mailhost.seal import HybridRecipient, Sealed

# Seals a clear message to a mailbox's key: (public key, content, exact internal date).
type SealTo = Callable[[HybridRecipient, bytes | bytearray | memoryview, datetime], Awaitable[Sealed]]

# Parsing a public key costs as much as two seals, and programs make a new connection for each message they file.
_recipient: Final = lru_cache(maxsize=512)(HybridRecipient.from_text)


class MailboxSealer:
    """`account.Seal` for one mailbox. `known` is its public key and that key's version, if they were read already."""

    def __init__(self, shop: Workshop, mailbox_id: int, seal_to: SealTo, known: tuple[str, int] | None = None) -> None:
        self._shop = shop
        self._mailbox = mailbox_id
        self._seal_to = seal_to
        self._known = known
        self._parsed: tuple[HybridRecipient, int] | None = None

    async def __call__(
        self, content: bytes | bytearray | memoryview, moment: datetime, /, *, again: bool
    ) -> tuple[Sealed, int]:
        if self._parsed is None or again:
            # `again`: the commit found another key than the one that was known, so it is asked for anew.
            current = self._known if not again else None
            if current is None:
                with imap_answers():
                    current = await self._shop.readers.run(_current_key, self._mailbox)
            if current is None:
                raise TryLater("The mailbox was removed")
            self._parsed = (_recipient(current[0]), current[1])
        recipient, serial = self._parsed
        return await self._seal_to(recipient, content, moment), serial


def _current_key(mailbox_id: int) -> tuple[str, int] | None:
    with statements() as cursor:
        cursor.execute(
            "SELECT recipient, serial FROM mailhost_mailboxkey WHERE mailbox_id = %s ORDER BY serial DESC LIMIT 1",
            [mailbox_id],
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None
