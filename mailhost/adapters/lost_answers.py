"""Deliveries whose 250 never reached the sender, remembered for a day so that the retry is not a second copy.

A row is a 32-byte keyed hash and an hour; the table is nearly always empty, so whether it is empty is kept in
memory and refreshed by the change watcher.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from mailhost.adapters.database import Cursor, Readers, rounded, statements, stored
from mailhost.adapters.writer import Writer

# A sender that lost an answer tries again within minutes or hours; RFC 5321 §4.5.4.1 suggests 30 minutes.
KEPT: Final = timedelta(days=1)


class DatabaseLostAnswers:
    """`ports.LostAnswers` over the cell's database."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers
        self._any = True

    def any(self) -> bool:
        return self._any

    async def refresh(self) -> None:
        """Look whether there are any; called at start and when the database has changed."""
        self._any = await self._readers.run(_any_rows)

    async def remember(self, digests: Collection[bytes], *, now: datetime) -> None:
        # Rounded up to the hour, as clear times are: kept a little longer, never shorter.
        until = stored(rounded(now) + KEPT + timedelta(hours=1))

        def work(cursor: Cursor) -> None:
            cursor.executemany(
                "INSERT INTO mailhost_lostanswer (digest, kept_until) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [(digest, until) for digest in digests],
            )

        await self._writer.change(work)
        self._any = True

    async def take(self, digests: Collection[bytes], *, now: datetime) -> frozenset[bytes]:
        def work(cursor: Cursor) -> frozenset[bytes]:
            cursor.execute("DELETE FROM mailhost_lostanswer WHERE kept_until < %s", [stored(now)])
            found = set()
            for digest in digests:
                cursor.execute("DELETE FROM mailhost_lostanswer WHERE digest = %s", [digest])
                if cursor.rowcount:
                    found.add(digest)
            return frozenset(found)

        return await self._writer.change(work)


def _any_rows() -> bool:
    with statements() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM mailhost_lostanswer)")
        return bool(cursor.fetchone()[0])
