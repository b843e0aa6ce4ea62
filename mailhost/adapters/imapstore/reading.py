"""The SELECTs of the IMAP store: functions of plain arguments that run in reading threads.

A snapshot is read in several statements without a transaction: first the folder's counters, then the messages below
its UIDNEXT, piece by piece. What happens in between is told later by `changes`, so it never lies, it is only early.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mailhost.adapters.blobs import BadBlobName, FileBlobs
from mailhost.adapters.database import fetch_columns, listed, one_of, read_moment, statements
from mailhost.adapters.imapstore.views import MessageView, StoredMessage
from mailhost.adapters.keywords import keywords_of
from mailhost.imap.store import DELETED, Changes, Damaged, Meta, NoSuchFolder, Snapshot
from mailhost.seal import START_SIZE

# Content is loaded and opened in pieces of about this many octets, so that one FETCH does not fill the memory.
CHUNK_BYTES = 1 << 19
# Rows of a snapshot that are read at a time: a megabyte or two while they are on their way.
SNAPSHOT_ROWS = 10_000
# Runs of vanished UIDs that are read at a time.
VANISHED_ROWS = 10_000
# Rows of one piece of `meta`: a few milliseconds of opening in a thread.
CHUNK_ROWS = 200

_SEALED = "m.uid, s.opaque_id, s.arrived, m.saved, s.header_size, s.payload_size"


def counters(folder_id: int) -> tuple[int, int, int]:
    """(uidnext, highestmodseq, recent_from). Raises NoSuchFolder when it was deleted meanwhile."""
    with statements() as cursor:
        cursor.execute("SELECT uidnext, highestmodseq, recent_from FROM mailhost_folder WHERE id = %s", [folder_id])
        row = cursor.fetchone()
    if row is None:
        raise NoSuchFolder("The folder was deleted")
    return row[0], row[1], row[2]


def snapshot(folder_id: int, uidvalidity: int) -> Snapshot:
    """Every message of the folder."""
    uidnext, modseq, recent_from = counters(folder_id)
    uids, flags, modseqs = array("I"), array("Q"), array("Q")
    with statements() as cursor:
        read = SNAPSHOT_ROWS
        while read == SNAPSHOT_ROWS:
            columns = fetch_columns(
                cursor,
                ("uid", "flags", "modseq"),
                "SELECT uid, flags, modseq FROM mailhost_message"
                " WHERE folder_id = %s AND uid > %s AND uid < %s ORDER BY uid LIMIT %s",
                [folder_id, uids[-1] if uids else 0, uidnext, SNAPSHOT_ROWS],
            )
            for whole, column in zip((uids, flags, modseqs), columns, strict=True):
                whole.extend(column)
            read = len(columns[0])
        keywords = keywords_of(cursor, folder_id)
    return Snapshot(uids, flags, modseqs, keywords, uidvalidity, uidnext, modseq, recent_from)


def changes(folder_id: int, since: int) -> Changes:
    """What happened after modseq `since`."""
    uidnext, modseq, recent_from = counters(folder_id)
    with statements() as cursor:
        cursor.execute(
            "SELECT uid, flags, modseq FROM mailhost_message"
            " WHERE folder_id = %s AND modseq > %s AND uid < %s ORDER BY uid",
            [folder_id, since, uidnext],
        )
        changed = cursor.fetchall()
        keywords = keywords_of(cursor, folder_id)
    return Changes(changed, vanished(folder_id, since), keywords, uidnext, modseq, recent_from)


def vanished(folder_id: int, since: int) -> list[tuple[int, int]]:
    """UIDs expunged after modseq `since`, as ascending runs."""
    runs: list[tuple[int, int]] = []
    with statements() as cursor:
        cursor.execute(
            "SELECT uid_first, uid_last FROM mailhost_vanished WHERE folder_id = %s AND modseq > %s ORDER BY uid_first",
            [folder_id, since],
        )
        # Messages that are deleted one by one leave a row each: neighbours are joined while they are read.
        while rows := cursor.fetchmany(VANISHED_ROWS):
            for first, last in rows:
                if runs and first <= runs[-1][1] + 1:
                    runs[-1] = (runs[-1][0], max(runs[-1][1], last))
                else:
                    runs.append((first, last))
    return runs


def rows(folder_id: int, uids: Sequence[int], *, header: bool) -> Iterator[StoredMessage]:
    """The columns of each message that still exists, ascending."""
    columns = f"{_SEALED}, s.header" if header else _SEALED
    with statements() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM mailhost_message m JOIN mailhost_sealedmessage s ON s.id = m.sealed_id"
            f" WHERE m.folder_id = %s AND {one_of('m.uid')} ORDER BY m.uid",
            [folder_id, listed(uids)],
        )
        for row in cursor.fetchall():
            yield _stored(row[:6], row[6] if header else None)


def _stored(
    columns: Sequence[Any], header: Any = None, payload: Any = None, file_key: bytes | None = None
) -> StoredMessage:
    uid, opaque_id, arrived, saved, header_size, payload_size = columns
    return StoredMessage(
        uid,
        opaque_id,
        read_moment(arrived),
        read_moment(saved),
        header_size,
        payload_size,
        bytes(header) if header is not None else None,
        bytes(payload) if payload is not None else None,
        file_key,
    )


def metas(view: MessageView, folder_id: int, uids: Sequence[int]) -> list[Meta | Damaged]:
    """`view.meta` of each message that still exists."""
    return [view.meta(row) for row in rows(folder_id, uids, header=view.needs_header)]


def total_size(view: MessageView, folder_id: int) -> int:
    """Sum of RFC822.SIZE over the folder, as the view serves it."""
    with statements() as cursor:
        cursor.execute("SELECT uid FROM mailhost_message WHERE folder_id = %s", [folder_id])
        uids = [row[0] for row in cursor.fetchall()]
    return sum(view.size(row) for row in rows(folder_id, uids, header=view.needs_header))


def reclaimable(folder_id: int) -> int:
    """Octets stored of the folder's \\Deleted messages that have no place besides."""
    with statements() as cursor:
        cursor.execute(
            "SELECT COALESCE(SUM(s.header_size + s.payload_size), 0) FROM mailhost_sealedmessage s WHERE s.id IN"
            f" (SELECT sealed_id FROM mailhost_message WHERE folder_id = %s AND flags & {DELETED} <> 0)"
            " AND NOT EXISTS (SELECT 1 FROM mailhost_message o WHERE o.sealed_id = s.id"
            f" AND (o.folder_id <> %s OR o.flags & {DELETED} = 0))",
            [folder_id, folder_id],
        )
        return int(cursor.fetchone()[0])


def sizes(folder_id: int, uids: Sequence[int]) -> list[tuple[int, int]]:
    """(uid, octets stored) of each message that still exists, ascending."""
    with statements() as cursor:
        cursor.execute(
            "SELECT m.uid, s.header_size + s.payload_size FROM mailhost_message m"
            " JOIN mailhost_sealedmessage s ON s.id = m.sealed_id"
            f" WHERE m.folder_id = %s AND {one_of('m.uid')} ORDER BY m.uid",
            [folder_id, listed(uids)],
        )
        return list(cursor.fetchall())


def chunks(sized: Sequence[tuple[int, int]], *, heads: bool = False) -> Iterator[list[int]]:
    """Cut (uid, octets) pairs into runs of about CHUNK_BYTES, at least one message each. `heads`: of large ones the
    beginning is loaded alone."""
    run: list[int] = []
    octets = 0
    for uid, stored in sized:
        size = min(stored, START_SIZE) if heads else stored
        if run and octets + size > CHUNK_BYTES:
            yield run
            run, octets = [], 0
        run.append(uid)
        octets += size
    if run:
        yield run


def contents(
    view: MessageView,
    blobs: FileBlobs,
    folder_id: int,
    uids: Sequence[int],
    keys: Mapping[int, bytes],
    *,
    heads: bool = False,
) -> list[tuple[int, bytes | memoryview] | Damaged]:
    """The whole message of each uid that still exists, as the view serves it. `keys`: file keys that are known;
    `heads`: of a large one no more than its beginning, where the whole header is in that."""
    # A body whose key is known is opened without its header, which is nearly as long as a short mail.
    header_too = "s.header" if any(uid not in keys for uid in uids) else "NULL"
    with statements() as cursor:
        cursor.execute(
            f"SELECT {_SEALED}, {header_too}, s.payload, s.blob FROM mailhost_message m"
            " JOIN mailhost_sealedmessage s ON s.id = m.sealed_id"
            f" WHERE m.folder_id = %s AND {one_of('m.uid')} ORDER BY m.uid",
            [folder_id, listed(uids)],
        )
        rows = cursor.fetchall()
    found: list[tuple[int, bytes | memoryview] | Damaged] = []
    for *columns, header, payload, blob in rows:
        row = _stored(columns, header, payload, keys.get(columns[0]))
        content = _content(view, blobs, row, blob, head=heads)
        found.append(content if isinstance(content, Damaged) else (columns[0], content))
    return found


def _content(view: MessageView, blobs: FileBlobs, row: StoredMessage, blob: str, *, head: bool) -> bytes | Damaged:
    if not blob:
        return view.content(row)
    start = _read(blobs, blob, START_SIZE) if head else None
    begun = view.head(replace(row, payload=start)) if start is not None else None
    return view.content(replace(row, payload=_read(blobs, blob))) if begun is None else begun


def _read(blobs: FileBlobs, name: str, size: int = 0) -> bytes | None:
    """A payload from the blob store, or its first `size` octets; a missing or unreadable one harms its message only."""
    try:
        return blobs.read_start(name, size) if size else blobs.read(name)
    except (OSError, BadBlobName):
        return None
