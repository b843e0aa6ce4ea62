"""A selected folder over the database: reads in threads, changes through the writer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import batched, repeat

from mailhost.adapters.imapstore import changing, reading
from mailhost.adapters.imapstore.answers import imap_answers
from mailhost.adapters.imapstore.index import Index
from mailhost.adapters.imapstore.turns import TURN, Ended, lots_of, never, turns
from mailhost.adapters.imapstore.views import MessageView
from mailhost.adapters.workshop import Workshop
from mailhost.imap.store import (
    KEYWORD_SHIFT,
    Changes,
    Copied,
    Damaged,
    FlagOp,
    Meta,
    NoSuchFolder,
    Runs,
    Snapshot,
    StoreError,
    StoreResult,
    TryLater,
)

type Removed = tuple[Sequence[int], int]


@dataclass(frozen=True, slots=True)
class FolderRow:
    """Which folder, and its UIDVALIDITY in the view that asks."""

    row_id: int
    name: str
    opaque_id: str
    uidvalidity: int


class DatabaseFolder:
    """`imap.store.Folder`, which rests and opens heads too.

    `resolve` finds another folder of the account by name, for COPY and MOVE; `index` is of a view that has a key;
    `arrived` holds, by folder row, what this connection has appended and not asked for yet: (uid, flags, modseq);
    `ended` stops changes of very many messages between two turns.
    """

    def __init__(
        self,
        workshop: Workshop,
        view: MessageView,
        row: FolderRow,
        resolve: Callable[[str], FolderRow],
        index: Index | None = None,
        arrived: dict[int, list[tuple[int, int, int]]] | None = None,
        ended: Ended = never,
    ) -> None:
        self.name = row.name
        self.folder_id = row.opaque_id
        self.uidvalidity = row.uidvalidity
        self._shop = workshop
        self._view = view
        self._id = row.row_id
        self._resolve = resolve
        self._index = index
        self._arrived = {} if arrived is None else arrived
        self._ended = ended
        self._modseq = 0
        self._keywords: tuple[str, ...] = ()

    async def snapshot(self, *, claim_recent: bool) -> Snapshot:
        with imap_answers():
            found = await self._shop.readers.run(reading.snapshot, self._id, self.uidvalidity)
            self._modseq, self._keywords = found.highestmodseq, found.keywords
            self._arrived.pop(self._id, None)
            if claim_recent and found.recent_from < found.uidnext:
                first = await self._shop.writer.change(partial(changing.claim_recent, folder_id=self._id))
                found = replace(found, recent_from=first)
        return found

    async def changes(self, since_modseq: int, *, claim_recent: bool) -> Changes:
        own = self._own_changes(since_modseq)
        if own is not None:
            return own
        with imap_answers():
            found = await self._shop.readers.run(reading.changes, self._id, since_modseq)
            self._modseq, self._keywords = found.highestmodseq, found.keywords
            if claim_recent and found.recent_from < found.uidnext:
                first = await self._shop.writer.change(partial(changing.claim_recent, folder_id=self._id))
                found = replace(found, recent_from=first)
        return found

    def _own_changes(self, since: int) -> Changes | None:
        """What this connection's own APPENDs changed, if they are all that happened: nothing need be asked then.

        Every change of a folder takes the next modseq, so where the arrivals' follow each other from `since` on,
        nobody else changed anything in between.
        """
        arrived = self._arrived.pop(self._id, [])
        newest = since + len(arrived)
        if not arrived or [modseq for *_, modseq in arrived] != list(range(since + 1, newest + 1)):
            return None
        if any(word >> KEYWORD_SHIFT for _, word, _ in arrived):
            return None  # a keyword may be new
        self._modseq = newest
        uidnext = arrived[-1][0] + 1
        return Changes(arrived, [], self._keywords, uidnext, newest, uidnext)

    async def vanished_since(self, modseq: int) -> Runs:
        with imap_answers():
            return await self._shop.readers.run(reading.vanished, self._id, modseq)

    async def meta(self, uids: Sequence[int]) -> Sequence[Meta | Damaged]:
        found: list[Meta | Damaged] = []
        with imap_answers():
            if self._index is not None:
                return await self._index.meta(uids)
            for some in batched(uids, reading.CHUNK_ROWS):
                found += await self._shop.readers.run(reading.metas, self._view, self._id, some)
        return found

    def contents(self, uids: Sequence[int]) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        return self._contents(uids, heads=False)

    def heads(self, uids: Sequence[int]) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        return self._contents(uids, heads=True)

    async def _contents(
        self, uids: Sequence[int], *, heads: bool
    ) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        run = self._shop.readers.run
        work = partial(reading.contents, self._view, self._shop.blobs, self._id, heads=heads)
        with imap_answers():
            keys = await self._index.known_keys(uids) if self._index is not None else {}
            pieces = reading.chunks(await run(reading.sizes, self._id, uids), heads=heads)
            waiting: asyncio.Task[list[tuple[int, bytes | memoryview] | Damaged]] | None = None
            try:
                # The next piece is loaded and opened while this one is on its way to the client.
                while True:
                    ready = await waiting if waiting is not None else []
                    piece = next(pieces, None)
                    waiting = asyncio.create_task(run(work, piece, keys)) if piece is not None else None
                    for content in ready:
                        yield content
                    if waiting is None:
                        return
            finally:
                if waiting is not None:
                    waiting.cancel()

    async def store_flags(
        self,
        uids: Sequence[int],
        op: FlagOp,
        flags: Sequence[str],
        *,
        unchanged_since: int | None,
        now: datetime,  # noqa: ARG002  # part of the interface; flags carry no time here
    ) -> StoreResult:
        work = partial(changing.store_flags, folder_id=self._id, op=op, flags=flags, unchanged_since=unchanged_since)
        changed: list[tuple[int, int, int]] = []
        modified: list[int] = []
        async for result in turns(self._change, [partial(work, uids=lot) for lot in lots_of(uids)], self._ended):
            changed += result.changed
            modified += result.modified
            self._keywords = result.keywords
        return StoreResult(changed, modified, self._keywords)

    async def expunge(self, uids: Sequence[int] | None, *, now: datetime) -> tuple[Sequence[int], int]:
        return await self._remove(partial(changing.expunge, folder_id=self._id, today=now), uids, self._ended)

    async def _remove(self, work: Callable[..., Removed], uids: Sequence[int] | None, ended: Ended) -> Removed:
        """Of these UIDs, or of all: what `work` removed, turn by turn, and the last modseq."""
        lots = lots_of(uids) if uids is not None else repeat(None)
        removed: list[int] = []
        modseq = 0
        async for some, highest in turns(self._change, (partial(work, uids=lot) for lot in lots), ended):
            removed += some
            modseq = highest
            if uids is None and len(some) < TURN:
                break
        return removed, modseq

    async def copy(self, uids: Sequence[int], target: str, *, now: datetime) -> Copied:
        to = await self._found(target)
        works = [partial(changing.copy, source=self._id, uids=lot, target=to, now=now) for lot in lots_of(uids)]
        stop = asyncio.Event()
        # A task of its own: who is cancelled cannot know what the turn came to that is being stored just then.
        copying = asyncio.create_task(self._copy(works, to, now, stop))
        try:
            return await asyncio.shield(copying)
        except asyncio.CancelledError:
            stop.set()
            while not copying.done():
                with suppress(asyncio.CancelledError, StoreError):
                    await asyncio.shield(copying)
            raise

    async def _copy(
        self, works: Sequence[Callable[..., Copied]], to: tuple[int, int], now: datetime, stop: asyncio.Event
    ) -> Copied:
        """All turns of a COPY; where one fails, or `stop` is set between two, what the others copied is taken back."""
        pairs: list[tuple[int, int]] = []
        try:
            async for copied in turns(self._change, works, lambda: stop.is_set() or self._ended(), undone=True):
                pairs += copied.pairs
        except StoreError as error:
            # RFC 9051 §6.4.7: a COPY that fails leaves the target as it was.
            made = [new for _old, new in pairs]
            try:
                if made:
                    await self._remove(partial(changing.remove, folder_id=to[0], today=now), made, never)
            except TryLater:
                # What made it fail may forbid this as well.
                raise TryLater(
                    "Only a part was copied and cannot be taken back now: remove it, or copy the rest"
                ) from None
            except NoSuchFolder:
                raise error from None
            raise
        return Copied(to[1], pairs)

    async def move(self, uids: Sequence[int], target: str, *, now: datetime) -> tuple[Copied, int]:
        to = await self._found(target)
        works = [partial(changing.move, source=self._id, uids=lot, target=to, now=now) for lot in lots_of(uids)]
        pairs: list[tuple[int, int]] = []
        modseq = 0
        async for copied, highest in turns(self._change, works, self._ended):
            pairs += copied.pairs
            modseq = highest
        return Copied(to[1], pairs), modseq

    async def _found(self, target: str) -> tuple[int, int]:
        """Folder id and UIDVALIDITY of a name."""
        with imap_answers():
            there = await self._shop.readers.run(self._resolve, target)
        return there.row_id, there.uidvalidity

    async def _change[T](self, work: Callable[..., T]) -> T:
        with imap_answers():
            result = await self._shop.writer.change(work)
        self._shop.changes.poke()
        return result

    def watch(self, notify: Callable[[], None]) -> Callable[[], None]:
        def changed(modseq: int) -> None:
            # What this connection did itself it knows already.
            if modseq > self._modseq:
                notify()

        return self._shop.changes.watch_folder(self._id, self._modseq, changed)

    def rest(self) -> None:
        if self._index is not None:
            self._index.rest()

    async def close(self) -> None:
        if self._index is not None:
            await self._index.close()
