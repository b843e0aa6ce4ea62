"""Index segments in the database: sealed boxes by folder and number (`mailhost.seal.segment`).

A segment goes in the transaction that takes the first of its messages out of the folder, whoever does it: nothing of
an expunged message stays, and no key is needed for that. A session that still knows the message cannot bring it back,
because `write` looks for every UID again, behind the lock that an expunge holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mailhost.adapters.database import Cursor, fetch_together, for_update, listed, one_of, statements
from mailhost.seal.segment import SEGMENT_UIDS


def read(folder_id: int, numbers: Iterable[int]) -> dict[int, bytes]:
    """The boxes that there are, by number."""
    with statements() as cursor:
        cursor.execute(
            f"SELECT number, box FROM mailhost_indexsegment WHERE folder_id = %s AND {one_of('number')}",
            [folder_id, listed(numbers)],
        )
        return {number: bytes(box) for number, box in cursor.fetchall()}


def present(folder_id: int, uids: Iterable[int]) -> set[int]:
    """Those of the UIDs whose messages exist."""
    with statements() as cursor:
        return _present(cursor, folder_id, uids)


def _present(cursor: Cursor, folder_id: int, uids: Iterable[int]) -> set[int]:
    rest = f"FROM mailhost_message WHERE folder_id = %s AND {one_of('uid')}"
    return {row[0] for row in fetch_together(cursor, "uid", rest, [folder_id, listed(uids)])}


def write(cursor: Cursor, folder_id: int, number: int, box: bytes, uids: Collection[int]) -> bool:
    """Store the box that holds `uids`, unless one of them is gone; whether it was stored."""
    cursor.execute(f"SELECT id FROM mailhost_folder WHERE id = %s{for_update()}", [folder_id])
    if cursor.fetchone() is None or len(_present(cursor, folder_id, uids)) < len(uids):
        return False
    cursor.execute(
        "INSERT INTO mailhost_indexsegment (folder_id, number, box) VALUES (%s, %s, %s)"
        " ON CONFLICT (folder_id, number) DO UPDATE SET box = excluded.box",
        [folder_id, number, box],
    )
    return True


def forget(cursor: Cursor, folder_id: int, uids: Sequence[int]) -> None:
    """Remove the segments of messages that leave the folder."""
    numbers = {uid // SEGMENT_UIDS for uid in uids}
    cursor.execute(
        f"DELETE FROM mailhost_indexsegment WHERE folder_id = %s AND {one_of('number')}", [folder_id, listed(numbers)]
    )
