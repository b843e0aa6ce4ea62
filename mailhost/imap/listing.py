"""LIST, LIST-EXTENDED, LIST-STATUS and LSUB (RFC 9051 §6.3.9, RFC 3501 §6.3.9).

One query brings every folder of the account; patterns, hierarchy and subscriptions are worked out here. A
name that is no folder but has children, or is subscribed, still has a line where the RFC wants one.

A folder made by CREATE is subscribed at once, for clients that show no others. RFC 9051 §6.3.4 knows nothing
of that, so the connection that made it is told `\\Subscribed` by RETURN (SUBSCRIBED) only once it said so
itself (`Conversation.made`); every other answer and every other connection sees the subscription.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from mailhost.imap.commands_folders import List, Lsub
from mailhost.imap.conversation import Conversation
from mailhost.imap.names import decode_utf7, pattern_matcher
from mailhost.imap.store import FolderInfo, NoSuchFolder
from mailhost.message.foldernames import DELIMITER, BadName

# Characters of names that are matched before others have a turn: a millisecond for an honest pattern, twenty for
# the worst that a line can hold.
TURN = 1000
# Items of STATUS that cost a look at every message, or at every \Deleted one.
SIZES = frozenset({"SIZE", "DELETED-STORAGE"})


def status_line(conv: Conversation, info: FolderInfo, items: Iterable[str]) -> bytes:
    """`* STATUS name (…)` (RFC 9051 §7.3.4)."""
    values = {
        "MESSAGES": b"%d" % info.messages,
        "RECENT": b"%d" % info.recent,
        "UIDNEXT": b"%d" % info.uidnext,
        "UIDVALIDITY": b"%d" % info.uidvalidity,
        "UNSEEN": b"%d" % info.unseen,
        "DELETED": b"%d" % info.deleted,
        "SIZE": b"%d" % info.size,
        "DELETED-STORAGE": b"%d" % info.reclaimable,
        "HIGHESTMODSEQ": b"%d" % info.highestmodseq,
        "APPENDLIMIT": b"%d" % conv.here.view.append_limit,
        "MAILBOXID": b"(%b)" % info.folder_id.encode("ascii"),
    }
    told = b" ".join([b"%b %b" % (item.encode("ascii"), values[item]) for item in items])
    return b"* STATUS %b (%b)\r\n" % (conv.quoted(info.name), told)


@dataclass(frozen=True, slots=True)
class Tree:
    """Folders by name, and names above them that are no folders (None)."""

    names: dict[str, FolderInfo | None]
    with_children: frozenset[str]

    @classmethod
    def of(cls, folders: Iterable[FolderInfo], more: Iterable[str] = ()) -> Tree:
        """The tree of these folders; `more` are names without a folder that still count."""
        names: dict[str, FolderInfo | None] = {info.name: info for info in folders}
        real = frozenset(names)
        for name in more:
            names.setdefault(name, None)
        for name in list(names):
            for parent in parents(name):
                names.setdefault(parent, None)
        with_children = {parent for name in real for parent in parents(name)}
        return cls(names, frozenset(with_children))

    def ordered(self) -> list[str]:
        """INBOX first, the others by name."""
        return sorted(self.names, key=lambda name: (name != "INBOX", name))


def parents(name: str) -> Iterator[str]:
    """Every name above this one."""
    position = name.find(DELIMITER)
    while position > 0:
        yield name[:position]
        position = name.find(DELIMITER, position + 1)


def matcher(conv: Conversation, reference: bytes, patterns: Iterable[bytes]) -> Callable[[str], bool]:
    """A predicate for names. A reference is simply put in front (RFC 9051 §6.3.9). Raises BadName."""
    prefix = _text(conv, reference)
    predicates = [pattern_matcher(prefix + _text(conv, pattern)) for pattern in patterns]
    if len(predicates) == 1:
        return predicates[0]
    return lambda name: any(predicate(name) for predicate in predicates)


async def matching(names: Iterable[str], matches: Callable[[str], bool]) -> frozenset[str]:
    """The names that match; many long names and sixty-four crafted patterns do not keep other connections waiting."""
    found = []
    looked_at = 0
    for name in names:
        if matches(name):
            found.append(name)
        looked_at += len(name)
        if looked_at >= TURN:
            looked_at = 0
            await asyncio.sleep(0)
    return frozenset(found)


def _text(conv: Conversation, wire: bytes) -> str:
    if conv.utf8 or not wire.isascii():
        try:
            return wire.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadName("The pattern is not UTF-8") from error
    try:
        return decode_utf7(wire)
    except BadName:
        # A wildcard inside an encoded run, or a stray "&": match it as it stands, it finds nothing encoded.
        return wire.decode("ascii")


async def list_folders(conv: Conversation, command: List) -> Iterator[bytes]:
    """The lines that answer LIST."""
    if not command.extended and command.patterns == (b"",):
        # RFC 9051 §6.3.9: an empty name asks for the delimiter and the root.
        return iter([b'* LIST (\\Noselect) "%b" ""\r\n' % DELIMITER.encode("ascii")])
    matches = matcher(conv, command.reference, command.patterns)
    folders = await conv.here.folders(counts=bool(command.status))
    subscribed: frozenset[str] = frozenset()
    if "SUBSCRIBED" in command.selection:
        subscribed = frozenset(await conv.here.subscriptions())
    if not SIZES.isdisjoint(command.status):
        # Sizes cost a look at every message: only of folders that the pattern shows.
        shown = await matching((info.name for info in folders), matches)
        folders = [await _sized(conv, info, command.status) if info.name in shown else info for info in folders]
    tree = Tree.of(folders, subscribed)
    return _Lister(conv, command, tree, subscribed, await matching(tree.names, matches)).lines()


async def counted(conv: Conversation, name: str, items: Collection[str]) -> FolderInfo:
    """The folder with what these items of STATUS tell. Raises NoSuchFolder."""
    return await conv.here.folder(name, sizes="SIZE" in items, reclaimable="DELETED-STORAGE" in items)


async def _sized(conv: Conversation, info: FolderInfo, items: Collection[str]) -> FolderInfo:
    try:
        return await counted(conv, info.name, items)
    except NoSuchFolder:
        return info  # deleted by another client just now; its line is still true of the moment asked about


@dataclass(frozen=True, slots=True)
class _Lister:
    conv: Conversation
    command: List
    tree: Tree
    subscribed: frozenset[str]
    matching: frozenset[str]

    def lines(self) -> Iterator[bytes]:
        inherited = self.child_info()
        for name in self.tree.ordered():
            if name not in self.matching:
                continue
            chosen = self.chosen(name)
            if not chosen and name not in inherited:
                continue
            yield self.line(name, child_info=inherited.get(name, frozenset()))
            info = self.tree.names[name]
            # RFC 5819 §2: STATUS follows the LIST of each mailbox that can be selected.
            if info is not None and self.command.status:
                yield status_line(self.conv, info, self.command.status)

    def chosen(self, name: str) -> bool:
        """The selection options of RFC 5258 §3.1 and RFC 6154 §2."""
        selection = self.command.selection
        if "SUBSCRIBED" in selection and name not in self.subscribed:
            return False
        info = self.tree.names[name]
        if "SPECIAL-USE" in selection:
            return info is not None and info.special_use is not None
        return True

    def child_info(self) -> dict[str, frozenset[str]]:
        """RFC 5258 §3.5: names with a chosen descendant that the pattern itself would not show."""
        if "RECURSIVEMATCH" not in self.command.selection:
            return {}
        criteria = self.command.selection & {"SUBSCRIBED", "SPECIAL-USE"}
        return {
            parent: criteria
            for name in self.tree.names
            if self.chosen(name) and name not in self.matching
            for parent in parents(name)
        }

    def line(self, name: str, *, child_info: frozenset[str]) -> bytes:
        info = self.tree.names[name]
        attributes = []
        if info is None:
            # RFC 9051 §7.3.1: \\NonExistent implies \\Noselect, which is all that RFC 3501 clients know.
            attributes.append(b"\\NonExistent" if self.command.extended or self.conv.rev2 else b"\\Noselect")
        attributes.append(b"\\HasChildren" if name in self.tree.with_children else b"\\HasNoChildren")
        if self.told_subscribed(name, info):
            attributes.append(b"\\Subscribed")
        if info is not None and info.special_use is not None:
            attributes.append(info.special_use.encode("ascii"))
        extra = b""
        if child_info:
            criteria = b" ".join(b'"%b"' % item.encode("ascii") for item in sorted(child_info))
            extra = b' ("CHILDINFO" (%b))' % criteria
        return b'* LIST (%b) "/" %b%b\r\n' % (b" ".join(attributes), self.conv.quoted(name), extra)

    def told_subscribed(self, name: str, info: FolderInfo | None) -> bool:
        if "SUBSCRIBED" in self.command.selection:
            return name in self.subscribed
        if "SUBSCRIBED" not in self.command.returns or info is None:
            return False
        return info.subscribed and name not in self.conv.made


async def lsub_folders(conv: Conversation, command: Lsub) -> Iterator[bytes]:
    """The lines that answer LSUB (RFC 3501 §6.3.9)."""
    matches = matcher(conv, command.reference, (command.pattern,))
    subscribed = set(await conv.here.subscriptions())
    existing = {info.name for info in await conv.here.folders()}
    matched = await matching(subscribed.union(*map(parents, subscribed)), matches)
    found = {name: name in existing for name in subscribed & matched}
    if b"%" in command.pattern:
        # A subscribed child that % does not reach is told by the parent that it does reach, \\Noselect.
        for name in subscribed:
            for parent in parents(name):
                if parent not in subscribed and parent in matched:
                    found[parent] = False
    ordered = sorted(found, key=lambda name: (name != "INBOX", name))
    return (b'* LSUB (%b) "/" %b\r\n' % (b"" if found[name] else b"\\Noselect", conv.quoted(name)) for name in ordered)
