"""The client's picture of the selected mailbox, and what may be told about it when.

A client counts messages by sequence number, so its picture must change exactly when it is told: a message
that another session expunged keeps its number here until an EXPUNGE may be sent (RFC 9051 §7.5.1: not while
FETCH, STORE or SEARCH with sequence numbers is answered, never between commands). New messages may be told
with any command.

The picture is three parallel arrays by ascending UID: UIDs, flag words (layout of `store`; bit 63 is \\Recent,
which only this session has) and modseqs. `refresh` brings what the store knows into the picture; `tell` turns
what the client does not know yet into untagged responses.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator

from mailhost.imap.sequence import IndexRanges, format_set, from_indexes
from mailhost.imap.store import KEYWORD_SHIFT, SEEN, SYSTEM_FLAGS, Folder, Rests, Snapshot

RECENT = 1 << 63
FLAGS_MASK = RECENT - 1
# Where the octet with \\Recent is in a word, and a table that keeps of an octet only whether its highest bit is set.
_HIGHEST = 7 if sys.byteorder == "little" else 0
_HIGHEST_BIT = bytes(128) + b"\1" * 128
# Rendered flag lists kept; a folder rarely has a hundred different ones.
MAX_TEXTS = 4096
# EXPUNGE or FETCH lines in one piece of output.
LINES = 4096
# A picture smaller than this many messages is not worth packing while the client idles.
PACK_FROM = 256


class Selected:
    """A selected folder as one client sees it."""

    __slots__ = (
        "_dirty",
        "_first_new",
        "_gone",
        "_packed",
        "_rest",
        "_texts",
        "_told_keywords",
        "_untold",
        "_unwatch",
        "flags",
        "folder",
        "highestmodseq",
        "keywords",
        "knows_recent",
        "modseqs",
        "own",
        "read_only",
        "stale",
        "uidnext",
        "uidonly",
        "uids",
        "uidvalidity",
    )

    def __init__(self, folder: Folder, snapshot: Snapshot, *, read_only: bool) -> None:
        self.folder = folder
        self.read_only = read_only
        self.uids = snapshot.uids
        self.flags = snapshot.flags
        self.modseqs = snapshot.modseqs
        self.keywords = snapshot.keywords
        self.uidvalidity = snapshot.uidvalidity
        self.uidnext = snapshot.uidnext
        self.highestmodseq = snapshot.highestmodseq
        for index in range(bisect_left(self.uids, snapshot.recent_from), len(self.uids)):
            self.flags[index] |= RECENT
        self.stale = False
        self.knows_recent = True  # IMAP4rev2 does not (RFC 9051 appendix E)
        self.uidonly = False  # RFC 9586: the client counts no sequence numbers
        self._told_keywords = self.keywords
        self._texts: dict[int, bytes] = {}
        self._gone: set[int] = set()  # expunged by someone, not told
        self._dirty: set[int] = set()  # flags or modseq changed, not told
        self._untold = 0  # the first UID that arrived and was not told
        self._first_new = 0  # the first UID that was told as new and not yet looked at by `take_new`
        self.own: set[int] = set()  # UIDs that this client put here itself
        self._packed: tuple[bytes, bytes, bytes] | None = None
        self._unwatch: Callable[[], None] | None = None
        self._rest = folder.rest if isinstance(folder, Rests) else None

    @classmethod
    async def select(cls, folder: Folder, *, read_only: bool) -> Selected:
        """Take a snapshot; \\Recent is claimed only by a session that may change the folder."""
        return cls(folder, await folder.snapshot(claim_recent=not read_only), read_only=read_only)

    def watch(self, wake: Callable[[], None]) -> None:
        """Notice changes by others: mark the picture stale and call `wake`."""

        def changed() -> None:
            self.stale = True
            wake()

        self._unwatch = self.folder.watch(changed)

    async def close(self) -> None:
        """Forget the folder."""
        if self._unwatch is not None:
            self._unwatch()
        await self.folder.close()

    # What the picture says

    @property
    def exists(self) -> int:
        """Messages as the client counts them."""
        return len(self.uids)

    @property
    def recent(self) -> int:
        """Messages that are \\Recent in this session."""
        # Half a million words are looked through when one message arrives: by their highest octets, not one by one.
        return self.flags.tobytes()[_HIGHEST::8].translate(_HIGHEST_BIT).count(1)

    def first_unseen(self) -> int:
        """Sequence number of the first message without \\Seen, 0 if there is none."""
        for index, word in enumerate(self.flags):
            if not word & SEEN:
                return index + 1
        return 0

    def index_of(self, uid: int) -> int | None:
        """Where a UID is in the picture."""
        index = bisect_left(self.uids, uid)
        return index if index < len(self.uids) and self.uids[index] == uid else None

    def uids_of(self, ranges: IndexRanges) -> array[int]:
        """UIDs of index ranges."""
        found = array("I")
        for start, stop in ranges:
            found += self.uids[start:stop]
        return found

    def flag_bit(self, name: str) -> int:
        """The bit of a flag; 0 for a keyword that no message has."""
        folded = name.lower()
        if folded == "\\recent":
            return RECENT
        for shift, known in enumerate((*SYSTEM_FLAGS, *self.keywords)):
            if known.lower() == folded:
                return 1 << shift
        return 0

    def flag_word(self, names: Iterable[str]) -> int:
        """The bits of several flags."""
        word = 0
        for name in names:
            word |= self.flag_bit(name)
        return word

    def flag_text(self, word: int) -> bytes:
        """The flags of a word as they stand in FLAGS ()."""
        text = self._texts.get(word)
        if text is None:
            names = [name for shift, name in enumerate(SYSTEM_FLAGS) if word >> shift & 1]
            shifted = (word & FLAGS_MASK) >> KEYWORD_SHIFT
            names += [name for shift, name in enumerate(self.keywords) if shifted >> shift & 1]
            if word >= RECENT:
                names.append("\\Recent")
            text = " ".join(names).encode("ascii", "replace")
            if len(self._texts) >= MAX_TEXTS:
                self._texts.clear()
            self._texts[word] = text
        return text

    def without_recent(self) -> None:
        """Drop \\Recent from the picture, for good."""
        self.knows_recent = False
        for index, word in enumerate(self.flags):
            if word >= RECENT:
                self.flags[index] = word & FLAGS_MASK

    def flags_response(self) -> bytes:
        """`* FLAGS (…)`."""
        return b"* FLAGS (%b)\r\n" % " ".join((*SYSTEM_FLAGS, *self.keywords)).encode("ascii", "replace")

    # What happened since

    async def refresh(self) -> None:
        """Bring everything after the last known modseq into the picture; the client is not told yet.

        Others get a turn between slices: somebody may have flagged half a million messages at once.
        """
        self.stale = False
        claim = not self.read_only
        changes = await self.folder.changes(self.highestmodseq, claim_recent=claim)
        self.unpack()
        if changes.keywords != self.keywords:
            self.keywords = changes.keywords
            self._texts.clear()
        for start in range(0, len(changes.changed), LINES):
            for uid, word, modseq in changes.changed[start : start + LINES]:
                self._change(uid, word, modseq, changes.recent_from)
            await asyncio.sleep(0)
        for first, last in changes.vanished:
            self._gone.update(self.uids[bisect_left(self.uids, first) : bisect_right(self.uids, last)])
        self.uidnext = max(self.uidnext, changes.uidnext)
        self.highestmodseq = max(self.highestmodseq, changes.highestmodseq)

    def _change(self, uid: int, word: int, modseq: int, recent_from: int) -> None:
        if not self.uids or uid > self.uids[-1]:
            if uid < self.uidnext:
                return  # it came and went before this client could hear of it
            self.uids.append(uid)
            # RFC 3501 §2.3.2: what this session put here itself it may call recent whoever else was told.
            recent = self.knows_recent and (uid >= recent_from or uid in self.own)
            self.flags.append(word | RECENT if recent else word)
            self.modseqs.append(modseq)
            self._untold = self._untold or uid
            self._first_new = self._first_new or uid
            return
        index = self.index_of(uid)
        if index is None or self.modseqs[index] == modseq:
            return
        old = self.flags[index]
        self.flags[index] = word | (old & RECENT)
        self.modseqs[index] = modseq
        self._dirty.add(uid)

    def stored(self, changed: Iterable[tuple[int, int, int]], keywords: tuple[str, ...]) -> None:
        """The outcome of this session's own STORE: known, so not told again by `tell`."""
        if keywords != self.keywords:
            self.keywords = keywords
            self._texts.clear()
        newest = self.highestmodseq
        for uid, word, modseq in changed:
            index = self.index_of(uid)
            newest = max(newest, modseq)
            if index is not None:
                self.flags[index] = word | (self.flags[index] & RECENT)
                self.modseqs[index] = modseq
        if newest == self.highestmodseq + 1:
            # Nobody else changed anything in between, so there is nothing to ask the store about.
            self.highestmodseq = newest

    def mark_dirty(self, uids: Iterable[int]) -> None:
        """Tell these messages' flags at the next opportunity."""
        self._dirty.update(uids)

    def forget_dirty(self, uids: Iterable[int]) -> None:
        """The client has just been told these messages' flags."""
        if self._dirty:
            self._dirty.difference_update(uids)

    # What is told

    def tell(self, *, expunges: bool, vanished: bool, modseq: bool, uid: bool, flags: bool = True) -> Iterator[bytes]:
        """Untagged responses for what the client does not know yet, in pieces of bounded size.

        `expunges`: sequence numbers may change now; `vanished`: QRESYNC or UIDONLY is on; `modseq`: CONDSTORE
        is on; `uid`: FETCH responses name the UID; `flags`: changed flags are told and not just noted.
        """
        self.unpack()
        yield from self.tell_keywords()
        if expunges and self._gone:
            if self._untold and max(self._gone) >= self._untold:
                # What came and went since is still counted here, so the client has to count it as well.
                yield from self._tell_exists()
            yield from self._tell_expunged(vanished=vanished)
        if self._untold:
            yield from self._tell_exists()
        if not flags:
            self._dirty = set()
        if self._dirty:
            yield from self._tell_flags(modseq=modseq, uid=uid or vanished)

    def _tell_exists(self) -> Iterator[bytes]:
        self._untold = 0
        yield b"* %d EXISTS\r\n" % self.exists
        if self.knows_recent:
            yield b"* %d RECENT\r\n" % self.recent

    def tell_keywords(self) -> Iterator[bytes]:
        """New keywords, which have to be known before the first message that has them."""
        if self._told_keywords != self.keywords:
            self._told_keywords = self.keywords
            yield self.flags_response()
            if not self.read_only:
                yield self.permanent_flags()

    def take_new(self) -> IndexRanges:
        """Messages told as new since the last call that this client did not put here itself."""
        first, self._first_new = self._first_new, 0
        own, self.own = self.own, set()
        if not first:
            return []
        start = bisect_left(self.uids, first)
        return from_indexes(index for index in range(start, len(self.uids)) if self.uids[index] not in own)

    def permanent_flags(self) -> bytes:
        """`* OK [PERMANENTFLAGS …]` (RFC 9051 §7.1): new keywords can be made unless read-only."""
        if self.read_only:
            return b"* OK [PERMANENTFLAGS ()] Read-only mailbox\r\n"
        names = " ".join((*SYSTEM_FLAGS, *self.keywords, "\\*")).encode("ascii", "replace")
        return b"* OK [PERMANENTFLAGS (%b)] Flags and new keywords are kept\r\n" % names

    def _tell_expunged(self, *, vanished: bool) -> Iterator[bytes]:
        gone = sorted(self._gone)
        indexes = [index for uid in gone if (index := self.index_of(uid)) is not None]
        self._gone = set()
        self._dirty.difference_update(gone)
        self._remove(indexes)
        if vanished:
            # RFC 7162 §3.2.10: VANISHED replaces EXPUNGE.
            yield b"* VANISHED %b\r\n" % format_set(gone)
            return
        for start in range(0, len(indexes), LINES):
            chunk = enumerate(indexes[start : start + LINES], start)
            # Each EXPUNGE lowers the numbers behind it, so the next one is already one less.
            yield b"".join([b"* %d EXPUNGE\r\n" % (index + 1 - before) for before, index in chunk])

    def _remove(self, indexes: list[int]) -> None:
        for name, kind in (("uids", "I"), ("flags", "Q"), ("modseqs", "Q")):
            old: array[int] = getattr(self, name)
            kept = array(kind)
            position = 0
            for index in indexes:
                kept += old[position:index]
                position = index + 1
            kept += old[position:]
            setattr(self, name, kept)

    def _tell_flags(self, *, modseq: bool, uid: bool) -> Iterator[bytes]:
        dirty = sorted(self._dirty - self._gone)
        self._dirty = set()
        for start in range(0, len(dirty), LINES):
            lines = []
            for number in dirty[start : start + LINES]:
                index = self.index_of(number)
                if index is not None:
                    lines.append(self.flag_line(index, modseq=modseq, uid=uid))
            yield b"".join(lines)

    def flag_line(self, index: int, *, modseq: bool, uid: bool, flags: bool = True) -> bytes:
        """One untagged FETCH with flags, and with UID and MODSEQ where asked."""
        items = []
        if uid and not self.uidonly:
            items.append(b"UID %d" % self.uids[index])
        if flags:
            items.append(b"FLAGS (%b)" % self.flag_text(self.flags[index]))
        if modseq:
            items.append(b"MODSEQ (%d)" % self.modseqs[index])
        if self.uidonly:
            # RFC 9586 §3.3.
            return b"* %d UIDFETCH (%b)\r\n" % (self.uids[index], b" ".join(items))
        return b"* %d FETCH (%b)\r\n" % (index + 1, b" ".join(items))

    # Resting

    def rest(self) -> bool:
        """The client idles: keep little in memory; whether anything was packed."""
        if self._rest is not None:
            self._rest()
        return self.pack()

    def pack(self) -> bool:
        """Shrink the picture while the client idles: the arrays of 10,000 messages from 200 to about 30 KiB."""
        if self._packed is None and len(self.uids) >= PACK_FROM:
            packed = [zlib.compress(column.tobytes(), 1) for column in (self.uids, self.flags, self.modseqs)]
            self._packed = (packed[0], packed[1], packed[2])
            self.uids, self.flags, self.modseqs = array("I"), array("Q"), array("Q")
            self._texts.clear()
            return True
        return False

    def unpack(self) -> None:
        """Undo `pack` before the picture is read."""
        if self._packed is not None:
            uids, flags, modseqs = (zlib.decompress(column) for column in self._packed)
            self._packed = None
            self.uids, self.flags, self.modseqs = array("I", uids), array("Q", flags), array("Q", modseqs)
