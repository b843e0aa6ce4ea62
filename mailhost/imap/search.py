"""SEARCH: which messages of the client's picture satisfy a program (RFC 9051 §6.4.4).

Keys have three prices, as items of FETCH have: the picture (flags, UIDs, numbers, modseqs), `Meta` (sizes,
dates, the envelope's header fields) and the content. A conjunction is evaluated cheapest first, so that
`UNSEEN TEXT "x"` opens only unseen messages. Each pass visits messages in slices and lets other connections run
between them; a program that would visit more than `MAX_VISITS` is refused before it starts.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mailhost.imap import search_keys as keys
from mailhost.imap.envelopes import HEADERS, Needle, sent_day
from mailhost.imap.folding import fold
from mailhost.imap.search_text import Words, header_holds
from mailhost.imap.selected import Selected
from mailhost.imap.sequence import IndexRanges, SequenceSet, from_indexes, numbered, with_uids
from mailhost.imap.store import Damaged, Meta, TooMany, contents_of
from mailhost.message.envelope import envelope
from mailhost.message.headers import read_headers
from mailhost.message.structure import Part, scan

PICTURE, META, CONTENT = range(3)
# Messages visited without a pause.
SLICE = 4096
META_BATCH = 512
CONTENT_BATCH = 64
# Messages times keys of one SEARCH: about two seconds of one core, spread over many turns.
MAX_VISITS = 50_000_000
# Octets of messages opened by one SEARCH. Sealed content must be opened to be read, so this bounds minutes.
MAX_OPENED = 4 * 1024 * 1024 * 1024


class SearchTooLarge(TooMany):
    """The program needs more work than one command may ask for."""


@dataclass(slots=True)
class Message:
    """One message under test; what is loaded depends on the price of the keys."""

    index: int = 0
    meta: Meta | None = None
    envelope: bytes | None = None
    references: str | None = None
    content: bytes | memoryview = b""
    root: Part | None = None
    words: dict[bool, Words] = field(default_factory=dict)  # with and without headers

    def holds(self, needle: str, *, headers: bool) -> bool:
        """Whether the opened content holds the folded needle."""
        if self.root is None:
            return False
        if headers not in self.words:
            self.words[headers] = Words(self.content, self.root, headers=headers)
        return self.words[headers].hold(needle)


type Test = Callable[[Message], bool]


def price(key: keys.Key) -> int:
    """The dearest thing a key needs."""
    match key:
        case keys.And(children):
            return max((price(child) for child in children), default=PICTURE)
        case keys.Or(one, other):
            return max(price(one), price(other))
        case keys.Not(child):
            return price(child)
        case keys.Size() | keys.Day() | keys.Age() | keys.ObjectId():
            return META
        case keys.Header(field):
            return META if field in HEADERS else CONTENT
        case keys.Text():
            return CONTENT
        case _:
            return PICTURE


def weight(key: keys.Key) -> int:
    """How many keys there are, nested ones counted."""
    match key:
        case keys.And(children):
            return sum(weight(child) for child in children)
        case keys.Or(one, other):
            return weight(one) + weight(other)
        case keys.Not(child):
            return weight(child)
        case _:
            return 1


@dataclass(slots=True)
class Search:
    """One running SEARCH. `saved` are the UIDs that `$` stands for, `now` the moment WITHIN counts from."""

    selected: Selected
    saved: Sequence[int]
    now: datetime

    async def run(self, key: keys.Key) -> list[int]:
        """Indexes of the messages that satisfy the program, ascending. Raises SearchTooLarge."""
        if weight(key) * self.selected.exists > MAX_VISITS:
            raise SearchTooLarge("That search has too many keys for a mailbox of this size; narrow it down")
        terms: list[keys.Key] = list(key.keys) if isinstance(key, keys.And) else [key]
        found: Sequence[int] = range(self.selected.exists)
        flags = [term for term in terms if isinstance(term, keys.Flag)]
        if flags:
            found = await self._flagged(found, flags)
            terms = [term for term in terms if not isinstance(term, keys.Flag)]
        for level, visit in ((PICTURE, self._pictures), (META, self._metas), (CONTENT, self._contents)):
            tests = [self.test(term) for term in terms if price(term) == level]
            if tests and found:
                found = await visit(found, tests, terms)
        return list(found)

    async def _flagged(self, found: Sequence[int], flags: list[keys.Flag]) -> list[int]:
        """All flag keys of a conjunction at once: one mask and one comparison a message."""
        words = self.selected.flags
        wanted, unwanted = (self.selected.flag_word(key.name for key in flags if key.on is on) for on in (True, False))
        if wanted & unwanted or any(key.on and not self.selected.flag_bit(key.name) for key in flags):
            return []  # SEEN UNSEEN, or a keyword that no message has
        mask = wanted | unwanted
        result: list[int] = []
        for start in range(0, len(found), SLICE):
            result += [index for index in found[start : start + SLICE] if words[index] & mask == wanted]
            await asyncio.sleep(0)
        return result

    async def _pictures(self, found: Sequence[int], tests: list[Test], _terms: list[keys.Key]) -> list[int]:
        message = Message()
        result = []
        for start in range(0, len(found), SLICE):
            for index in found[start : start + SLICE]:
                message.index = index
                if all(test(message) for test in tests):
                    result.append(index)
            await asyncio.sleep(0)
        return result

    async def _metas(self, found: Sequence[int], tests: list[Test], terms: list[keys.Key]) -> list[int]:
        needs_envelope = any(_needs_envelope(term) for term in terms)
        result = []
        for start in range(0, len(found), META_BATCH):
            loaded = await self.load(found[start : start + META_BATCH], envelopes=needs_envelope)
            result += [message.index for message in loaded if all(test(message) for test in tests)]
            await asyncio.sleep(0)
        return result

    async def _contents(self, found: Sequence[int], tests: list[Test], terms: list[keys.Key]) -> list[int]:
        needs_meta = any(_needs_meta(term) for term in terms)
        needs_envelope = any(_needs_envelope(term) for term in terms)
        heads = not any(isinstance(leaf, keys.Text) for term in terms for leaf in _leaves(term))
        opened = 0
        result = []
        for start in range(0, len(found), CONTENT_BATCH):
            batch = found[start : start + CONTENT_BATCH]
            metas = {}
            if needs_meta:
                metas = {m.index: m for m in await self.load(batch, envelopes=needs_envelope)}
                batch = [index for index in batch if index in metas]
            uids = [self.selected.uids[index] for index in batch]
            async for entry in contents_of(self.selected.folder, uids, heads=heads):
                if isinstance(entry, Damaged):
                    continue
                uid, content = entry
                index_now = self.selected.index_of(uid)
                if index_now is None:
                    continue
                # Taken out, so that its content is forgotten before the next message is opened.
                message = metas.pop(index_now, None) or Message(index_now)
                message.content, message.root = content, scan(content)
                opened += len(content)
                if opened > MAX_OPENED:
                    raise SearchTooLarge("That search would have to read too many messages; narrow it down")
                if all(test(message) for test in tests):
                    result.append(index_now)
                await asyncio.sleep(0)
        return result

    async def load(self, batch: Sequence[int], *, envelopes: bool, references: bool = False) -> list[Message]:
        """Messages of a batch with their meta; what the store keeps no copy of is read from the content."""
        selected = self.selected
        result = []
        without = {}
        for entry in await selected.folder.meta([selected.uids[index] for index in batch]):
            index = selected.index_of(entry.uid)
            if isinstance(entry, Damaged) or index is None:
                continue
            message = Message(index, entry, entry.envelope, entry.references)
            result.append(message)
            if (envelopes and entry.envelope is None) or (references and entry.references is None):
                without[entry.uid] = message
        if without:
            async for content in contents_of(selected.folder, sorted(without), heads=True):
                if not isinstance(content, Damaged):
                    headers = read_headers(content[1])
                    without[content[0]].envelope = envelope(headers)
                    without[content[0]].references = (headers.first(b"references") or b"").decode("latin-1")
        return result

    # From keys to tests

    def test(self, key: keys.Key) -> Test:
        """A predicate for one key."""
        match key:
            case keys.And(children):
                tests = [self.test(child) for child in children]
                return lambda message: all(test(message) for test in tests)
            case keys.Or(one, other):
                first, second = self.test(one), self.test(other)
                return lambda message: first(message) or second(message)
            case keys.Not(child):
                inner = self.test(child)
                return lambda message: not inner(message)
            case keys.Flag(name, on):
                return self._flag(name, on=on)
            case keys.Numbers(sequence, uid):
                return _inside(self._ranges(sequence, uid=uid))
            case keys.ModSeq(at_least):
                modseqs = self.selected.modseqs
                return lambda message: modseqs[message.index] >= at_least
            case keys.All() | keys.SaveDateSupported():
                return lambda _message: True
            case keys.Header(field, text) if field not in HEADERS:
                needle = fold(text)
                return lambda message: message.root is not None and header_holds(message.root.headers, field, needle)
            case keys.Text(text, headers):
                needle = fold(text)
                return lambda message: message.holds(needle, headers=headers)
            case _:
                return self._meta_test(key)

    def _flag(self, name: str, *, on: bool) -> Test:
        words, bit = self.selected.flags, self.selected.flag_bit(name)
        if on:
            return lambda message: bool(words[message.index] & bit)
        return lambda message: not words[message.index] & bit

    def _ranges(self, sequence: SequenceSet, *, uid: bool) -> IndexRanges:
        if sequence.saved:
            return from_indexes(i for u in self.saved if (i := self.selected.index_of(u)) is not None)
        if uid:
            return with_uids(sequence, self.selected.uids)
        return numbered(sequence, self.selected.exists, strict=False)

    def _meta_test(self, key: keys.Key) -> Test:
        match key:
            case keys.Size(octets, larger):
                if larger:
                    return _of_meta(lambda meta: meta.size > octets)
                return _of_meta(lambda meta: meta.size < octets)
            case keys.Day():
                return _day(key)
            case keys.Age(seconds, older):
                # RFC 5032 §3; a moment before the calendar begins is older than everything.
                edge = self.now - timedelta(seconds=min(seconds, 60 * 60 * 24 * 365 * 100))
                if older:
                    return _of_meta(lambda meta: meta.internaldate <= edge)
                return _of_meta(lambda meta: meta.internaldate >= edge)
            case keys.ObjectId(name, value):
                return _of_meta(lambda meta: name == "EMAILID" and meta.email_id == value)
            case keys.Header(field, text):
                sought = Needle(field, fold(text))
                return lambda message: message.envelope is not None and sought.found_in(message.envelope)
            case _:
                raise AssertionError(key)


def _of_meta(test: Callable[[Meta], bool]) -> Test:
    return lambda message: message.meta is not None and test(message.meta)


def _day(key: keys.Day) -> Test:
    """Dates are compared without time and zone, as they stand (RFC 9051 §6.4.4)."""

    def test(message: Message) -> bool:
        if key.source == "SENT":
            day = sent_day(message.envelope) if message.envelope is not None else None
        else:
            assert message.meta is not None
            moment = message.meta.internaldate if key.source == "INTERNAL" else message.meta.savedate
            day = moment.date() if moment is not None else None
        if day is None:
            return False
        if key.relation == "BEFORE":
            return day < key.day
        return day == key.day if key.relation == "ON" else day >= key.day

    return test


def _inside(ranges: IndexRanges) -> Test:
    if len(ranges) == 1:
        first, last = ranges[0]
        return lambda message: first <= message.index < last
    starts = [start for start, _stop in ranges]

    def test(message: Message) -> bool:
        position = bisect_right(starts, message.index) - 1
        return position >= 0 and message.index < ranges[position][1]

    return test


def _leaves(key: keys.Key) -> list[keys.Key]:
    match key:
        case keys.And(children):
            return [leaf for child in children for leaf in _leaves(child)]
        case keys.Or(one, other):
            return _leaves(one) + _leaves(other)
        case keys.Not(child):
            return _leaves(child)
        case _:
            return [key]


def _needs_envelope(key: keys.Key) -> bool:
    return any(
        (isinstance(leaf, keys.Header) and leaf.field in HEADERS)
        or (isinstance(leaf, keys.Day) and leaf.source == "SENT")
        for leaf in _leaves(key)
    )


def _needs_meta(key: keys.Key) -> bool:
    return any(price(leaf) == META for leaf in _leaves(key))
