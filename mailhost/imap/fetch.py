"""FETCH: from items and a set of messages to responses, a quarter of a megabyte at a time (RFC 9051 §6.4.5).

A request is compiled once into columns: each item gives, for a batch of messages, a list of values, and one
`%` of a template joins a message's values into its response. Items of three prices: from the client's picture
(flags, UIDs, modseqs: no store access), from `Meta` (sizes, dates, envelopes: one query a batch) and from the
content, which the store hands out message by message. Between batches the output drains and other
connections run; no more than one batch, the `Meta` of the next and one message are in memory.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched, chain

from mailhost.imap.conversation import WRITE_CHUNK, Conversation
from mailhost.imap.fetch_items import Binary, Item, Plain, Section
from mailhost.imap.pieces import Opened
from mailhost.imap.selected import Selected
from mailhost.imap.sequence import IndexRanges, batches
from mailhost.imap.store import SEEN, Damaged, FlagOp, Meta, contents_of
from mailhost.imap.tokens import write_date_time
from mailhost.message import section
from mailhost.message.bodystructure import render
from mailhost.message.envelope import envelope
from mailhost.message.imapstrings import string
from mailhost.message.structure import Part, scan
from mailhost.message.transferencoding import UnknownEncoding

# Messages of one batch: about 256 KiB of responses each.
FLAG_BATCH = 4096
META_BATCH = 512
# Messages of such a batch that are rendered before others have their turn, some two milliseconds.
TURN = 128
CONTENT_BATCH = 256
# Messages that are marked \\Seen at a time: so many at most are marked and not read when a connection breaks.
SEEN_BATCH = 64
# A body above this is written as slices of the message itself, never copied into a joined chunk.
LARGE = 64 * 1024

PICTURE = frozenset({"UID", "FLAGS", "MODSEQ"})
META = frozenset(
    {"INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY", "BODYSTRUCTURE", "EMAILID", "THREADID", "SAVEDATE", "PREVIEW"}
)
_RFC822 = {
    "RFC822": section.Section(),
    "RFC822.HEADER": section.Section(what=section.What.HEADER),
    "RFC822.TEXT": section.Section(what=section.What.TEXT),
}
_NUL = re.compile(rb"\x00")
type Piece = bytes | bytearray | memoryview
type Column = Callable[[range], Sequence[int | bytes]]


@dataclass(slots=True)
class Plan:
    """What to fetch, sorted by price. `content` keeps the order of the request."""

    picture: list[str] = field(default_factory=list)
    meta: list[str] = field(default_factory=list)
    content: list[Section | Binary] = field(default_factory=list)
    labels: list[bytes] = field(default_factory=list)  # of content
    sets_seen: bool = False
    in_pieces: bool = False
    heads: bool = False  # all of the content are header fields of the message itself


def plan(items: Sequence[Item], *, uid: bool, modseq: bool) -> Plan:
    """Sort the items; `uid` and `modseq` add what the command implies."""
    result = Plan()
    names = [item.name for item in items if isinstance(item, Plain)]
    if uid and "UID" not in names:
        names.insert(0, "UID")
    if modseq and "MODSEQ" not in names:
        names.append("MODSEQ")
    result.picture = [name for name in names if name in PICTURE]
    result.meta = [name for name in names if name in META]
    for item in items:
        if isinstance(item, Plain):
            if item.name in _RFC822:
                result.content.append(Section(_RFC822[item.name], peek=item.name == "RFC822.HEADER"))
                result.labels.append(item.name.encode("ascii"))
        else:
            result.content.append(item)
            result.labels.append(item.label)
    result.heads = all(isinstance(item, Section) and _is_of_head(item.section) for item in result.content)
    # The beginning of a message must not be kept for the whole.
    result.in_pieces = not result.heads and any(item.partial is not None or _part_of(item) for item in result.content)
    result.sets_seen = any(
        not item.peek if isinstance(item, Section) else not (item.peek or item.size_only) for item in result.content
    )
    return result


def _is_of_head(wanted: section.Section) -> bool:
    return not wanted.part and wanted.what in {section.What.HEADER, section.What.FIELDS, section.What.FIELDS_NOT}


def _part_of(item: Section | Binary) -> tuple[int, ...]:
    return item.section.part if isinstance(item, Section) else item.part


@dataclass(slots=True)
class Fetcher:
    """One running FETCH. `missing` tells afterwards that some messages were gone."""

    conv: Conversation
    selected: Selected
    plan: Plan
    utf8: bool = False
    missing: bool = False
    damaged: bool = False
    unknown_encoding: bool = False
    _ahead: asyncio.Task[list[tuple[int, Meta]]] | None = None

    async def run(self, ranges: IndexRanges) -> None:
        """Write the responses for these messages."""
        if self.plan.meta and not self.plan.content:
            await self._metas(ranges)
            return
        if self.plan.content:
            size, work = SEEN_BATCH if self.plan.sets_seen else CONTENT_BATCH, self._contents
        else:
            size, work = FLAG_BATCH, self._pictures
        for batch in batches(ranges, size):
            if self.plan.sets_seen and not self.selected.read_only:
                await self._set_seen(batch)
            await work(batch)
            await self.conv.out.drain()

    # From the picture

    def _picture_columns(self, indexes: Sequence[int]) -> list[Sequence[int | bytes]]:
        selected = self.selected
        columns: list[Sequence[int | bytes]] = []
        if selected.uidonly:
            columns.append([selected.uids[i] for i in indexes])
        else:
            columns.append([index + 1 for index in indexes])
        for name in self.plan.picture:
            if name == "UID":
                columns.append([selected.uids[i] for i in indexes])
            elif name == "FLAGS":
                words = selected.flags
                texts = {word: selected.flag_text(word) for word in {words[i] for i in indexes}}
                columns.append([texts[words[i]] for i in indexes])
            else:
                modseqs = selected.modseqs
                columns.append([modseqs[i] for i in indexes])
        return columns

    def _head(self) -> bytes:
        """The template of the picture's part: `* n FETCH (UID n FLAGS (…)`; RFC 9586 §3.3 has its own."""
        forms = {"UID": b"UID %d", "FLAGS": b"FLAGS (%b)", "MODSEQ": b"MODSEQ (%d)"}
        start = b"* %d UIDFETCH (" if self.selected.uidonly else b"* %d FETCH ("
        return start + b" ".join([forms[name] for name in self.plan.picture])

    async def _pictures(self, batch: Sequence[int]) -> None:
        template = self._head() + b")\r\n"
        rows = zip(*self._picture_columns(batch), strict=True)
        self.conv.out.write(b"".join([template % row for row in rows]))

    # From Meta

    async def _metas(self, ranges: IndexRanges) -> None:
        try:
            for batch in chain(batches(ranges, META_BATCH), [None]):
                before = await self._ahead if self._ahead is not None else []
                # The store reads and opens the next batch while this one is rendered and on its way to the client.
                self._ahead = None if batch is None else asyncio.create_task(self._meta(batch))
                for some in batched(before, TURN):
                    # It has its turns here too: what it does between its waits takes a fraction of a millisecond.
                    await asyncio.sleep(0)
                    await self._write_metas(some)
                await self.conv.out.drain()
        finally:
            if self._ahead is not None:
                self._ahead.cancel()
                await asyncio.gather(self._ahead, return_exceptions=True)

    async def _write_metas(self, found: Sequence[tuple[int, Meta]]) -> None:
        indexes = [index for index, _meta in found]
        columns = self._picture_columns(indexes)
        metas = [meta for _index, meta in found]
        for name in self.plan.meta:
            columns.append(await self._meta_column(name, metas))
        space = b" " if self.plan.picture else b""
        template = self._head() + space + self._meta_form() + b")\r\n"
        pieces = [template % row for row in zip(*columns, strict=True)]
        await self.conv.write_all(_chunked(pieces))

    def _meta_form(self) -> bytes:
        return b" ".join([b"%b %%b" % name.encode("ascii") for name in self.plan.meta])

    async def _meta(self, batch: Sequence[int]) -> list[tuple[int, Meta]]:
        """(index, meta) of the messages of a batch that still exist and can be read."""
        selected = self.selected
        found = []
        entries = await selected.folder.meta([selected.uids[index] for index in batch])
        # Where nothing is missing, they are the messages asked for in the order asked.
        all_there = len(entries) == len(batch)
        indexes = batch if all_there else [selected.index_of(entry.uid) for entry in entries]
        for index, entry in zip(indexes, entries, strict=True):
            if isinstance(entry, Damaged):
                self.damaged = True
            elif index is not None:
                found.append((index, entry))
        if not all_there:
            self.missing = True
        return found

    async def _meta_column(self, name: str, metas: Sequence[Meta]) -> list[bytes]:
        simple = _META_VALUES.get(name)
        if simple is not None:
            return [simple(meta) for meta in metas]
        attribute, render = _RENDERED[name]
        values: dict[int, bytes] = {}
        absent = []
        for meta in metas:
            value = getattr(meta, attribute)
            if value is None:
                absent.append(meta.uid)
            else:
                values[meta.uid] = value
        if absent:
            if self._ahead is not None:
                # A folder is asked one thing at a time.
                await asyncio.gather(self._ahead, return_exceptions=True)
            async for uid, content in self._opened(absent):
                values[uid] = render(scan(content))
        return [values.get(meta.uid, b"NIL") for meta in metas]

    # From the content

    async def _opened(
        self, uids: Sequence[int], *, heads: bool = False
    ) -> AsyncIterator[tuple[int, bytes | memoryview]]:
        count = 0
        async for entry in contents_of(self.selected.folder, uids, heads=heads):
            count += 1
            if isinstance(entry, Damaged):
                self.damaged = True
            else:
                yield entry
        if count < len(uids):
            self.missing = True

    async def _messages(self, uids: Sequence[int]) -> AsyncIterator[Opened]:
        """The messages; one that is read in pieces is opened once for all of them."""
        pieces, alone = self.conv.pieces, len(uids) == 1
        kept = pieces.find(self.selected, uids[0]) if alone else None
        if kept is not None:
            yield kept
            return
        async for uid, content in self._opened(uids, heads=self.plan.heads):
            message = Opened(uid, content)
            if alone and self.plan.in_pieces:
                pieces.keep(self.selected, message)
            yield message

    async def _contents(self, batch: Sequence[int]) -> None:
        selected = self.selected
        heads = dict(zip(batch, zip(*self._picture_columns(batch), strict=True), strict=True))
        metas: dict[int, bytes] = {}
        if self.plan.meta:
            form = self._meta_form()
            found = await self._meta(batch)
            columns = [await self._meta_column(name, [meta for _i, meta in found]) for name in self.plan.meta]
            for (index, _meta), row in zip(found, zip(*columns, strict=True), strict=True):
                metas[index] = form % row
        template = self._head()
        pending: list[Piece] = []
        size = 0
        async for message in self._messages([selected.uids[index] for index in batch]):
            at = selected.index_of(message.uid)
            if at is None or (self.plan.meta and at not in metas):
                continue
            head = template % heads[at]
            if self.plan.meta:
                head += (b" " if self.plan.picture else b"") + metas[at]
            space = b" " if self.plan.picture or self.plan.meta else b""
            pending.append(head)
            for piece in self._sections(message, space):
                if len(piece) >= LARGE:
                    self.conv.out.write(b"".join(pending))
                    pending.clear()
                    await self._write_large(piece)
                else:
                    pending.append(piece)
                    size += len(piece)
            pending.append(b")\r\n")
            if size >= WRITE_CHUNK:
                self.conv.out.write(b"".join(pending))
                pending.clear()
                size = 0
                await self.conv.out.drain()
        self.conv.out.write(b"".join(pending))

    async def _write_large(self, piece: Piece) -> None:
        view = memoryview(piece)
        for start in range(0, len(view), WRITE_CHUNK):
            self.conv.out.write(view[start : start + WRITE_CHUNK])
            await self.conv.out.drain()

    def _sections(self, message: Opened, space: bytes) -> Iterator[Piece]:
        content = message.content
        decoded: dict[tuple[int, ...], bytes | memoryview | UnknownEncoding | None] = {}
        for item, label in zip(self.plan.content, self.plan.labels, strict=True):
            yield space
            space = b" "
            if isinstance(item, Section) and item.section == _RFC822["RFC822"]:
                yield from _literal(label, _cut(memoryview(content), item.partial))
                continue
            if isinstance(item, Section):
                yield from _body_section(content, message.root, item, label)
                continue
            # Decoded once: two hundred pieces of one large part would hold up everybody for as many decodings.
            if item.part not in decoded:
                decoded[item.part] = section.decoded(content, message.root, item.part)
            yield from self._binary(decoded[item.part], item, label)

    def _binary(self, data: bytes | memoryview | UnknownEncoding | None, item: Binary, label: bytes) -> Iterator[Piece]:
        if isinstance(data, UnknownEncoding):
            # RFC 9051 §7.1 UNKNOWN-CTE: the whole command is answered NO.
            self.unknown_encoding = True
            data = None
        if item.size_only:
            yield b"%b %d" % (label, 0 if data is None else len(data))
        elif data is None:
            yield label + b" NIL"
        else:
            yield from _literal(label, _cut(memoryview(data), item.partial), binary=True)

    # \\Seen

    async def _set_seen(self, batch: Sequence[int]) -> None:
        """RFC 9051 §6.4.5: reading a body sets \\Seen, and the answer says so."""
        selected = self.selected
        unseen = [selected.uids[index] for index in batch if not selected.flags[index] & SEEN]
        if not unseen:
            return
        result = await selected.folder.store_flags(
            unseen, FlagOp.ADD, ["\\Seen"], unchanged_since=None, now=self.conv.clock()
        )
        selected.stored(result.changed, result.keywords)
        if "FLAGS" in self.plan.picture and not self.conv.condstore:
            return
        selected.mark_dirty([uid for uid, _flags, _modseq in result.changed])


def _chunked(pieces: list[bytes]) -> Iterator[bytes]:
    """Pieces joined to chunks of about WRITE_CHUNK."""
    start = size = 0
    for position, piece in enumerate(pieces):
        size += len(piece)
        if size >= WRITE_CHUNK:
            yield b"".join(pieces[start : position + 1])
            start, size = position + 1, 0
    if start < len(pieces):
        yield b"".join(pieces[start:])


def _cut(data: memoryview, partial: tuple[int, int] | None) -> memoryview:
    return data if partial is None else data[partial[0] : partial[0] + partial[1]]


def _literal(label: bytes, data: bytes | memoryview, *, binary: bool = False) -> Iterator[Piece]:
    # RFC 9051 §4.3: only a literal8 may hold NUL. A message that holds one all the same keeps its length.
    tilde = b""
    if _NUL.search(data):
        if binary:
            tilde = b"~"
        else:
            data = bytes(data).replace(b"\0", b"\x80")
    yield b"%b %b{%d}\r\n" % (label, tilde, len(data))
    yield data


def _body_section(content: bytes | memoryview, root: Part, item: Section, label: bytes) -> Iterator[Piece]:
    ranges = section.ranges(root, item.section)
    if ranges is None:
        yield label + b" NIL"
        return
    if item.partial is not None:
        ranges = section.partial(ranges, *item.partial)
    yield from _literal(label, section.read(content, ranges))


def _save_date(meta: Meta) -> bytes:
    return b"NIL" if meta.savedate is None else write_date_time(meta.savedate)


def _preview(meta: Meta) -> bytes:
    # RFC 8970 §3.2: UTF-8, which only a literal carries to every client; NIL where there is none, as in the
    # sealed view always.
    if meta.preview is None:
        return b"NIL"
    # RFC 9051 §4.3: no literal but a literal8 holds NUL, and a summary sealed by a client holds what that client likes.
    text = meta.preview.encode("utf-8", "replace").replace(b"\0", b"")
    return string(text) if text.isascii() else b"{%d}\r\n%b" % (len(text), text)


_META_VALUES: dict[str, Callable[[Meta], bytes]] = {
    "INTERNALDATE": lambda meta: write_date_time(meta.internaldate),
    "RFC822.SIZE": lambda meta: b"%d" % meta.size,
    "EMAILID": lambda meta: b"(%b)" % meta.email_id.encode("ascii"),
    # RFC 8474 §5.2: NIL where the server does not thread.
    "THREADID": lambda _meta: b"NIL",
    "SAVEDATE": _save_date,
    "PREVIEW": _preview,
}
_RENDERED: dict[str, tuple[str, Callable[[Part], bytes]]] = {
    "ENVELOPE": ("envelope", lambda root: envelope(root.headers)),
    "BODY": ("body", lambda root: render(root).body),
    "BODYSTRUCTURE": ("bodystructure", lambda root: render(root).bodystructure),
}
