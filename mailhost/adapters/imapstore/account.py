"""An owner's folders over the database, in the view that the login allows.

Folder names are Unicode with '/' between levels; INBOX is written in capitals whatever the client wrote
(RFC 9051 §5.1). A folder and its parents are made subscribed, because common clients hide what is not.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Protocol

from mailhost.adapters.database import Cursor, listed, one_of, statements
from mailhost.adapters.imapstore import annotations as notes
from mailhost.adapters.imapstore import changing, reading
from mailhost.adapters.imapstore.answers import imap_answers
from mailhost.adapters.imapstore.folder import DatabaseFolder, FolderRow
from mailhost.adapters.imapstore.index import Index
from mailhost.adapters.imapstore.openers import Openers
from mailhost.adapters.imapstore.sealedview import SealedView
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.imapstore.turns import until_done
from mailhost.adapters.mailstore import place_payload
from mailhost.adapters.placing import MAX_FOLDERS, NoSuchTarget, Placed, Placement, make_folder, missing_levels
from mailhost.adapters.workshop import Workshop
from mailhost.imap.store import (
    DELETED,
    SEEN,
    CannotDo,
    FolderExists,
    FolderInfo,
    NewMessage,
    NoSuchFolder,
    Quota,
    TooMany,
    TryLater,
)
from mailhost.message.foldernames import DELIMITER, MAX_LEVELS, BadName, normalized
from mailhost.ports import KeyChanged
from mailhost.seal import Sealed

# Makes sealed messages durable, all or none.
type Commit = Callable[[Sequence[Placement]], Awaitable[Sequence[Placed]]]
# Does one more turn of a change that was begun; whether that was the last.
type Rest = Callable[[Cursor], bool]

# The server may have been stopped in the middle of it.
_TAKEN_FOR_INBOX = (
    "There is a folder of the new name already; if a rename of INBOX was cut short, move the rest of its messages there"
)


class Seal(Protocol):
    """Seals an APPENDed clear message, with its exact internal date: sealed bytes and version of the key.

    `again`: the key used before was refused, so the current one has to be asked for.
    """

    async def __call__(
        self, content: bytes | bytearray | memoryview, moment: datetime, /, *, again: bool
    ) -> tuple[Sealed, int]: ...


def canonical(name: str) -> str:
    """The name as stored: INBOX in capitals also as a parent, no trailing separator. Raises CannotDo."""
    try:
        name = normalized(name)
    except BadName as problem:
        raise CannotDo(str(problem)) from None
    levels = name.split(DELIMITER)
    if "" in levels or len(levels) > MAX_LEVELS:
        raise CannotDo(f"A folder name has 1 to {MAX_LEVELS} levels divided by '{DELIMITER}'")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        raise CannotDo("A folder name holds no control characters")
    return name


class DatabaseAccount:
    """`imap.store.Account`, which keeps METADATA too."""

    def __init__(
        self,
        shop: Workshop,
        mailbox_id: int,
        view: SealedView | SessionView,
        seal: Seal,
        *,
        tenant: str = "",
        login_id: int = 0,
        openers: Openers | None = None,
    ) -> None:
        self.view = view.view
        self.tenant = tenant
        self.login_id = login_id
        self._shop = shop
        self._mailbox = mailbox_id
        self._view = view
        self._seal = seal
        self._openers = openers
        self._targets: dict[str, FolderRow] = {}
        self._arrived: dict[int, list[tuple[int, int, int]]] = {}
        self._closed = False
        self._uidvalidity = "uidvalidity_session" if isinstance(view, SessionView) else "uidvalidity_sealed"

    # -- reading ---------------------------------------------------------------------------------------------

    async def folders(self, *, counts: bool = False) -> Sequence[FolderInfo]:
        with imap_answers():
            found = await self._shop.readers.run(self._read_folders, None, counts)
        return sorted(found, key=lambda info: (info.name != "INBOX", info.name))

    async def folder(self, name: str, *, sizes: bool = False, reclaimable: bool = False) -> FolderInfo:
        with imap_answers():
            return await self._shop.readers.run(self._read_folder, canonical(name), sizes, reclaimable)

    def _read_folder(self, name: str, sizes: bool, reclaimable: bool) -> FolderInfo:
        found = self._read_folders(name, True)
        if not found:
            raise NoSuchFolder("There is no such folder")
        info = found[0]
        if reclaimable and info.deleted:
            info = replace(info, reclaimable=reading.reclaimable(self._resolve(name).row_id))
        if sizes:
            info = replace(info, size=reading.total_size(self._view, self._resolve(name).row_id))
        return info

    def _read_folders(self, name: str | None, counts: bool) -> list[FolderInfo]:
        condition, values = ("", []) if name is None else (" AND f.name = %s", [name])
        with statements() as cursor:
            cursor.execute(
                "SELECT f.id, f.name, f.opaque_id, f.special_use, s.id IS NOT NULL,"
                f" f.{self._uidvalidity}, f.uidnext, f.highestmodseq, f.recent_from FROM mailhost_folder f"
                " LEFT JOIN mailhost_subscription s ON s.mailbox_id = f.mailbox_id AND s.name = f.name"
                f" WHERE f.mailbox_id = %s{condition}",
                [self._mailbox, *values],
            )
            rows = cursor.fetchall()
            counted: dict[int, tuple[int, int, int, int]] = {}
            if counts:
                cursor.execute(
                    "SELECT m.folder_id, COUNT(*),"
                    f" SUM(CASE WHEN m.flags & {SEEN} = 0 THEN 1 ELSE 0 END),"
                    f" SUM(CASE WHEN m.flags & {DELETED} <> 0 THEN 1 ELSE 0 END),"
                    " SUM(CASE WHEN m.uid >= f.recent_from THEN 1 ELSE 0 END)"
                    " FROM mailhost_message m JOIN mailhost_folder f ON f.id = m.folder_id"
                    f" WHERE {one_of('m.folder_id')} GROUP BY m.folder_id",
                    [listed(row[0] for row in rows)],
                )
                counted = {row[0]: (row[1], row[2], row[3], row[4]) for row in cursor.fetchall()}
        found = []
        for folder_id, name_, opaque, use, subscribed, validity, uidnext, modseq, _ in rows:
            messages, unseen, deleted, recent = counted.get(folder_id, (0, 0, 0, 0))
            found.append(
                FolderInfo(
                    name=name_,
                    folder_id=opaque,
                    special_use=use or None,
                    subscribed=bool(subscribed),
                    uidvalidity=validity,
                    uidnext=uidnext,
                    highestmodseq=modseq,
                    messages=messages,
                    unseen=unseen,
                    deleted=deleted,
                    recent=recent,
                )
            )
        return found

    async def subscriptions(self) -> Sequence[str]:
        with imap_answers():
            return await self._shop.readers.run(self._read_subscriptions)

    def _read_subscriptions(self) -> list[str]:
        with statements() as cursor:
            cursor.execute(
                "SELECT name FROM mailhost_subscription WHERE mailbox_id = %s ORDER BY name", [self._mailbox]
            )
            return [row[0] for row in cursor.fetchall()]

    async def quota(self) -> Quota:
        with imap_answers():
            return await self._shop.readers.run(self._read_quota)

    def _read_quota(self) -> Quota:
        with statements() as cursor:
            cursor.execute(
                "SELECT u.bytes, m.quota_bytes, u.messages FROM mailhost_mailbox m"
                " JOIN mailhost_mailboxusage u ON u.mailbox_id = m.id WHERE m.id = %s",
                [self._mailbox],
            )
            row = cursor.fetchone()
        if row is None:
            raise TryLater("The mailbox was removed")
        return Quota(storage_used=row[0], storage_limit=row[1], messages_used=row[2], messages_limit=None)

    def _resolve(self, name: str) -> FolderRow:
        wanted = canonical(name)
        with statements() as cursor:
            cursor.execute(
                f"SELECT id, opaque_id, {self._uidvalidity} FROM mailhost_folder WHERE mailbox_id = %s AND name = %s",
                [self._mailbox, wanted],
            )
            row = cursor.fetchone()
        if row is None:
            raise NoSuchFolder("There is no such folder")
        return FolderRow(row[0], wanted, row[1], row[2])

    async def open(self, name: str) -> DatabaseFolder:
        with imap_answers():
            row = await self._shop.readers.run(self._resolve, name)
        view = self._view
        index = None
        if isinstance(view, SessionView) and view.identity is not None:
            index = Index(self._shop, view, view.identity, row.row_id, row.opaque_id, row.uidvalidity, self._openers)
        return DatabaseFolder(self._shop, view, row, self._resolve, index, self._arrived, self._ended)

    # -- changing --------------------------------------------------------------------------------------------

    async def create(self, name: str, special_use: str | None = None) -> FolderInfo:
        wanted = canonical(name)
        await self._change(partial(self._create, name=wanted, special_use=special_use or ""))
        return await self.folder(wanted)

    def _create(self, cursor: Cursor, name: str, special_use: str) -> int:
        have = self._names(cursor)
        if name in have:
            raise FolderExists("There is a folder of this name already")
        if special_use and special_use.lower() in {use.lower() for _, use in have.values()}:
            raise CannotDo("Another folder has this special use already", code="USEATTR")
        missing = missing_levels(name, have)
        if len(have) + len(missing) > MAX_FOLDERS:
            raise TooMany(f"An account holds at most {MAX_FOLDERS} folders")
        made = 0
        for each in missing:
            made = make_folder(cursor, self._mailbox, each, special_use if each == name else "")
            self._subscribe(cursor, each)
        return made

    def _names(self, cursor: Cursor) -> dict[str, tuple[int, str]]:
        # The mailbox row is locked, so that two clients cannot make the same folder at once.
        cursor.execute("UPDATE mailhost_mailbox SET uidvalidity_next = uidvalidity_next WHERE id = %s", [self._mailbox])
        cursor.execute("SELECT name, id, special_use FROM mailhost_folder WHERE mailbox_id = %s", [self._mailbox])
        return {row[0]: (row[1], row[2]) for row in cursor.fetchall()}

    async def delete(self, name: str, *, now: datetime) -> None:
        wanted = canonical(name)
        if wanted == "INBOX":
            raise CannotDo("INBOX cannot be deleted")
        rest = await self._change(partial(self._delete, name=wanted, now=now))
        if rest is not None:
            await until_done(self._change, rest, self._ended)

    def _delete(self, cursor: Cursor, name: str, now: datetime) -> Rest | None:
        """Delete it, or its first messages only: then what deletes the rest."""
        have = self._names(cursor)
        if name not in have:
            raise NoSuchFolder("There is no such folder")
        rest = partial(self._delete_found, folder_id=have[name][0], now=now)
        return None if rest(cursor) else rest

    def _delete_found(self, cursor: Cursor, folder_id: int, now: datetime) -> bool:
        """Whether the folder went. Known by its id: between two turns another connection may have given its name away,
        or put a folder below it.
        """
        have = self._names(cursor)
        name = next((name for name, (each, _use) in have.items() if each == folder_id), None)
        if name is None:
            return True
        if any(other.startswith(name + "/") for other in have):
            raise CannotDo("The folder has folders below it; delete those first", code="HASCHILDREN")
        return changing.remove_folder(cursor, folder_id, now)

    async def rename(self, old: str, new: str, *, now: datetime) -> None:
        rest = await self._change(partial(self._rename, old=canonical(old), new=canonical(new), now=now))
        if rest is not None:
            try:
                await until_done(self._change, rest, self._ended)
            except TryLater:
                raise TryLater("Only a part of INBOX was moved: move the rest into the new folder") from None

    def _rename(self, cursor: Cursor, old: str, new: str, now: datetime) -> Rest | None:
        """Rename it; where messages are still to be moved, what moves the rest."""
        have = self._names(cursor)
        if old not in have:
            raise NoSuchFolder("There is no such folder")
        if new in have:
            raise FolderExists(_TAKEN_FOR_INBOX if old == "INBOX" else "There is a folder of the new name already")
        if new.startswith(old + "/"):
            raise CannotDo("A folder cannot be moved below itself")
        if old == "INBOX":
            # RFC 9051 §6.3.6: INBOX stays, its messages go; what arrives meanwhile stays too.
            inbox, made = have[old][0], self._create(cursor, new, "")
            rest = partial(
                changing.empty_into, source=inbox, target=made, below=changing.uidnext(cursor, inbox), now=now
            )
            return None if rest(cursor) else rest
        parent = new.rpartition("/")[0]
        if parent and parent not in have:
            self._create(cursor, parent, "")
        moved = {each: new + each[len(old) :] for each in have if each == old or each.startswith(old + "/")}
        for each, target in moved.items():
            # UIDVALIDITY stays: the messages and their UIDs are the same (RFC 9051 §2.3.1.1).
            cursor.execute("UPDATE mailhost_folder SET name = %s WHERE id = %s", [target, have[each][0]])
            cursor.execute(
                "DELETE FROM mailhost_subscription WHERE mailbox_id = %s AND name = %s", [self._mailbox, each]
            )
            if cursor.rowcount:
                self._subscribe(cursor, target)
        return None

    async def subscribe(self, name: str, *, on: bool) -> None:
        wanted = canonical(name)
        await self._change(partial(self._subscribe, name=wanted) if on else partial(self._unsubscribe, name=wanted))

    def _subscribe(self, cursor: Cursor, name: str) -> None:
        cursor.execute("SELECT COUNT(*) FROM mailhost_subscription WHERE mailbox_id = %s", [self._mailbox])
        if cursor.fetchone()[0] >= 2 * MAX_FOLDERS:
            raise TooMany(f"An account holds at most {2 * MAX_FOLDERS} subscriptions")
        cursor.execute(
            "INSERT INTO mailhost_subscription (mailbox_id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [self._mailbox, name],
        )

    def _unsubscribe(self, cursor: Cursor, name: str) -> None:
        cursor.execute("DELETE FROM mailhost_subscription WHERE mailbox_id = %s AND name = %s", [self._mailbox, name])

    async def metadata(self) -> Mapping[str, Mapping[str, bytes]]:
        with imap_answers():
            return await self._shop.readers.run(notes.everything, self._mailbox)

    async def set_metadata(self, name: str, changes: Mapping[str, bytes | None]) -> None:
        await self._change(partial(self._annotate, name=canonical(name) if name else "", changes=changes))

    def _annotate(self, cursor: Cursor, name: str, changes: Mapping[str, bytes | None]) -> None:
        have = self._names(cursor)
        if name and name not in have:
            raise NoSuchFolder("There is no such folder")
        notes.change(cursor, self._mailbox, have[name][0] if name else None, changes)

    async def append(
        self, name: str, messages: Sequence[NewMessage], *, now: datetime, claim_recent: bool = False
    ) -> tuple[int, list[int]]:
        async def commit(placements: Sequence[Placement]) -> Sequence[Placed]:
            claimed = [replace(each, claim_recent=True) for each in placements] if claim_recent else placements
            return await self._shop.writer.place(claimed)

        folder, placed = await self.store(name, messages, commit, now)
        if claim_recent:
            arrived = self._arrived.setdefault(folder.row_id, [])
            arrived += [(each.uid, each.flags, each.modseq) for each in placed]
        return folder.uidvalidity, [each.uid for each in placed]

    async def replace(
        self, folder_id: str, uid: int, name: str, message: NewMessage, *, now: datetime
    ) -> tuple[int, int]:
        async def commit(placements: Sequence[Placement]) -> Sequence[Placed]:
            work = partial(
                changing.replace,
                mailbox_id=self._mailbox,
                folder=folder_id,
                uid=uid,
                placement=placements[0],
                today=now,
            )
            return [await self._shop.writer.change(work)]

        folder, placed = await self.store(name, [message], commit, now)
        return folder.uidvalidity, placed[0].uid

    async def store(
        self, name: str, messages: Sequence[NewMessage], commit: Commit, now: datetime
    ) -> tuple[FolderRow, Sequence[Placed]]:
        """Seal the messages and commit them to the folder, once more where what is remembered was out of date."""
        with imap_answers():
            for last_try in (False, True):
                folder = await self._target(name, fresh=last_try)
                placements = [
                    await place_payload(self._shop.blobs, await self._placement(message, folder, now, again=last_try))
                    for message in messages
                ]
                try:
                    placed = await commit(placements)
                    break
                except (KeyChanged, NoSuchTarget):
                    # What was remembered since LOGIN is out of date: the key was rotated, the folder made anew.
                    if last_try:
                        raise
        self._shop.changes.poke()
        return folder, placed

    async def _target(self, name: str, *, fresh: bool) -> FolderRow:
        """The folder of an APPEND, remembered because programs append to the same one again and again."""
        known = self._targets.get(name)
        if known is not None and not fresh:
            return known
        try:
            found = await self._shop.readers.run(self._resolve, name)
        except NoSuchFolder:
            raise NoSuchFolder("There is no such folder", code="TRYCREATE") from None
        if len(self._targets) >= MAX_FOLDERS:
            self._targets.clear()
        self._targets[name] = found
        return found

    async def _placement(self, message: NewMessage, folder: FolderRow, now: datetime, *, again: bool) -> Placement:
        moment = message.internaldate or now
        version: int | None = None
        if isinstance(self._view, SealedView):
            sealed = self._view.unwrap(message.content)
        else:
            sealed, version = await self._seal(message.content, moment, again=again)
        return Placement(
            mailbox_id=self._mailbox,
            key_version=version,
            opaque_id=secrets.token_hex(16),
            header=sealed.header,
            payload=sealed.payload,
            payload_size=len(sealed.payload),
            arrived=moment,
            saved=now,
            folder_id=folder.row_id,
            folder=folder.name,
            flags=message.flags,
        )

    async def _change[T](self, work: Callable[..., T]) -> T:
        with imap_answers():
            return await self._shop.writer.change(work)

    def _ended(self) -> bool:
        return self._closed

    async def close(self) -> None:
        self._closed = True
        self._view.close()
