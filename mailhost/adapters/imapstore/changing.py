"""The changes of the IMAP store: functions of a cursor, each run by the writer inside one transaction.

Every change takes the folder's next modseq once and stamps all its messages with it (RFC 7162 §3.1: one value may
stand for one command). Expunged UIDs are written as runs, so emptying a folder of 10,000 costs ten rows. What may
concern very many messages is done in turns (`turns`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from mailhost.adapters.database import Cursor, for_update, listed, one_of, rounded, stored
from mailhost.adapters.imapstore import segments
from mailhost.adapters.imapstore.turns import TURN
from mailhost.adapters.keywords import flag_names, flag_word, keywords_of
from mailhost.adapters.placing import Placed, Placement, place
from mailhost.imap.store import DELETED, Copied, FlagOp, NoSuchFolder, NoSuchMessage, StoreResult
from mailhost.ports import StoreError


def claim_recent(cursor: Cursor, folder_id: int) -> int:
    """Make the caller the session that is told \\Recent; the first UID it may call so."""
    cursor.execute(f"SELECT recent_from, uidnext FROM mailhost_folder WHERE id = %s{for_update()}", [folder_id])
    row = cursor.fetchone()
    if row is None:
        raise NoSuchFolder("The folder was deleted")
    if row[0] != row[1]:
        cursor.execute("UPDATE mailhost_folder SET recent_from = uidnext WHERE id = %s", [folder_id])
    return int(row[0])


def store_flags(
    cursor: Cursor,
    folder_id: int,
    uids: Sequence[int],
    op: FlagOp,
    flags: Sequence[str],
    unchanged_since: int | None,
) -> StoreResult:
    """Change flags of the messages that exist and are not newer than `unchanged_since`."""
    modseq = _next_modseq(cursor, folder_id)
    mask = flag_word(cursor, folder_id, flags, make=op is not FlagOp.REMOVE)
    cursor.execute(
        f"SELECT uid, flags, modseq FROM mailhost_message WHERE folder_id = %s AND {one_of('uid')} ORDER BY uid",
        [folder_id, listed(uids)],
    )
    changed, modified = [], []
    for uid, word, since in cursor.fetchall():
        if unchanged_since is not None and since > unchanged_since:
            modified.append(uid)
            continue
        new = {FlagOp.SET: mask, FlagOp.ADD: word | mask, FlagOp.REMOVE: word & ~mask}[op]
        # RFC 7162 §3.1.3: a STORE that changes nothing need not raise the modseq.
        if new != word:
            changed.append((uid, new, modseq))
    if changed:
        cursor.executemany(
            "UPDATE mailhost_message SET flags = %s, modseq = %s WHERE folder_id = %s AND uid = %s",
            [(new, modseq, folder_id, uid) for uid, new, _ in changed],
        )
        _set_modseq(cursor, folder_id, modseq)
    return StoreResult(changed, modified, keywords_of(cursor, folder_id))


def expunge(cursor: Cursor, folder_id: int, uids: Sequence[int] | None, today: datetime) -> tuple[list[int], int]:
    """Remove \\Deleted messages, of `uids` only when given, the first TURN of them: (removed, HIGHESTMODSEQ)."""
    return _remove_where(cursor, folder_id, uids, f"flags & {DELETED} <> 0", today)


def remove(cursor: Cursor, folder_id: int, uids: Sequence[int] | None, today: datetime) -> tuple[list[int], int]:
    """Remove messages whatever their flags, of `uids` only when given, the first TURN of them."""
    return _remove_where(cursor, folder_id, uids, "TRUE", today)


def _remove_where(
    cursor: Cursor, folder_id: int, uids: Sequence[int] | None, which: str, today: datetime
) -> tuple[list[int], int]:
    modseq = _next_modseq(cursor, folder_id)
    condition, values = "", []
    if uids is not None:
        condition, values = f" AND {one_of('uid')}", [listed(uids)]
    cursor.execute(
        "SELECT id, uid, sealed_id FROM mailhost_message"
        f" WHERE folder_id = %s AND {which}{condition} ORDER BY uid LIMIT {TURN}",
        [folder_id, *values],
    )
    rows = cursor.fetchall()
    if not rows:
        return [], modseq - 1
    _remove(cursor, folder_id, rows, modseq, today)
    return [row[1] for row in rows], modseq


def _remove(cursor: Cursor, folder_id: int, rows: Sequence[Any], modseq: int, today: datetime) -> None:
    """Take (id, uid, sealed_id) rows out of the folder for good."""
    cursor.execute(f"DELETE FROM mailhost_message WHERE {one_of('id')}", [listed(row[0] for row in rows)])
    _forget(cursor, folder_id, [row[1] for row in rows], modseq)
    orphan(cursor, [row[2] for row in rows], today)
    cursor.execute(
        "UPDATE mailhost_mailboxusage SET messages = messages - %s"
        " WHERE mailbox_id = (SELECT mailbox_id FROM mailhost_folder WHERE id = %s)",
        [len(rows), folder_id],
    )


def orphan(cursor: Cursor, sealed_ids: Sequence[int], today: datetime) -> None:
    """Give back the room of sealed messages that have no place left; the sweep removes their bytes later."""
    cursor.execute(
        "SELECT s.id, s.mailbox_id, s.header_size + s.payload_size FROM mailhost_sealedmessage s"
        f" WHERE {one_of('s.id')} AND s.orphaned IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM mailhost_message m WHERE m.sealed_id = s.id)",
        [listed(sealed_ids)],
    )
    rows = cursor.fetchall()
    cursor.execute(
        f"UPDATE mailhost_sealedmessage SET orphaned = %s WHERE {one_of('id')}",
        [today.date(), listed(row[0] for row in rows)],
    )
    freed: dict[int, int] = {}
    for _, mailbox_id, octets in rows:
        freed[mailbox_id] = freed.get(mailbox_id, 0) + octets
    cursor.executemany(
        "UPDATE mailhost_mailboxusage SET bytes = bytes - %s WHERE mailbox_id = %s",
        [(octets, mailbox_id) for mailbox_id, octets in freed.items()],
    )


def _forget(cursor: Cursor, folder_id: int, uids: Sequence[int], modseq: int) -> None:
    """What the folder keeps beside its messages, after ascending `uids` have left it at `modseq`."""
    record_vanished(cursor, folder_id, uids, modseq)
    segments.forget(cursor, folder_id, uids)
    _set_modseq(cursor, folder_id, modseq)


def record_vanished(cursor: Cursor, folder_id: int, uids: Sequence[int], modseq: int) -> None:
    """Remember ascending `uids` as expunged at `modseq`, in runs."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and runs[-1][1] == uid - 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    cursor.executemany(
        "INSERT INTO mailhost_vanished (folder_id, modseq, uid_first, uid_last) VALUES (%s, %s, %s, %s)",
        [(folder_id, modseq, first, last) for first, last in runs],
    )


def replace(cursor: Cursor, mailbox_id: int, folder: str, uid: int, placement: Placement, today: datetime) -> Placed:
    """Place one message and take another out of the folder of that opaque id. Raises the errors of `place`.

    There need not be room for both (RFC 8508 wants a full mailbox's message replaced): the room of the one that goes is
    given back while the other is placed, in the order in which `place` locks. What is raised undoes all.
    """
    freed = _room_of_the_only_place(cursor, mailbox_id, folder, uid)
    _add_usage(cursor, mailbox_id, -freed)
    (placed,) = place(cursor, [[placement]])
    if isinstance(placed, StoreError):
        raise placed
    _add_usage(cursor, mailbox_id, freed)
    cursor.execute(
        "SELECT m.id, m.uid, m.sealed_id, m.folder_id FROM mailhost_message m"
        " JOIN mailhost_folder f ON f.id = m.folder_id WHERE f.mailbox_id = %s AND f.opaque_id = %s AND m.uid = %s",
        [mailbox_id, folder, uid],
    )
    row = cursor.fetchone()
    if row is None:
        raise NoSuchMessage("The message to be replaced is gone; nothing was changed")
    _remove(cursor, row[3], [row], _next_modseq(cursor, row[3]), today)
    return placed[0]


def _room_of_the_only_place(cursor: Cursor, mailbox_id: int, folder: str, uid: int) -> int:
    """Octets that come free when this message goes; 0 where it is gone, or its sealed bytes are in a second place."""
    cursor.execute(
        "SELECT s.header_size + s.payload_size FROM mailhost_message m JOIN mailhost_folder f ON f.id = m.folder_id"
        " JOIN mailhost_sealedmessage s ON s.id = m.sealed_id"
        " WHERE f.mailbox_id = %s AND f.opaque_id = %s AND m.uid = %s AND s.orphaned IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM mailhost_message o WHERE o.sealed_id = s.id AND o.id <> m.id)",
        [mailbox_id, folder, uid],
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _add_usage(cursor: Cursor, mailbox_id: int, octets: int) -> None:
    cursor.execute("UPDATE mailhost_mailboxusage SET bytes = bytes + %s WHERE mailbox_id = %s", [octets, mailbox_id])


def copy(cursor: Cursor, source: int, uids: Sequence[int], target: tuple[int, int], now: datetime) -> Copied:
    """New places in `target` (folder id, UIDVALIDITY of the view) for the same sealed bytes."""
    lock(cursor, source, target[0])
    rows = _wanted(cursor, source, uids)
    return Copied(target[1], _put(cursor, source, rows, target[0], now, keep_usage=False))


def move(
    cursor: Cursor, source: int, uids: Sequence[int], target: tuple[int, int], now: datetime
) -> tuple[Copied, int]:
    """Copy and remove in one step (RFC 6851 §3.3): second value is the source's HIGHESTMODSEQ."""
    lock(cursor, source, target[0])
    rows = _wanted(cursor, source, uids)
    pairs = _put(cursor, source, rows, target[0], now, keep_usage=True)
    modseq = _next_modseq(cursor, source)
    if not rows:
        return Copied(target[1], pairs), modseq - 1
    cursor.execute(f"DELETE FROM mailhost_message WHERE {one_of('id')}", [listed(row[0] for row in rows)])
    _forget(cursor, source, [row[1] for row in rows], modseq)
    return Copied(target[1], pairs), modseq


def _wanted(cursor: Cursor, folder_id: int, uids: Sequence[int]) -> list[Any]:
    cursor.execute(
        f"SELECT id, uid, flags, sealed_id FROM mailhost_message WHERE folder_id = %s AND {one_of('uid')} ORDER BY uid",
        [folder_id, listed(uids)],
    )
    return list(cursor.fetchall())


def _put(
    cursor: Cursor, source: int, rows: Sequence[Any], target: int, now: datetime, *, keep_usage: bool
) -> list[tuple[int, int]]:
    """Insert (id, uid, flags, sealed_id) rows of `source` into `target`: the pairs of UIDs."""
    if not rows:
        return []
    cursor.execute("SELECT uidnext, highestmodseq FROM mailhost_folder WHERE id = %s", [target])
    uidnext, modseq = cursor.fetchone()
    modseq += 1
    names = keywords_of(cursor, source)
    # Keyword bits belong to a folder, so each distinct word is translated once through the names.
    words = {word: flag_word(cursor, target, flag_names(word, names)) for word in {row[2] for row in rows}}
    saved = stored(rounded(now))
    cursor.executemany(
        "INSERT INTO mailhost_message (folder_id, uid, modseq, flags, saved, sealed_id)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [(target, uidnext + position, modseq, words[row[2]], saved, row[3]) for position, row in enumerate(rows)],
    )
    cursor.execute(
        "UPDATE mailhost_folder SET uidnext = %s, highestmodseq = %s WHERE id = %s",
        [uidnext + len(rows), modseq, target],
    )
    if not keep_usage:
        cursor.execute(
            "UPDATE mailhost_mailboxusage SET messages = messages + %s"
            " WHERE mailbox_id = (SELECT mailbox_id FROM mailhost_folder WHERE id = %s)",
            [len(rows), target],
        )
    return [(row[1], uidnext + position) for position, row in enumerate(rows)]


def uidnext(cursor: Cursor, folder_id: int) -> int:
    """The UID that the folder's next message gets."""
    cursor.execute("SELECT uidnext FROM mailhost_folder WHERE id = %s", [folder_id])
    return int(cursor.fetchone()[0])


def empty_into(cursor: Cursor, source: int, target: int, below: int, now: datetime) -> bool:
    """Move the first TURN messages with UIDs under `below`: RENAME of INBOX (RFC 9051 §6.3.6). Whether those were all.

    Raises NoSuchFolder.
    """
    cursor.execute(
        f"SELECT uid FROM mailhost_message WHERE folder_id = %s AND uid < %s ORDER BY uid LIMIT {TURN}", [source, below]
    )
    uids = [row[0] for row in cursor.fetchall()]
    move(cursor, source, uids, (target, 0), now)
    return len(uids) < TURN


def remove_folder(cursor: Cursor, folder_id: int, today: datetime) -> bool:
    """Delete a folder and what is in it, or only the first TURN messages if there are more. Whether the folder went."""
    removed, _modseq = remove(cursor, folder_id, None, today)
    if len(removed) == TURN:
        return False
    for table in ("vanished", "folderkeyword", "annotation", "indexsegment"):
        cursor.execute(f"DELETE FROM mailhost_{table} WHERE folder_id = %s", [folder_id])
    cursor.execute("DELETE FROM mailhost_folder WHERE id = %s", [folder_id])
    return True


def lock(cursor: Cursor, *folder_ids: int) -> None:
    """Lock folder rows by ascending id. Raises NoSuchFolder when one is gone."""
    for folder_id in sorted(set(folder_ids)):
        cursor.execute(f"SELECT id FROM mailhost_folder WHERE id = %s{for_update()}", [folder_id])
        if cursor.fetchone() is None:
            raise NoSuchFolder("The folder was deleted")


def _next_modseq(cursor: Cursor, folder_id: int) -> int:
    cursor.execute(f"SELECT highestmodseq FROM mailhost_folder WHERE id = %s{for_update()}", [folder_id])
    row = cursor.fetchone()
    if row is None:
        raise NoSuchFolder("The folder was deleted")
    return int(row[0]) + 1


def _set_modseq(cursor: Cursor, folder_id: int, modseq: int) -> None:
    cursor.execute("UPDATE mailhost_folder SET highestmodseq = %s WHERE id = %s", [modseq, folder_id])
