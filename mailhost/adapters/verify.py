"""Does the index agree with itself and with the blobs? Needs no key and changes nothing.

Found problems are values, each with what it means; `manage.py verify` prints them and exits 1. The scan reads
in pages of ids, so a cell of millions is checked in bounded memory while mail goes on arriving: rows that appear
meanwhile are not reported.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.database import statements
from mailhost.adapters.sweep import BLOB_GRACE
from mailhost.seal import CannotOpen
from mailhost.seal.header import header_length, parse_header

PAGE: Final = 2000


@dataclass(frozen=True, slots=True)
class Problem:
    """One disagreement: what kind, in which row or file, and what it means for the owner."""

    kind: str
    where: str
    meaning: str


def verify(blobs: FileBlobs, now: datetime) -> Iterator[Problem]:
    """Everything that is wrong in this cell's store."""
    referenced = yield from _sealed_messages(blobs)
    yield from _stray_blobs(blobs, referenced, now)
    yield from _places()
    yield from _counters()


def _sealed_messages(blobs: FileBlobs) -> Generator[Problem, None, set[str]]:
    """Problems of rows and their payloads; returns the names of all blobs that rows name."""
    referenced: set[str] = set()
    last = 0
    while True:
        with statements() as cursor:
            cursor.execute(
                "SELECT id, header_size, payload_size, blob, header, payload IS NULL,"
                " CASE WHEN payload IS NULL THEN -1 ELSE LENGTH(payload) END"
                " FROM mailhost_sealedmessage WHERE id > %s ORDER BY id LIMIT %s",
                [last, PAGE],
            )
            rows = cursor.fetchall()
        if not rows:
            return referenced
        for row_id, header_size, payload_size, blob, header, absent, length in rows:
            where = f"sealed message {row_id}"
            if not _is_header(bytes(header), header_size):
                yield Problem("header", where, "its age header is damaged: the message cannot be opened")
            if blob:
                referenced.add(blob)
                yield from _blob(blobs, blob, payload_size, where)
            elif absent or length != payload_size:
                yield Problem("payload", where, "its payload is missing or cut: the message cannot be opened")
        last = rows[-1][0]


def _is_header(header: bytes, size: int) -> bool:
    try:
        parse_header(header)
        return len(header) == size == header_length(header)
    except CannotOpen:
        return False


def _blob(blobs: FileBlobs, name: str, size: int, where: str) -> Iterator[Problem]:
    try:
        found = blobs.path(name).stat().st_size
    except OSError:
        yield Problem("blob", where, f"blob {name} is missing or unreadable: restore it from a backup")
        return
    if found != size:
        yield Problem("blob", where, f"blob {name} has {found} octets instead of {size}: restore it from a backup")


def _stray_blobs(blobs: FileBlobs, referenced: set[str], now: datetime) -> Iterator[Problem]:
    for name, _, modified in blobs.names():
        if name not in referenced and now - modified > 2 * BLOB_GRACE and not _is_referenced(name):
            yield Problem("stray", f"blob {name}", "no message names it; the sweep should have removed it")


def _is_referenced(blob: str) -> bool:
    with statements() as cursor:
        cursor.execute("SELECT 1 FROM mailhost_sealedmessage WHERE blob = %s", [blob])
        return cursor.fetchone() is not None


# Kind, query giving one column that says where, meaning. Each counts on the indexes and returns nothing when well.
_RULES: Final = (
    (
        "owner",
        (
            "SELECT m.id FROM mailhost_message m JOIN mailhost_folder f ON f.id = m.folder_id"
            " JOIN mailhost_sealedmessage s ON s.id = m.sealed_id WHERE s.mailbox_id <> f.mailbox_id"
        ),
        "it lies in a folder of another mailbox than the one it was sealed for",
    ),
    (
        "uid",
        (
            "SELECT m.id FROM mailhost_message m JOIN mailhost_folder f ON f.id = m.folder_id"
            " WHERE m.uid >= f.uidnext OR m.uid < 1"
        ),
        "its UID is not below UIDNEXT: clients would miss it",
    ),
    (
        "modseq",
        (
            "SELECT m.id FROM mailhost_message m JOIN mailhost_folder f ON f.id = m.folder_id"
            " WHERE m.modseq > f.highestmodseq"
        ),
        "its modseq is above HIGHESTMODSEQ: clients would not synchronise it",
    ),
    (
        "orphan",
        (
            "SELECT m.id FROM mailhost_message m JOIN mailhost_sealedmessage s ON s.id = m.sealed_id"
            " WHERE s.orphaned IS NOT NULL"
        ),
        "its sealed bytes are marked for removal",
    ),
    (
        "place",
        (
            "SELECT s.id FROM mailhost_sealedmessage s WHERE s.orphaned IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM mailhost_message m WHERE m.sealed_id = s.id)"
        ),
        "sealed bytes lie in no folder and are not marked for removal",
    ),
)


def _places() -> Iterator[Problem]:
    for kind, query, meaning in _RULES:
        yield from _confirmed(kind, query, meaning, "message")


def _confirmed(kind: str, query: str, meaning: str, noun: str) -> Iterator[Problem]:
    """Rows that a rule finds twice: what was in flight the first time is gone the second."""

    def ask() -> set[int]:
        with statements() as cursor:
            cursor.execute(query)
            return {row[0] for row in cursor.fetchall()}

    first = ask()
    for row_id in sorted(first & ask()) if first else ():
        yield Problem(kind, f"{noun} {row_id}", meaning)


def _counters() -> Iterator[Problem]:
    query = (
        "SELECT u.mailbox_id FROM mailhost_mailboxusage u WHERE u.bytes <> COALESCE((SELECT SUM(s.header_size +"
        " s.payload_size) FROM mailhost_sealedmessage s WHERE s.mailbox_id = u.mailbox_id AND s.orphaned IS NULL), 0)"
        " OR u.messages <> (SELECT COUNT(*) FROM mailhost_message m JOIN mailhost_folder f ON f.id = m.folder_id"
        " WHERE f.mailbox_id = u.mailbox_id)"
    )
    yield from _confirmed("usage", query, "its quota counters differ from what is stored", "mailbox")
