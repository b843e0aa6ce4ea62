"""NOTIFY: news of mailboxes that are not selected, without asking (RFC 5465).

A client names mailboxes and events. Changes of messages in them are noticed through the store's watchers and
told as STATUS; new, renamed and subscribed folders and annotations have no watcher and are looked for every
few seconds, for those clients only that asked. What is told of the selected mailbox is decided in
`Conversation.tell`, with the policy kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mailhost.imap.commands_notify import FOLDER_EVENTS, METADATA_EVENTS, SELECTED, Group
from mailhost.imap.names import decode_name, encode_name
from mailhost.imap.store import Account, Folder, FolderInfo, KeepsMetadata, NoSuchFolder, TooMany
from mailhost.message.foldernames import DELIMITER, BadName

# Mailboxes watched for one connection; each costs a look at every change in it.
MAX_WATCHED = 200
# Seconds between two looks at the list of folders.
LOOK = 5.0

type Metadata = Mapping[str, Mapping[str, bytes]]


@dataclass(slots=True)
class Watched:
    """A mailbox under watch, and what the client was last told of it."""

    folder: Folder
    off: Callable[[], None]
    info: FolderInfo
    flags: bool
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """How responses are written for this client."""

    utf8: bool
    condstore: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A group with the names of its mailboxes as the store has them: read once, for they are held against every folder
    at every look.
    """

    kind: str
    events: frozenset[str]
    names: frozenset[str]

    @classmethod
    def of(cls, group: Group) -> Asked:
        return cls(group.kind, group.events, frozenset(map(_name, group.mailboxes)))


def _name(wire: bytes) -> str:
    try:
        return decode_name(wire, utf8=False)
    except BadName:
        return wire.decode("utf-8", "replace")


def _above(name: str) -> Iterator[str]:
    """The folders that a folder lies below."""
    while DELIMITER in name:
        name = name.rpartition(DELIMITER)[0]
        yield name


class Notifier:
    """What one client asked to be told, from NOTIFY SET to the next NOTIFY or the end."""

    def __init__(self, account: Account, groups: tuple[Group, ...], wake: Callable[[], None]) -> None:
        self._account = account
        self._wake = wake
        self._groups = [Asked.of(group) for group in groups if group.kind not in SELECTED]
        self.selected = next((group for group in groups if group.kind in SELECTED), None)
        self._watched: dict[str, Watched] = {}
        self._folders: dict[str, FolderInfo] = {}
        self._metadata: Metadata = {}
        self._next_look = 0.0
        self._looks = any(
            group.kind != "MAILBOXES" or group.events & {*FOLDER_EVENTS, *METADATA_EVENTS} for group in self._groups
        )

    # The selected mailbox

    @property
    def at_once(self) -> bool:
        """The client counts no numbers: EXPUNGE may come at any time (RFC 5465 §6.1.1)."""
        return self.selected is not None and self.selected.kind == "SELECTED"

    @property
    def messages(self) -> bool:
        """Whether anything is told of the selected mailbox at all."""
        return self.selected is not None and "MessageNew" in self.selected.events

    @property
    def flags(self) -> bool:
        """Whether changed flags are told of the selected mailbox."""
        return self.selected is not None and "FlagChange" in self.selected.events

    # The others

    async def start(self) -> list[Watched]:
        """Watch everything that was asked for; what is watched now. Raises TooMany."""
        self._folders = {info.name: info for info in await self._account.folders()}
        if isinstance(self._account, KeepsMetadata):
            self._metadata = await self._account.metadata()
        await self._watch_wanted()
        return list(self._watched.values())

    async def _watch_wanted(self) -> None:
        wanted = {name: events for name in self._folders if (events := self._events(name, "MessageNew"))}
        if len(wanted) > MAX_WATCHED:
            raise TooMany(f"More than {MAX_WATCHED} mailboxes cannot be watched", "NOTIFICATIONOVERFLOW")
        for name, watched in list(self._watched.items()):
            # A folder that was deleted and made anew under its name is another one.
            if name not in wanted or watched.folder.folder_id != self._folders[name].folder_id:
                await self._unwatch(name)
        for name, events in wanted.items():
            if name not in self._watched:
                await self._watch(name, flags="FlagChange" in events)

    async def _watch(self, name: str, *, flags: bool) -> None:
        try:
            folder = await self._account.open(name)
            info = await self._account.folder(name)
        except NoSuchFolder:
            return  # RFC 5465 §3.1: what does not exist is passed over

        def changed() -> None:
            watched.changed = True
            self._wake()

        watched = Watched(folder, lambda: None, info, flags)
        watched.off = folder.watch(changed)
        self._watched[name] = watched

    async def _unwatch(self, name: str) -> None:
        watched = self._watched.pop(name)
        watched.off()
        await watched.folder.close()

    async def close(self) -> None:
        """Watch nothing any more."""
        for name in list(self._watched):
            await self._unwatch(name)

    def _events(self, name: str, needed: str) -> frozenset[str]:
        """The events of the groups that name this mailbox and hold the needed one."""
        groups = [group for group in self._groups if needed in group.events and self._covers(group, name)]
        return frozenset().union(*(group.events for group in groups))

    def _covers(self, group: Asked, name: str) -> bool:
        info = self._folders.get(name)
        if group.kind == "SUBSCRIBED":
            return info is not None and info.subscribed
        if group.kind not in ("SUBTREE", "MAILBOXES"):
            # RFC 5465 §6.3: where mail is filed is the owner's choice, so INBOXES means PERSONAL.
            return True
        return name in group.names or (group.kind == "SUBTREE" and any(above in group.names for above in _above(name)))

    def due(self, now: float) -> bool:
        """Whether it is time to look at the list of folders; then the time of the next look is set."""
        if not self._looks or now < self._next_look:
            return False
        first, self._next_look = not self._next_look, now + LOOK
        return not first

    def changed_names(self, besides: str) -> list[str]:
        """Mailboxes whose messages changed, apart from the selected one."""
        return [name for name, watched in self._watched.items() if watched.changed and name != besides]

    async def news_of(self, name: str, words: Words) -> tuple[FolderInfo, list[str]] | None:
        """What STATUS has to tell of a mailbox (RFC 5465 §5.1 to §5.3); None if nothing."""
        watched = self._watched[name]
        watched.changed = False
        try:
            info = await self._account.folder(name)
        except NoSuchFolder:
            await self._unwatch(name)
            return None
        before, watched.info = watched.info, info
        items = []
        if (info.messages, info.uidnext) != (before.messages, before.uidnext):
            items = ["MESSAGES", "UIDNEXT"]
        if watched.flags and info.unseen != before.unseen:
            items.append("UNSEEN")
        if words.condstore and info.highestmodseq != before.highestmodseq and (items or watched.flags):
            items.append("HIGHESTMODSEQ")
        if items or info.uidvalidity != before.uidvalidity:
            items.append("UIDVALIDITY")
        return (info, items) if items else None

    async def look(self, words: Words) -> list[bytes]:
        """Responses for folders and annotations that changed since the last look."""
        before, self._folders = self._folders, {info.name: info for info in await self._account.folders()}
        told = [*self._names(before, words), *self._subscriptions(before, words)]
        if isinstance(self._account, KeepsMetadata):
            old, self._metadata = self._metadata, await self._account.metadata()
            told += self._annotations(old, words)
        await self._watch_wanted()
        return told

    def _names(self, before: Mapping[str, FolderInfo], words: Words) -> list[bytes]:
        """RFC 5465 §5.4."""
        known = {info.folder_id: name for name, info in before.items()}
        there = {info.folder_id for info in self._folders.values()}
        told = []
        for name, info in self._folders.items():
            old = known.get(info.folder_id)
            if old != name and self._events(name, "MailboxName"):
                extra = b"" if old is None else b' ("OLDNAME" (%b))' % encode_name(old, utf8=words.utf8)
                told.append(_list_line(name, info, words, extra))
        for name, info in before.items():
            if info.folder_id not in there and name not in self._folders and self._events(name, "MailboxName"):
                told.append(_list_line(name, None, words))
        return told

    def _subscriptions(self, before: Mapping[str, FolderInfo], words: Words) -> list[bytes]:
        """RFC 5465 §5.5."""
        return [
            _list_line(name, info, words)
            for name, info in self._folders.items()
            if name in before
            and before[name].subscribed != info.subscribed
            and self._events(name, "SubscriptionChange")
        ]

    def _annotations(self, before: Metadata, words: Words) -> list[bytes]:
        """RFC 5465 §5.6, §5.7: names of changed entries, not their values."""
        told = []
        for name in before.keys() | self._metadata.keys():
            old, new = before.get(name, {}), self._metadata.get(name, {})
            event = "MailboxMetadataChange" if name else "ServerMetadataChange"
            changed = sorted(entry for entry in old.keys() | new.keys() if old.get(entry) != new.get(entry))
            wanted = self._events(name, event) if name else any(event in group.events for group in self._groups)
            if changed and wanted and (not name or name in self._folders):
                entries = b" ".join(entry.encode("ascii") for entry in changed)
                told.append(b"* METADATA %b %b\r\n" % (encode_name(name, utf8=words.utf8), entries))
        return told


def _list_line(name: str, info: FolderInfo | None, words: Words, extra: bytes = b"") -> bytes:
    attributes = []
    if info is None:
        attributes.append(b"\\NonExistent")
    elif info.subscribed:
        attributes.append(b"\\Subscribed")
    if info is not None and info.special_use is not None:
        attributes.append(info.special_use.encode("ascii"))
    return b'* LIST (%b) "/" %b%b\r\n' % (b" ".join(attributes), encode_name(name, utf8=words.utf8), extra)
