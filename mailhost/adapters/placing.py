"""Placing sealed messages into folders: the statements of one transaction, for many calls at once.

Inside the transaction, in this order: lock the counters of all mailboxes and the folders by ascending id (two
writers that lock in one order cannot deadlock), check again what may have changed since the route was read (key
version, state, quota), assign UIDs and modseqs, insert, move the counters. A call is all or nothing: if one of its
mailboxes fails a check, the call fails and the others go on.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from mailhost.adapters.database import (
    Cursor,
    change_together,
    fetch_together,
    for_update,
    listed,
    next_ids,
    one_of,
    rounded,
    stored,
)
from mailhost.adapters.keywords import flag_word
from mailhost.message.foldernames import DELIMITER
from mailhost.ports import HELD_FOLDER, INBOX, KeyChanged, MailboxFull, StoreError, StoreUnavailable

# What a delivery asks for, and the folder's name when the owner has removed it.
FOLDERS_MADE_AGAIN: Final = {INBOX: "INBOX", "\\Junk": "Junk", HELD_FOLDER: "Held"}
_BY_NAME: Final = {"INBOX": INBOX, "Held": HELD_FOLDER}
# Room for every mailing list of a busy person; LIST stays quick and nobody can fill the database with names.
MAX_FOLDERS: Final = 1000


@dataclass(frozen=True, slots=True)
class Placement:
    """One sealed message on its way into one folder of one mailbox.

    `payload` is None when it already lies in the blob store under `blob`. `folder_id` 0 means: the folder called
    `folder`, made if it is missing, and without a name by `special_use`. With both, it must still have that name.
    `key_version` None means that the bytes were sealed by a client, which answers for its own key.
    """

    mailbox_id: int
    key_version: int | None
    opaque_id: str
    header: bytes
    payload: bytes | bytearray | memoryview | None
    payload_size: int
    arrived: datetime
    saved: datetime
    blob: str = ""
    folder_id: int = 0
    folder: str = ""
    special_use: str = "\\Inbox"
    flags: tuple[str, ...] = ()
    claim_recent: bool = False  # whoever places it has the folder selected and calls it \\Recent


@dataclass(frozen=True, slots=True)
class Placed:
    """Where it is now."""

    folder_id: int
    uid: int
    modseq: int
    flags: int  # the folder's flag word


@dataclass(slots=True)
class _Mailbox:
    cell: str
    alive: bool
    serial: int
    room: int
    bytes: int = 0
    messages: int = 0


@dataclass(slots=True)
class _Folder:
    folder_id: int
    uidnext: int
    modseq: int
    recent_from: int = 1


class NoSuchTarget(StoreError):
    """The folder of an APPEND is gone."""


def place(cursor: Cursor, calls: Sequence[Sequence[Placement]]) -> list[Sequence[Placed] | StoreError]:
    """Place every call that passes its checks; the answer of each, in order."""
    if not calls:
        return []
    wanted = [item for call in calls for item in call]
    mailboxes = _lock_mailboxes(cursor, {item.mailbox_id for item in wanted})
    folders = _lock_folders(cursor, wanted, mailboxes)
    answers: list[Sequence[Placed] | StoreError] = []
    accepted: list[tuple[Placement, _Folder, int, int, int]] = []  # with uid, modseq, flags
    for call in calls:
        refusal = _refusal(call, mailboxes, folders)
        if refusal is not None:
            answers.append(refusal)
            continue
        placed = []
        for item in call:
            folder = folders[_target(item)]
            folder.modseq += 1
            word = flag_word(cursor, folder.folder_id, item.flags) if item.flags else 0
            accepted.append((item, folder, folder.uidnext, folder.modseq, word))
            placed.append(Placed(folder.folder_id, folder.uidnext, folder.modseq, word))
            if item.claim_recent and folder.recent_from == folder.uidnext:
                folder.recent_from += 1
            folder.uidnext += 1
            box = mailboxes[item.mailbox_id]
            box.bytes += len(item.header) + item.payload_size
            box.messages += 1
        answers.append(placed)
    _insert(cursor, accepted, mailboxes)
    _move_counters(cursor, mailboxes, {folder.folder_id: folder for _, folder, *_ in accepted}.values())
    return answers


def _target(item: Placement) -> tuple[int, str]:
    if item.folder_id:
        return (item.mailbox_id, str(item.folder_id))
    # A name has a mark in front, so that a folder called "7" is not folder number 7.
    return (item.mailbox_id, f"={item.folder}" if item.folder else item.special_use)


def _refusal(
    call: Sequence[Placement],
    mailboxes: dict[int, _Mailbox],
    folders: dict[tuple[int, str], _Folder],
) -> StoreError | None:
    changed = {
        item.mailbox_id
        for item in call
        if (box := mailboxes.get(item.mailbox_id)) is None
        or not box.alive
        or (item.key_version is not None and box.serial != item.key_version)
    }
    if changed:
        return KeyChanged(changed)
    asked: dict[int, int] = {}
    for item in call:
        asked[item.mailbox_id] = asked.get(item.mailbox_id, 0) + len(item.header) + item.payload_size
    full = {
        mailbox_id
        for mailbox_id, octets in asked.items()
        if mailboxes[mailbox_id].bytes + octets > mailboxes[mailbox_id].room
    }
    if full:
        return MailboxFull(full)
    if any(_target(item) not in folders or _renamed(item, folders) for item in call):
        return NoSuchTarget("the folder is gone, or has another name")
    return None


def _renamed(item: Placement, folders: dict[tuple[int, str], _Folder]) -> bool:
    """Whether what the folder was called when it was looked up is now another folder's name, or nobody's."""
    if not item.folder_id or not item.folder:
        return False
    return folders.get((item.mailbox_id, f"={item.folder}")) is not folders[_target(item)]


def _lock_mailboxes(cursor: Cursor, ids: Iterable[int]) -> dict[int, _Mailbox]:
    lock = " FOR UPDATE OF u" if for_update() else ""
    rows = fetch_together(
        cursor,
        "u.mailbox_id, m.cell, m.quota_bytes - u.bytes, m.state = 'active' AND t.state = 'active',"
        " (SELECT MAX(k.serial) FROM mailhost_mailboxkey k WHERE k.mailbox_id = m.id)",
        "FROM mailhost_mailboxusage u JOIN mailhost_mailbox m ON m.id = u.mailbox_id"
        f" JOIN mailhost_tenant t ON t.id = m.tenant_id WHERE {one_of('u.mailbox_id')} ORDER BY u.mailbox_id{lock}",
        [listed(sorted(ids))],
    )
    return {
        row_id: _Mailbox(cell, alive=bool(alive), serial=serial or 0, room=room)
        for row_id, cell, room, alive, serial in rows
    }


def _lock_folders(
    cursor: Cursor, wanted: Sequence[Placement], mailboxes: dict[int, _Mailbox]
) -> dict[tuple[int, str], _Folder]:
    """Folders by target; those of deliveries are made when the owner has removed them."""
    names = {item.folder for item in wanted if item.folder and not item.folder_id}
    called = f" OR {one_of('name', 'text')}" if names else ""
    rows = fetch_together(
        cursor,
        "id, mailbox_id, name, special_use, uidnext, highestmodseq, recent_from",
        "FROM mailhost_folder"
        f" WHERE {one_of('mailbox_id')}"
        f" AND (name IN ('INBOX', 'Held', 'Junk') OR special_use = '\\Junk' OR {one_of('id')}{called})"
        f" ORDER BY id{for_update()}",
        [
            listed(mailboxes),
            listed({item.folder_id for item in wanted if item.folder_id}),
            *([listed(names)] if names else []),
        ],
    )
    folders: dict[tuple[int, str], _Folder] = {}
    for folder_id, mailbox_id, name, use, uidnext, modseq, recent_from in rows:
        folder = _Folder(folder_id, uidnext, modseq, recent_from)
        folders[mailbox_id, str(folder_id)] = folders[mailbox_id, f"={name}"] = folder
        for target in (_BY_NAME.get(name, use), use):
            folders.setdefault((mailbox_id, target), folder)
    for item in wanted:
        if not item.folder_id and item.mailbox_id in mailboxes and _target(item) not in folders:
            folders[_target(item)] = _made(cursor, item, folders)
    return folders


def _made(cursor: Cursor, item: Placement, folders: dict[tuple[int, str], _Folder]) -> _Folder:
    """The folder of a delivery that its mailbox has not, made now."""
    if item.folder:
        return _made_by_name(cursor, item, folders)
    name = FOLDERS_MADE_AGAIN[item.special_use]
    # The owner may have made one of that name since, without saying what it is for.
    own = folders.get((item.mailbox_id, f"={name}"))
    if own is None:
        use = item.special_use if name == "Junk" else ""
        own = _Folder(make_folder(cursor, item.mailbox_id, name, use), 1, 1)
        folders[item.mailbox_id, f"={name}"] = own
    return own


def _made_by_name(cursor: Cursor, item: Placement, folders: dict[tuple[int, str], _Folder]) -> _Folder:
    """The folder that a rule of the owner names, with its parents; the inbox where no more folders can be had."""
    # Locked first, so that a client cannot make the same folder at the same time.
    cursor.execute(f"SELECT id FROM mailhost_mailbox WHERE id = %s{for_update()}", [item.mailbox_id])
    cursor.execute("SELECT name, id FROM mailhost_folder WHERE mailbox_id = %s", [item.mailbox_id])
    have = dict(cursor.fetchall())
    if item.folder in have:
        cursor.execute("SELECT uidnext, highestmodseq FROM mailhost_folder WHERE id = %s", [have[item.folder]])
        return _Folder(have[item.folder], *cursor.fetchone())
    missing = missing_levels(item.folder, have)
    if len(have) + len(missing) > MAX_FOLDERS:
        inbox = replace(item, folder="", special_use=INBOX)
        return folders.get(_target(inbox)) or _made(cursor, inbox, folders)
    for name in missing:
        have[name] = make_folder(cursor, item.mailbox_id, name, "")
        folders[item.mailbox_id, f"={name}"] = _Folder(have[name], 1, 1)
        # Common clients hide what is not subscribed.
        cursor.execute(
            "INSERT INTO mailhost_subscription (mailbox_id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [item.mailbox_id, name],
        )
    return folders[_target(item)]


def missing_levels(name: str, have: Collection[str]) -> list[str]:
    """The folders that have to be made before there is one of this name, from the top down to itself."""
    levels = name.split(DELIMITER)
    paths = [DELIMITER.join(levels[:depth]) for depth in range(1, len(levels) + 1)]
    return [path for path in paths if path not in have]


def make_folder(cursor: Cursor, mailbox_id: int, name: str, special_use: str) -> int:
    """A new folder with UIDVALIDITYs the mailbox has never used; its id."""
    cursor.execute(
        f"SELECT uidvalidity_next, cell FROM mailhost_mailbox WHERE id = %s{for_update()}",
        [mailbox_id],
    )
    row = cursor.fetchone()
    if row is None:
        raise StoreUnavailable("the mailbox is gone")
    cursor.execute("UPDATE mailhost_mailbox SET uidvalidity_next = %s WHERE id = %s", [row[0] + 2, mailbox_id])
    cursor.execute(
        "INSERT INTO mailhost_folder (cell, mailbox_id, name, special_use, opaque_id, uidvalidity_sealed,"
        " uidvalidity_session, uidnext, highestmodseq, recent_from) VALUES (%s, %s, %s, %s, %s, %s, %s, 1, 1, 1)"
        " RETURNING id",
        [row[1], mailbox_id, name, special_use, secrets.token_hex(16), row[0], row[0] + 1],
    )
    return int(cursor.fetchone()[0])


def _insert(
    cursor: Cursor,
    accepted: Sequence[tuple[Placement, _Folder, int, int, int]],
    mailboxes: dict[int, _Mailbox],
) -> None:
    if not accepted:
        return
    ids = next_ids(cursor, "mailhost_sealedmessage", len(accepted))
    # A batch spans milliseconds: nearly always one hour for all of it.
    hours = {moment: stored(rounded(moment)) for item, *_ in accepted for moment in (item.arrived, item.saved)}
    rows: list[Sequence[Any]] = [
        (
            row_id,
            mailboxes[item.mailbox_id].cell,
            item.mailbox_id,
            item.opaque_id,
            hours[item.arrived],
            len(item.header),
            item.payload_size,
            item.blob,
            item.header,
            item.payload,
        )
        for row_id, (item, *_) in zip(ids, accepted, strict=True)
    ]
    change_together(
        cursor,
        "INSERT INTO mailhost_sealedmessage (id, cell, mailbox_id, opaque_id, arrived, header_size, payload_size,"
        " blob, header, payload)",
        rows,
    )
    change_together(
        cursor,
        "INSERT INTO mailhost_message (folder_id, uid, modseq, flags, saved, sealed_id)",
        [
            (folder.folder_id, uid, modseq, word, hours[item.saved], row_id)
            for row_id, (item, folder, uid, modseq, word) in zip(ids, accepted, strict=True)
        ],
    )


def _move_counters(cursor: Cursor, mailboxes: dict[int, _Mailbox], folders: Iterable[_Folder]) -> None:
    change_together(
        cursor,
        "UPDATE mailhost_folder SET uidnext = moved.column2, highestmodseq = moved.column3,"
        " recent_from = moved.column4 FROM (",
        [(folder.folder_id, folder.uidnext, folder.modseq, folder.recent_from) for folder in folders],
        ") AS moved WHERE id = moved.column1",
    )
    change_together(
        cursor,
        "UPDATE mailhost_mailboxusage SET bytes = bytes + moved.column2, messages = messages + moved.column3 FROM (",
        [(row_id, box.bytes, box.messages) for row_id, box in mailboxes.items() if box.messages],
        ") AS moved WHERE mailbox_id = moved.column1",
    )
