"""Group commit: one writing thread a process takes everything that waits into one transaction.

A disk that needs 5 ms for a sync makes 160 transactions a second, whatever the processor; a transaction can carry
hundreds of messages. So nobody writes directly: work is queued, the thread takes what is there (at most MAX_BATCH
pieces or MAX_BATCH_BYTES), and a caller hears of success only after COMMIT has returned.

On a slow disk the sync itself is the window in which the next batch gathers. On a fast one batches would stay
small and each would pay for a whole transaction (measured: 830 µs of processor for one message alone, 170 in
twenties), so up to GATHER is waited for as many pieces as lately came together, and for one more turn of the event
loop, in which whoever has spoken meanwhile is heard: batches can grow, and senders who all wait for their answers do
not wait for a sender who is not there. A lone sender never waits. The loop counts and the thread sleeps: waking it
costs both of them tens of microseconds, so it happens once a batch.

Two kinds of work. What comes often is done for all who wait at once, in as many statements as for one (`together`:
placing sealed messages, queueing, counting). Any other change is a function of a cursor that runs in a savepoint of
its own. One bad piece harms only itself: a batch that fails as a whole is done again piece by piece, each in its own
transaction.

What a power cut may undo without harm (`lasting=False`: a claim, the end of what has been delivered) does not wait for
the disk. It is there for every process at once, survives the death of any of them, and reaches the disk with the next
transaction that waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, cast

from django.db import DatabaseError, InterfaceError, connection, transaction

from mailhost.adapters.database import Cursor, broken, engine_errors, sql_state, statements
from mailhost.adapters.placing import Placed, Placement, place
from mailhost.ports import StoreError, StoreUnavailable

MAX_BATCH: Final = 512
MAX_BATCH_BYTES: Final = 16 * 1024 * 1024
# Seconds; a tenth of what a sender notices, and some dozen messages of a busy process.
GATHER: Final = 0.01
# Below this average of pieces a batch there is one sender, who waits for each answer.
ALONE: Final = 1.25
# More pieces than can ever wait: while the thread works nobody needs to wake it.
_NEVER: Final = 1 << 60
# A deadlock (PostgreSQL 40P01) or a serialization failure is tried again this often before it is an error.
TRIES: Final = 3

type Change[T] = Callable[[Cursor], T]
# The answer to each call, in order; a StoreError refuses that call alone.
type Together[P, R] = Callable[[Cursor, Sequence[P]], Sequence[R | StoreError]]


@dataclass(slots=True)
class _Piece:
    """One waiting piece of work and where its answer goes."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    work: Change[Any] | Together[Any, Any]
    call: Any  # of `together`
    shared: bool
    weight: int
    lasting: bool
    result: Any = None
    error: BaseException | None = None


class Writer:
    """The writing thread of this process. `start` before use, `stop` lets it finish what waits."""

    def __init__(self) -> None:
        self._queue: deque[_Piece] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._enough = 1  # waiting pieces at which the thread wants to be woken
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end. Called from any thread but the writer's own."""
        self._stopping = True
        self._bell.put(None)
        if self._thread.is_alive():
            self._thread.join()

    async def place(self, placements: Sequence[Placement]) -> Sequence[Placed]:
        """Store all or none; durable on return. Raises the errors of `ports.Mailstore.commit`."""
        weight = sum(len(item.header) + len(item.payload or b"") for item in placements)
        return await self.together(place, placements, weight=weight)

    async def change[T](self, work: Change[T], *, lasting: bool = True) -> T:
        """Run `work(cursor)` in a transaction, durable on return. Raises what it raised, or a StoreError."""
        return cast("T", await self._submit(work, None, shared=False, weight=0, lasting=lasting))

    async def together[P, R](self, work: Together[P, R], call: P, *, weight: int = 0, lasting: bool = True) -> R:
        """Run `work(cursor, calls)` once for all who wait for the same `work`, durable on return; `weight` is the
        octets of the call. Raises the StoreError that answers this call.
        """
        return cast("R", await self._submit(work, call, shared=True, weight=weight, lasting=lasting))

    async def _submit(self, work: Callable[..., Any], call: Any, *, shared: bool, weight: int, lasting: bool) -> Any:
        if self._stopping:
            raise StoreUnavailable("stopping")
        loop = asyncio.get_running_loop()
        piece = _Piece(loop, loop.create_future(), work, call, shared, weight, lasting)
        self._queue.append(piece)
        self._call_for(piece, len(self._queue))
        # A caller that is cancelled leaves the work whole: it stays queued, only its answer is dropped.
        return await piece.future

    def _call_for(self, piece: _Piece, waiting: int) -> None:
        """Wake the thread if it wants to be, now or later."""
        if waiting < self._enough:
            if self._enough < _NEVER:
                piece.loop.call_later(GATHER, self._call_late, piece)
        elif self._enough == 1:
            self._bell.put(None)
        else:
            self._enough = _NEVER
            piece.loop.call_soon(self._bell.put, None)

    def _call_late(self, piece: _Piece) -> None:
        """This piece has waited long enough for others."""
        if self._queue and self._queue[0] is piece:
            self._bell.put(None)

    def _run(self) -> None:
        lately = 1.0  # pieces that came together, a moving average
        while True:
            self._wait(round(lately) if lately >= ALONE else 1)
            if self._stopping and not self._queue:
                connection.close()
                return
            self._enough = _NEVER
            batch: list[_Piece] = []
            self._take(batch)
            self._do(batch, self._take)
            lately += (len(batch) - lately) / 4
            self._tell(batch)

    def _wait(self, pieces: int) -> None:
        """Until `pieces` wait, some have waited long enough, or the process stops."""
        while not self._bell.empty():
            # It rang for what the last batch took along.
            self._bell.get()
        # Set before looking: a piece that comes in between rings the bell, and one that came before is seen.
        self._enough = pieces
        waiting = len(self._queue)
        if 0 < waiting < pieces and not self._stopping:
            # They came while the last batch was written, and nobody rings for them.
            with suppress(Empty):
                self._bell.get(timeout=GATHER)
        while not self._queue and not self._stopping:
            self._bell.get()
            # Who was slow to ring, and whose piece had gone along, has told the others that nobody needs to.
            self._enough = pieces

    @staticmethod
    def _tell(batch: list[_Piece]) -> None:
        for loop in {piece.loop for piece in batch}:
            mine = [piece for piece in batch if piece.loop is loop]
            # The loop may have been closed while its process stops; then nobody waits any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_answer, mine)

    def _take(self, batch: list[_Piece]) -> None:
        """Everything that waits, as far as it fits."""
        weight = sum(piece.weight for piece in batch)
        while self._queue and len(batch) < MAX_BATCH and weight < MAX_BATCH_BYTES:
            piece = self._queue.popleft()
            weight += piece.weight
            batch.append(piece)

    def _do(self, batch: list[_Piece], take: Callable[[list[_Piece]], None] | None = None) -> None:
        """Commit the batch; `take` adds what waits at the moment when the transaction has begun."""
        try:
            with engine_errors():
                _transact(batch, take)
        except StoreError as error:
            if len(batch) == 1:
                batch[0].error = error
                return
        except Exception as error:  # noqa: BLE001  # whatever one piece does, the thread lives on
            if len(batch) == 1:
                batch[0].error = error
                return
        else:
            return
        for piece in batch:
            piece.result = piece.error = None
            self._do([piece])


def _transact(batch: list[_Piece], take: Callable[[list[_Piece]], None] | None = None) -> None:
    """The whole batch in one transaction; what a piece raises is kept with the piece."""
    lasting = any(piece.lasting for piece in batch)
    for attempt in range(1, TRIES + 1):
        try:
            with _disk(wait=lasting), transaction.atomic(), statements() as cursor:
                if not lasting and connection.vendor == "postgresql":
                    cursor.execute("SET LOCAL synchronous_commit TO OFF")
                # SQLite has one writer at a time: what came while another process wrote goes along.
                if take is not None and lasting:
                    take(batch)
                for piece in batch:
                    piece.result = piece.error = None  # of the try before this one
                _together(cursor, [piece for piece in batch if piece.shared])
                for piece in batch:
                    if not piece.shared:
                        _change(cursor, piece, alone=len(batch) == 1)
        except broken() as error:
            if attempt < TRIES and sql_state(error) in {"40P01", "40001"}:
                continue
            _drop_broken_connection()
            raise
        else:
            return


@contextmanager
def _disk(*, wait: bool) -> Iterator[None]:
    """Whether COMMIT on SQLite waits for the disk; it does again behind this."""
    if wait or connection.vendor != "sqlite":
        yield
        return
    with statements() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")
    try:
        yield
    finally:
        try:
            with statements() as cursor:
                cursor.execute("PRAGMA synchronous=FULL")
        except broken():
            # A new one begins as the settings say.
            connection.close()
            raise


def _together(cursor: Cursor, batch: Sequence[_Piece]) -> None:
    # Mailboxes are locked before anything else, in every process.
    works: dict[Callable[..., Any], list[_Piece]] = {place: []}
    for piece in batch:
        works.setdefault(piece.work, []).append(piece)
    for work, pieces in works.items():
        answers = work(cursor, [piece.call for piece in pieces]) if pieces else ()
        for piece, answer in zip(pieces, answers, strict=True):
            if isinstance(answer, StoreError):
                piece.error = answer
            else:
                piece.result = answer


def _change(cursor: Cursor, piece: _Piece, *, alone: bool) -> None:
    """One change. Alone it needs no savepoint: the transaction falls with it, and `_do` keeps what it raised."""
    work = cast("Change[Any]", piece.work)
    if alone:
        piece.result = work(cursor)
        return
    # The driver's own statements: Django's savepoints cost as much as the change.
    cursor.execute("SAVEPOINT piece")
    try:
        piece.result = work(cursor)
    except (DatabaseError, cast("Any", connection).Database.DatabaseError):
        raise
    except Exception as error:  # noqa: BLE001  # it belongs to whoever asked for the change
        piece.error = error
        cursor.execute("ROLLBACK TO SAVEPOINT piece")
    cursor.execute("RELEASE SAVEPOINT piece")


def _drop_broken_connection() -> None:
    """A connection that lost its server is closed; the next batch opens a new one."""
    try:
        connection.close_if_unusable_or_obsolete()
        if connection.connection is not None and not connection.is_usable():
            connection.close()
    except (DatabaseError, InterfaceError):
        connection.close()


def _answer(pieces: Sequence[_Piece]) -> None:
    for piece in pieces:
        # A cancelled caller's future is done already.
        if piece.future.done():
            continue
        if piece.error is not None:
            piece.future.set_exception(piece.error)
        else:
            piece.future.set_result(piece.result)
