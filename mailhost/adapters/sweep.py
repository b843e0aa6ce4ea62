"""Removing for good what nothing names any more.

A sealed message without a place is kept for a day: a session may be reading it, and a backup in progress may
have its index row. A blob file without a row is kept for two: it may be a delivery that is just being committed.
Then row and file go, freed pages are handed back to the file system, and the write-ahead log, which still holds
their old content, is emptied. What imports remember is forgotten when its time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import batched
from typing import Final

from django.db import connection

from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.database import Cursor, Readers, listed, one_of, statements
from mailhost.adapters.writer import Writer

ORPHAN_GRACE: Final = timedelta(days=1)
BLOB_GRACE: Final = timedelta(days=2)
BATCH: Final = 500
# Who names files of the cell's store.
NAMING_BLOBS: Final = ("mailhost_sealedmessage", "mailhost_securelink")
# File names that one question is about.
ASKED_TOGETHER: Final = 2000


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep removed."""

    messages: int
    blobs: int


async def sweep(writer: Writer, readers: Readers, blobs: FileBlobs, now: datetime) -> Swept:
    """Remove everything whose grace is over."""
    before = (now - ORPHAN_GRACE).date()
    messages = removed = 0
    while gone := await writer.change(partial(_remove_orphans, before=before)):
        # The row goes first: a crash in between leaves a stray file, which the second half finds.
        for name in gone:
            if name:
                blobs.remove(name)
                removed += 1
        messages += len(gone)
    removed += await readers.run(remove_strays, blobs, NAMING_BLOBS, now)
    while await writer.change(partial(_forget_imports, today=now.date())):
        pass
    await readers.run(_give_back)
    return Swept(messages, removed)


def sweep_once(blobs: FileBlobs, now: datetime) -> Swept:
    """One sweep in a process that has no store open: its own writer and reader, closed afterwards."""
    writer, readers = Writer(), Readers(1)
    writer.start()
    try:
        return asyncio.run(sweep(writer, readers, blobs, now))
    finally:
        writer.stop()
        readers.close()


def _remove_orphans(cursor: Cursor, before: date) -> list[str]:
    cursor.execute(
        "SELECT id, blob FROM mailhost_sealedmessage WHERE orphaned IS NOT NULL AND orphaned < %s"
        " AND NOT EXISTS (SELECT 1 FROM mailhost_message m WHERE m.sealed_id = mailhost_sealedmessage.id) LIMIT %s",
        [before, BATCH],
    )
    rows = cursor.fetchall()
    cursor.execute(f"DELETE FROM mailhost_sealedmessage WHERE {one_of('id')}", [listed(row[0] for row in rows)])
    return [row[1] for row in rows]


def _forget_imports(cursor: Cursor, today: date) -> int:
    """Forget messages that were brought in so long ago that nobody imports them again; how many."""
    cursor.execute(
        "DELETE FROM mailhost_broughtin WHERE id IN (SELECT id FROM mailhost_broughtin WHERE kept_until < %s LIMIT %s)",
        [today, BATCH],
    )
    return cursor.rowcount


def remove_strays(blobs: FileBlobs, tables: Sequence[str], now: datetime) -> int:
    """Remove files that no row of these tables names in its column `blob`; how many."""
    removed = 0
    # Many at once: the columns have no index, so each question looks at the whole table.
    for names in batched((name for name, _, at in blobs.names() if now - at > BLOB_GRACE), ASKED_TOGETHER):
        left = set(names)
        with statements() as cursor:
            for table in tables:
                cursor.execute(f"SELECT blob FROM {table} WHERE {one_of('blob', 'text')}", [listed(names)])
                left -= {row[0] for row in cursor.fetchall()}
        for name in left:
            blobs.remove(name)
            removed += 1
    for scratch in blobs.scratch_files():
        if now - datetime.fromtimestamp(scratch.stat().st_mtime, UTC) > BLOB_GRACE:
            scratch.unlink(missing_ok=True)
            removed += 1
    return removed


def _give_back() -> None:
    if connection.vendor == "sqlite":
        with statements() as cursor:
            cursor.execute("PRAGMA incremental_vacuum")
            cursor.fetchall()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
