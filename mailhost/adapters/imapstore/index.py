"""One session's use of a folder's index segments: what it finds there, and what it adds.

Opening a header costs as much as reading a hundred entries of a segment, so a batch of messages is looked up here
first and only the others are opened. What was opened is kept until it is written down: when the session has gone past
a segment, when the client rests, and when the folder is closed. Everything here is a copy of what is sealed elsewhere,
so a segment that does not open is passed over and made anew, and a failure to write one is no failure.

Of hundreds of headers other processes open a share where some are free (`openers`); what they cannot is opened here.

The looking up runs in reading threads, one call at a time; everything else on the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import batched, groupby
from typing import Final

from mailhost.adapters.imapstore import reading, segments
from mailhost.adapters.imapstore.openers import QUESTIONS, Opener, OpenerGone, Openers
from mailhost.adapters.imapstore.opening import ASKED_TOGETHER, answered, question
from mailhost.adapters.imapstore.sessionview import SessionView, Shown
from mailhost.adapters.workshop import Workshop
from mailhost.imap.store import Damaged, Meta
from mailhost.ports import StoreError
from mailhost.seal import CannotOpen, HybridIdentity
from mailhost.seal.segment import SEGMENT_UIDS, IndexEntry, SegmentPlace, open_segment, seal_segment

# Fewer messages of one segment are opened one by one: reading a segment costs as much as this many headers.
WORTH_READING: Final = 8
# New entries that make it worth to write a segment again, some hundred KiB.
WORTH_WRITING: Final = 16
# Entries that wait to be written: about 2 MiB. Above it those that are not worth it are dropped.
MAX_WAITING: Final = 4 * SEGMENT_UIDS
# Reading threads that one client gets to open headers, so that one opens while the other waits for the database.
AT_ONCE: Final = 2
# Headers that make it worth to have another process open a share of them, and how many processes one client gets.
WORTH_BORROWING: Final = 4 * ASKED_TOGETHER
BORROWED: Final = 3
# File keys that are remembered while a client works: a list, and then the mails it shows.
MAX_KEYS: Final = 16 * SEGMENT_UIDS


class Index:
    """The segments of one folder, as the holder of one identity sees them."""

    def __init__(
        self,
        shop: Workshop,
        view: SessionView,
        identity: HybridIdentity,
        row_id: int,
        folder: str,
        uidvalidity: int,
        openers: Openers | None = None,
    ) -> None:
        self._shop = shop
        self._openers = openers
        self._view = view
        self._identity = identity
        self._row = row_id
        self._folder = folder
        self._uidvalidity = uidvalidity
        self._last: tuple[int, dict[int, IndexEntry]] = (-1, {})
        self._waiting: dict[int, dict[int, IndexEntry]] = {}
        self._broken: set[int] = set()
        self._writing: asyncio.Task[None] | None = None
        self._keys: dict[int, bytes] = {}  # file keys by UID, of what was looked at lately

    async def meta(self, uids: Sequence[int]) -> list[Meta | Damaged]:
        """`Folder.meta` of ascending UIDs."""
        run = self._shop.readers.run
        entries, metas, unknown = await run(self._known, uids)
        self._remember(entries)
        if unknown:
            opened = await self._open_all(unknown)
            self._remember(opened)
            self._learn([entry for entry in opened if not isinstance(entry, Damaged)])
            metas += [entry if isinstance(entry, Damaged) else Shown(entry) for entry in opened]
            metas.sort(key=lambda meta: meta.uid)
        return metas

    async def _open_all(self, unknown: Sequence[int]) -> list[IndexEntry | Damaged]:
        """What the sealed headers of these messages say, in their order, of those that exist."""
        pieces, found = deque(batched(unknown, ASKED_TOGETHER)), list[IndexEntry | Damaged]()
        borrowed: Sequence[Opener] = ()
        if self._openers is not None and len(unknown) >= WORTH_BORROWING:
            most = min(BORROWED, len(unknown) // WORTH_BORROWING)
            borrowed = self._openers.borrow(self._view.opens_with, most)
        here = 1 if borrowed else AT_ONCE
        work = [self._open_here(pieces, found) for _ in range(here)]
        work += [self._open_there(opener, pieces, found) for opener in borrowed for _ in range(QUESTIONS)]
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for opener in borrowed:
                opener.close()
        # What an opener took and gave back when the threads here had done the rest.
        await self._open_here(pieces, found)
        found.sort(key=lambda entry: entry.uid)
        return found

    async def _open_here(self, pieces: deque[tuple[int, ...]], found: list[IndexEntry | Damaged]) -> None:
        while pieces:
            found += await self._shop.readers.run(self._opened, pieces.popleft())

    async def _open_there(
        self, opener: Opener, pieces: deque[tuple[int, ...]], found: list[IndexEntry | Damaged]
    ) -> None:
        while pieces:
            piece = pieces.popleft()
            uids, asked = await self._shop.readers.run(self._asked, piece)
            try:
                found += answered(uids, await opener.ask(asked))
            except (OpenerGone, CannotOpen):
                pieces.append(piece)
                return

    async def known_keys(self, uids: Sequence[int]) -> Mapping[int, bytes]:
        """File keys of these messages, as far as they are known without opening a header."""
        unknown = [uid for uid in uids if uid not in self._keys]
        if len(unknown) >= WORTH_READING:
            self._remember((await self._shop.readers.run(self._known, unknown))[0])
        return self._keys

    def rest(self) -> None:
        """The client pauses: write down what waits, and keep nothing in memory."""
        self._begin(self._waiting)
        self._forget()

    async def close(self) -> None:
        """Write down what waits, then forget everything."""
        if self._writing is not None:
            await self._writing
        self._begin(self._waiting)
        if self._writing is not None:
            await self._writing
        self._forget()

    # In reading threads

    def _opened(self, uids: Sequence[int]) -> list[IndexEntry | Damaged]:
        """What the sealed headers of these messages say."""
        return [self._view.entry(row) for row in reading.rows(self._row, uids, header=True)]

    def _asked(self, uids: Sequence[int]) -> tuple[list[int], bytes]:
        """Those of the messages that exist, and what to ask an opener about them."""
        rows = list(reading.rows(self._row, uids, header=True))
        return [row.uid for row in rows], question(rows)

    def _known(self, uids: Sequence[int]) -> tuple[list[IndexEntry], list[Meta | Damaged], list[int]]:
        """Entries of those messages that exist and are in segments, and the UIDs of which nothing is known."""
        wanted: dict[int, int] = {}
        for number, some in groupby(uids, key=lambda uid: uid // SEGMENT_UIDS):
            wanted[number] = wanted.get(number, 0) + len(list(some))
        last, known = self._last
        numbers = [number for number, count in wanted.items() if count >= WORTH_READING and number != last]
        entries = dict(known) if last in wanted else {}
        boxes = segments.read(self._row, numbers) if numbers else {}
        for number in sorted(boxes):
            self._last = (number, self._open(number, boxes[number]))
            entries.update(self._last[1])
        if not entries:
            return [], [], list(uids)
        there = segments.present(self._row, uids)
        found = [entries[uid] for uid in uids if uid in entries and uid in there]
        return found, [Shown(entry) for entry in found], [uid for uid in uids if uid not in entries]

    def _open(self, number: int, box: bytes) -> dict[int, IndexEntry]:
        place = SegmentPlace(self._folder, self._uidvalidity, number)
        try:
            return {entry.uid: entry for entry in open_segment(self._identity, place, box)}
        except CannotOpen:
            # Damaged, or of the time before a rotation.
            self._broken.add(number)
            return {}

    def _sealed(self, number: int, new: dict[int, IndexEntry]) -> tuple[bytes, list[int]]:
        """The box that holds the entries of before and the new ones, as far as their messages exist; and their UIDs."""
        boxes = segments.read(self._row, [number])
        entries = (self._open(number, boxes[number]) if number in boxes else {}) | new
        uids = sorted(segments.present(self._row, entries))
        place = SegmentPlace(self._folder, self._uidvalidity, number)
        return seal_segment(self._identity, place, [entries[uid] for uid in uids]), uids

    # On the event loop

    def _remember(self, entries: Iterable[IndexEntry | Damaged]) -> None:
        if len(self._keys) > MAX_KEYS:
            self._keys.clear()
        self._keys.update([(entry.uid, entry.file_key) for entry in entries if not isinstance(entry, Damaged)])

    def _learn(self, entries: Sequence[IndexEntry]) -> None:
        """Take what was opened, in ascending order; segments that lie behind it are written in the background."""
        for entry in entries:
            if entry.fits():
                self._waiting.setdefault(entry.uid // SEGMENT_UIDS, {})[entry.uid] = entry
        if entries:
            self._begin([number for number in self._waiting if number != entries[-1].uid // SEGMENT_UIDS])
        if sum(map(len, self._waiting.values())) > MAX_WAITING:
            self._waiting.clear()

    def _forget(self) -> None:
        self._waiting.clear()
        self._keys.clear()
        self._last = (-1, {})

    def _begin(self, numbers: Iterable[int]) -> None:
        """Write these segments in the background, if it is worth it and none are being written."""
        if self._writing is not None:
            return
        ready = {
            number: self._waiting[number]
            for number in numbers
            if len(self._waiting[number]) >= WORTH_WRITING or number in self._broken
        }
        if ready:
            for number in ready:
                del self._waiting[number]
            self._writing = asyncio.get_running_loop().create_task(self._write(ready))

    async def _write(self, ready: dict[int, dict[int, IndexEntry]]) -> None:
        try:
            for number, entries in ready.items():
                with suppress(StoreError):
                    box, uids = await self._shop.readers.run(self._sealed, number, entries)
                    if not uids:
                        continue
                    work = partial(segments.write, folder_id=self._row, number=number, box=box, uids=uids)
                    await self._shop.writer.change(work)
                    self._broken.discard(number)
        finally:
            self._writing = None
