"""The mail store in memory: the fake that every test of the engine runs on.

It keeps the promises of `mailhost.imap.store`, checked by the contract tests that the database's store must
pass as well. One `MemoryStore` holds the mailboxes of several people; each login gets its own `Account`, so two
connections of one person see each other's changes as they would through a database.
"""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailhost.imap.sequence import from_indexes
from mailhost.imap.store import (
    DELETED,
    MAX_KEYWORDS,
    MAX_METADATA_ENTRIES,
    MAX_METADATA_OCTETS,
    SEEN,
    SYSTEM_FLAGS,
    CannotDo,
    Changes,
    Copied,
    Damaged,
    FlagOp,
    FolderExists,
    FolderInfo,
    LoginRefused,
    MetaValues,
    NewMessage,
    NoSuchFolder,
    NoSuchMessage,
    OverQuota,
    Quota,
    Runs,
    Snapshot,
    StoreResult,
    TooMany,
    View,
)
from mailhost.message.bodystructure import render
from mailhost.message.envelope import envelope
from mailhost.message.foldernames import DELIMITER
from mailhost.message.preview import preview
from mailhost.message.structure import scan

APPEND_LIMIT = 50 * 1024 * 1024
DEFAULT_FOLDERS = (
    ("INBOX", None),
    ("Archive", "\\Archive"),
    ("Drafts", "\\Drafts"),
    ("Junk", "\\Junk"),
    ("Sent", "\\Sent"),
    ("Trash", "\\Trash"),
)


@dataclass(slots=True)
class Stored:
    """One message; a COPY shares content and meta."""

    meta: MetaValues
    content: bytes
    flags: int
    modseq: int
    damaged: bool = False


@dataclass(slots=True)
class Box:
    """A folder's rows."""

    name: str
    folder_id: str
    uidvalidity: int
    special_use: str | None
    subscribed: bool = True
    messages: dict[int, Stored] = field(default_factory=dict)
    vanished: list[tuple[int, int]] = field(default_factory=list)  # (modseq, uid)
    keywords: tuple[str, ...] = ()
    uidnext: int = 1
    highestmodseq: int = 1
    recent_from: int = 1
    watchers: list[Callable[[], None]] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)
    gone: bool = False

    def bump(self) -> int:
        """A new modseq; whoever watches is told soon."""
        self.highestmodseq += 1
        for notify in self.watchers:
            asyncio.get_running_loop().call_soon(notify)
        return self.highestmodseq

    def word(self, flags: Iterable[str]) -> int:
        """The flag word of these flags; unknown keywords are created."""
        word = 0
        for flag in flags:
            known = [name.lower() for name in (*SYSTEM_FLAGS, *self.keywords)]
            if flag.lower() not in known:
                if len(self.keywords) >= MAX_KEYWORDS:
                    raise TooMany("The folder has too many keywords")
                self.keywords = (*self.keywords, flag)
                known.append(flag.lower())
            word |= 1 << known.index(flag.lower())
        return word

    def names(self, word: int) -> list[str]:
        """The flags of a word."""
        return [name for bit, name in enumerate((*SYSTEM_FLAGS, *self.keywords)) if word >> bit & 1]

    def add(self, stored: Stored, flags: Iterable[str]) -> int:
        """A new message's UID."""
        word = self.word(flags)
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        meta = stored.meta
        self.messages[uid] = Stored(replace(meta, uid=uid), stored.content, word, self.bump(), stored.damaged)
        return uid

    def remove(self, uids: Sequence[int]) -> None:
        """Expunge."""
        if uids:
            modseq = self.bump()
            for uid in uids:
                del self.messages[uid]
                self.vanished.append((modseq, uid))


@dataclass(slots=True)
class Mailbox:
    """One person's folders."""

    boxes: dict[str, Box]
    view: View
    subscriptions: set[str]
    storage_limit: int | None = None
    messages_limit: int | None = None
    metadata: dict[str, bytes] = field(default_factory=dict)  # of the account itself

    @property
    def used(self) -> int:
        """Octets of all messages."""
        return sum(len(m.content) for box in self.boxes.values() for m in box.messages.values())

    @property
    def count(self) -> int:
        """All messages."""
        return sum(len(box.messages) for box in self.boxes.values())


class MemoryStore:
    """`Accounts`: people with passwords and mailboxes."""

    def __init__(self) -> None:
        self._people: dict[str, tuple[str, Mailbox]] = {}
        self._ids = self.logins = 0
        self.ended: set[int] = set()

    def next_id(self, kind: str) -> str:
        """An identifier never used before."""
        self._ids += 1
        return f"{kind}{self._ids}"

    def add_person(
        self,
        username: str,
        password: str,
        *,
        view: View | None = None,
        storage_limit: int | None = None,
        messages_limit: int | None = None,
    ) -> Mailbox:
        """A person with the default folders."""
        mailbox = Mailbox({}, view or View(can_read=True, name="session", append_limit=APPEND_LIMIT), set())
        mailbox.storage_limit, mailbox.messages_limit = storage_limit, messages_limit
        for name, use in DEFAULT_FOLDERS:
            self.make_box(mailbox, name, use)
        self._people[username] = (password, mailbox)
        return mailbox

    def make_box(self, mailbox: Mailbox, name: str, use: str | None = None) -> Box:
        """A folder, subscribed."""
        self._ids += 1
        box = Box(name, f"F{self._ids}", 1_000_000 + self._ids, use)
        mailbox.boxes[name] = box
        mailbox.subscriptions.add(name)
        return box

    def put(self, mailbox: Mailbox, name: str, content: bytes, *, now: datetime, flags: Sequence[str] = ()) -> int:
        """A message arrives; its UID."""
        return mailbox.boxes[name].add(self.make_message(content, now, now), flags)

    def make_message(self, content: bytes, internaldate: datetime, savedate: datetime) -> Stored:
        """Content with everything FETCH wants ready."""
        root = scan(content)
        rendered = render(root)
        meta = MetaValues(
            uid=0,
            email_id=self.next_id("M"),
            internaldate=internaldate.replace(microsecond=0),
            savedate=savedate.replace(microsecond=0),
            size=len(content),
            envelope=envelope(root.headers),
            body=rendered.body,
            bodystructure=rendered.bodystructure,
            preview=preview(content, root),
        )
        return Stored(meta, content, 0, 0)

    async def login(self, username: str, password: str, *, source: str) -> MemoryAccount:
        """Raises LoginRefused."""
        expected, mailbox = self._people.get(username, ("", None))
        if mailbox is None or password != expected:
            raise LoginRefused("Wrong user name or password")
        self.logins += 1
        return MemoryAccount(self, mailbox, username.rpartition("@")[2])

    async def still_good(self, login_ids: Collection[int]) -> Collection[int]:
        return set(login_ids) - self.ended


class MemoryAccount:
    """`Account`."""

    def __init__(self, store: MemoryStore, mailbox: Mailbox, tenant: str) -> None:
        self._store, self.tenant, self.login_id = store, tenant, store.logins
        self.mailbox, self.view, self.closed = mailbox, mailbox.view, False

    def box(self, name: str) -> Box:
        """Raises NoSuchFolder."""
        if (box := self.mailbox.boxes.get(name)) is None:
            raise NoSuchFolder("There is no such folder")
        return box

    def _info(self, box: Box) -> FolderInfo:
        flags = [message.flags for message in box.messages.values()]
        return FolderInfo(
            name=box.name,
            folder_id=box.folder_id,
            special_use=box.special_use,
            subscribed=box.name in self.mailbox.subscriptions,
            uidvalidity=box.uidvalidity,
            uidnext=box.uidnext,
            highestmodseq=box.highestmodseq,
            messages=len(flags),
            unseen=sum(not word & SEEN for word in flags),
            deleted=sum(bool(word & DELETED) for word in flags),
            recent=sum(uid >= box.recent_from for uid in box.messages),
            size=sum(message.meta.size for message in box.messages.values()),
            reclaimable=sum(len(message.content) for message in box.messages.values() if message.flags & DELETED),
        )

    async def folders(self, *, counts: bool = False) -> Sequence[FolderInfo]:
        return [self._info(b) for b in sorted(self.mailbox.boxes.values(), key=lambda b: (b.name != "INBOX", b.name))]

    async def folder(self, name: str, *, sizes: bool = False, reclaimable: bool = False) -> FolderInfo:
        info = self._info(self.box(name))
        return replace(info, size=info.size if sizes else 0, reclaimable=info.reclaimable if reclaimable else 0)

    async def subscriptions(self) -> Sequence[str]:
        return sorted(self.mailbox.subscriptions)

    async def create(self, name: str, special_use: str | None = None) -> FolderInfo:
        if name in self.mailbox.boxes:
            raise FolderExists("There is such a folder already")
        self._make_parents(name)
        return self._info(self._store.make_box(self.mailbox, name, special_use))

    def _make_parents(self, name: str) -> None:
        levels = name.split(DELIMITER)
        for depth in range(1, len(levels)):
            parent = DELIMITER.join(levels[:depth])
            if parent not in self.mailbox.boxes:
                self._store.make_box(self.mailbox, parent)

    async def delete(self, name: str, *, now: datetime) -> None:
        if name == "INBOX":
            raise CannotDo("INBOX cannot be deleted")
        box = self.box(name)
        if any(other.startswith(name + DELIMITER) for other in self.mailbox.boxes):
            raise CannotDo("The folder has folders below it", code="HASCHILDREN")
        del self.mailbox.boxes[name]
        box.gone = True
        box.bump()

    async def rename(self, old: str, new: str, *, now: datetime) -> None:
        source = self.box(old)
        if new in self.mailbox.boxes:
            raise FolderExists("There is such a folder already")
        if new.startswith(old + DELIMITER) and old != "INBOX":
            raise CannotDo("A folder cannot move below itself")
        if old == "INBOX":
            await self.create(new)
            await MemoryFolder(self, source).move(list(source.messages), new, now=now)
            return
        boxes = self.mailbox.boxes
        for name in [n for n in boxes if n == old or n.startswith(old + DELIMITER)]:
            box = boxes.pop(name)
            box.name = new + name[len(old) :]
            boxes[box.name] = box
            if name in self.mailbox.subscriptions:
                self.mailbox.subscriptions.add(box.name)
        self._make_parents(new)

    async def subscribe(self, name: str, *, on: bool) -> None:
        if on:
            self.mailbox.subscriptions.add(name)
        else:
            self.mailbox.subscriptions.discard(name)

    async def quota(self) -> Quota:
        box = self.mailbox
        return Quota(box.used, box.storage_limit, box.count, box.messages_limit)

    async def open(self, name: str) -> MemoryFolder:
        return MemoryFolder(self, self.box(name))

    def room_for(self, octets: int, count: int) -> None:
        """Raises OverQuota."""
        box = self.mailbox
        too_large = box.storage_limit is not None and box.used + octets > box.storage_limit
        too_many = box.messages_limit is not None and box.count + count > box.messages_limit
        if too_large or too_many:
            raise OverQuota("The mailbox is full")

    async def append(
        self, name: str, messages: Sequence[NewMessage], *, now: datetime, claim_recent: bool = False
    ) -> tuple[int, list[int]]:
        box = self.box(name)
        if self.view.name == "sealed":
            raise CannotDo("This access takes sealed messages only")
        self.room_for(sum(len(m.content) for m in messages), len(messages))
        uids = []
        for message in messages:
            stored = self._store.make_message(bytes(message.content), message.internaldate or now, now)
            uids.append(box.add(stored, message.flags))
        if claim_recent and uids and box.recent_from == uids[0]:
            box.recent_from = box.uidnext
        return box.uidvalidity, uids

    async def replace(
        self, folder_id: str, uid: int, name: str, message: NewMessage, *, now: datetime
    ) -> tuple[int, int]:
        old = next((box for box in self.mailbox.boxes.values() if box.folder_id == folder_id), None)
        box = self.box(name)
        if old is None or uid not in old.messages:
            raise NoSuchMessage("The message to be replaced is gone")
        self.room_for(len(message.content) - len(old.messages[uid].content), 0)
        new = box.add(self._store.make_message(bytes(message.content), message.internaldate or now, now), message.flags)
        old.remove([uid])
        return box.uidvalidity, new

    async def metadata(self) -> dict[str, dict[str, bytes]]:
        boxes = self.mailbox.boxes.items()
        return {"": dict(self.mailbox.metadata)} | {name: dict(box.metadata) for name, box in boxes}

    async def set_metadata(self, name: str, changes: Mapping[str, bytes | None]) -> None:
        entries = self.box(name).metadata if name else self.mailbox.metadata
        new = {entry: value for entry, value in {**entries, **changes}.items() if value is not None}
        holders = [self.mailbox.metadata, *(box.metadata for box in self.mailbox.boxes.values())]
        kept = [each for each in holders if each is not entries]
        octets = sum(len(entry) + len(value) for each in (*kept, new) for entry, value in each.items())
        if sum(map(len, (*kept, new))) > MAX_METADATA_ENTRIES or octets > MAX_METADATA_OCTETS:
            raise TooMany("The account has too many annotations")
        entries.clear()
        entries.update(new)

    async def close(self) -> None:
        self.closed = True


def _unread(meta: MetaValues) -> MetaValues:
    """What a view that cannot read knows."""
    return replace(meta, preview=None, references=None)


class MemoryFolder:
    """`Folder`."""

    def __init__(self, account: MemoryAccount, box: Box) -> None:
        self._account = account
        self.box = box
        self.name = box.name
        self.folder_id = box.folder_id
        self.uidvalidity = box.uidvalidity
        self.closed = False

    def _alive(self) -> Box:
        assert not self.closed, "used after close"
        if self.box.gone:
            raise NoSuchFolder("The folder was deleted")
        return self.box

    def _claim(self, *, claim_recent: bool) -> int:
        recent_from = self.box.recent_from
        if claim_recent:
            self.box.recent_from = self.box.uidnext
        return recent_from

    async def snapshot(self, *, claim_recent: bool) -> Snapshot:
        box = self._alive()
        messages = box.messages
        return Snapshot(
            uids=array("I", messages),
            flags=array("Q", [m.flags for m in messages.values()]),
            modseqs=array("Q", [m.modseq for m in messages.values()]),
            keywords=box.keywords,
            uidvalidity=box.uidvalidity,
            uidnext=box.uidnext,
            highestmodseq=box.highestmodseq,
            recent_from=self._claim(claim_recent=claim_recent),
        )

    async def changes(self, since_modseq: int, *, claim_recent: bool) -> Changes:
        box = self._alive()
        changed = []
        if since_modseq < box.highestmodseq:
            changed = [(uid, m.flags, m.modseq) for uid, m in box.messages.items() if m.modseq > since_modseq]
        return Changes(
            changed=changed,
            vanished=await self.vanished_since(since_modseq),
            keywords=box.keywords,
            uidnext=box.uidnext,
            highestmodseq=box.highestmodseq,
            recent_from=self._claim(claim_recent=claim_recent),
        )

    async def vanished_since(self, modseq: int) -> Runs:
        log = self._alive().vanished
        start = bisect_left(log, (modseq + 1, 0))
        return [(first, stop - 1) for first, stop in from_indexes(sorted(uid for _modseq, uid in log[start:]))]

    async def meta(self, uids: Sequence[int]) -> Sequence[MetaValues | Damaged]:
        messages = self._alive().messages
        found = [messages[uid] for uid in uids if uid in messages]
        view = self._account.view
        return [Damaged(m.meta.uid) if m.damaged else m.meta if view.can_read else _unread(m.meta) for m in found]

    async def contents(self, uids: Sequence[int]) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        messages = self._alive().messages
        for uid in uids:
            message = messages.get(uid)
            if message is not None:
                yield Damaged(uid) if message.damaged else (uid, message.content)

    async def store_flags(
        self,
        uids: Sequence[int],
        op: FlagOp,
        flags: Sequence[str],
        *,
        unchanged_since: int | None,
        now: datetime,
    ) -> StoreResult:
        box = self._alive()
        word = box.word(flags)
        present = [(uid, box.messages[uid]) for uid in uids if uid in box.messages]
        modified = [uid for uid, m in present if unchanged_since is not None and m.modseq > unchanged_since]
        spared = set(modified)
        changed = []
        modseq = 0
        for uid, message in present:
            new = {FlagOp.SET: word, FlagOp.ADD: message.flags | word, FlagOp.REMOVE: message.flags & ~word}[op]
            if uid in spared or new == message.flags:
                continue
            modseq = modseq or box.bump()
            message.flags, message.modseq = new, modseq
            changed.append((uid, new, modseq))
        return StoreResult(changed, modified, box.keywords)

    async def expunge(self, uids: Sequence[int] | None, *, now: datetime) -> tuple[Sequence[int], int]:
        box = self._alive()
        chosen = box.messages if uids is None else uids
        removed = [uid for uid in chosen if uid in box.messages and box.messages[uid].flags & DELETED]
        box.remove(removed)
        return removed, box.highestmodseq

    async def copy(self, uids: Sequence[int], target: str, *, now: datetime) -> Copied:
        box, goal = self._alive(), self._account.box(target)
        present = [(uid, box.messages[uid]) for uid in uids if uid in box.messages]
        self._account.room_for(sum(len(m.content) for _uid, m in present), len(present))
        return Copied(goal.uidvalidity, [(uid, goal.add(m, box.names(m.flags))) for uid, m in present])

    async def move(self, uids: Sequence[int], target: str, *, now: datetime) -> tuple[Copied, int]:
        box, goal = self._alive(), self._account.box(target)
        present = [(uid, box.messages[uid]) for uid in uids if uid in box.messages]
        pairs = [(uid, goal.add(m, box.names(m.flags))) for uid, m in present]
        box.remove([uid for uid, _target in pairs])
        return Copied(goal.uidvalidity, pairs), box.highestmodseq

    def watch(self, notify: Callable[[], None]) -> Callable[[], None]:
        self.box.watchers.append(notify)
        return lambda: self.box.watchers.remove(notify)

    async def close(self) -> None:
        self.closed = True
