"""METADATA in the database: annotations of folders and of the mailbox itself (RFC 5464).

Reading takes all of a mailbox at once, which its limits keep small; a change is a function of a cursor, run by the
writer inside one transaction, so that all entries of one SETMETADATA are set or none. Values are octets that the
client chose and are kept in clear, as folder names are.
"""

from __future__ import annotations

from collections.abc import Mapping

from mailhost.adapters.database import Cursor, statements
from mailhost.imap.store import MAX_METADATA_ENTRIES, MAX_METADATA_OCTETS, TooMany


def everything(mailbox_id: int) -> dict[str, dict[str, bytes]]:
    """Folder name, "" for the mailbox itself → entry → value; only what has any."""
    found: dict[str, dict[str, bytes]] = {}
    with statements() as cursor:
        cursor.execute(
            "SELECT COALESCE(f.name, ''), a.entry, a.value FROM mailhost_annotation a"
            " LEFT JOIN mailhost_folder f ON f.id = a.folder_id WHERE a.mailbox_id = %s",
            [mailbox_id],
        )
        for name, entry, value in cursor.fetchall():
            found.setdefault(name, {})[entry] = bytes(value)
    return found


def change(cursor: Cursor, mailbox_id: int, folder_id: int | None, changes: Mapping[str, bytes | None]) -> None:
    """Set or (None) remove entries of one folder or, without one, of the mailbox. Raises TooMany.

    The caller holds the mailbox's row, so that two changes cannot pass the limits side by side.
    """
    where, of = ("folder_id IS NULL", []) if folder_id is None else ("folder_id = %s", [folder_id])
    cursor.executemany(
        f"DELETE FROM mailhost_annotation WHERE mailbox_id = %s AND entry = %s AND {where}",
        [[mailbox_id, entry, *of] for entry in changes],
    )
    cursor.executemany(
        "INSERT INTO mailhost_annotation (mailbox_id, folder_id, entry, value) VALUES (%s, %s, %s, %s)",
        [(mailbox_id, folder_id, entry, value) for entry, value in changes.items() if value is not None],
    )
    cursor.execute(
        "SELECT COUNT(*), COALESCE(SUM(LENGTH(entry) + LENGTH(value)), 0) FROM mailhost_annotation"
        " WHERE mailbox_id = %s",
        [mailbox_id],
    )
    entries, octets = cursor.fetchone()
    if entries > MAX_METADATA_ENTRIES or octets > MAX_METADATA_OCTETS:
        raise TooMany(
            f"An account holds at most {MAX_METADATA_ENTRIES} annotations of {MAX_METADATA_OCTETS} octets together"
        )
