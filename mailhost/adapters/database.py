"""Plain SQL on Django's connections: the few places where SQLite and PostgreSQL differ, and the reading threads.

The hot paths (delivery, IMAP) speak SQL: an ORM look-up costs 250-500 µs, a cursor of Django's 20, the driver's own
10. Django still owns the schema, the connection and the transaction. Every statement here takes lists as *one*
parameter, so that its text stays the same and the engines can keep the prepared statement.

Errors of the engine become the two that callers can act on: `StoreFull` (ask the sender to wait for space) and
`StoreUnavailable` (locked, gone, restarting).
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from queue import SimpleQueue
from typing import Any, Protocol, cast

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections

from mailhost.ports import StoreFull, StoreUnavailable

Row = tuple[Any, ...]
# Reading threads of one process: enough to keep a slow disk busy, few enough to keep PostgreSQL's slots free.
READERS = 4
# What was read so many seconds ago is in the machine's memory still: programs look for new mail every ten minutes.
LATELY = 900.0
# Names that `again` remembers, of some hundred octets each; then it begins anew.
REMEMBERED = 10_000
# Rows of one statement: SQLite takes 32,766 parameters, and keeps 128 prepared texts a connection.
ROWS_TOGETHER = 32


class Cursor(Protocol):
    """What the statements need of a cursor: the driver's own, or Django's."""

    rowcount: int

    def execute(self, sql: str, params: Sequence[Any] = ..., /) -> Any: ...
    def executemany(self, sql: str, params: Sequence[Sequence[Any]], /) -> Any: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def fetchmany(self, size: int = ..., /) -> list[Any]: ...


@cache
def on_sqlite() -> bool:
    """Whether this process's engine is SQLite; else it is PostgreSQL."""
    return connection.vendor == "sqlite"


@cache
def _question_marks(sql: str) -> str:
    return sql.replace("%s", "?")


class _SqliteCursor(sqlite3.Cursor):
    """The driver's cursor with the placeholders that all statements here are written with."""

    def execute(self, sql: str, params: Any = (), /) -> _SqliteCursor:
        super().execute(_question_marks(sql), params)
        return self

    def executemany(self, sql: str, params: Any, /) -> _SqliteCursor:
        super().executemany(_question_marks(sql), params)
        return self


@contextmanager
def statements() -> Iterator[Cursor]:
    """A cursor of the driver on this thread's connection, inside Django's transaction if there is one."""
    # Found once: each look through Django's stand-in for "this thread's connection" costs some microseconds.
    own = connections[DEFAULT_DB_ALIAS]
    if own.connection is None:
        own.ensure_connection()
    driver: Any = own.connection
    cursor = driver.cursor(_SqliteCursor) if on_sqlite() else driver.cursor()
    try:
        yield cursor
    finally:
        cursor.close()


def broken() -> tuple[type[Exception], ...]:
    """Errors that say the engine, not the statement, is in trouble: Django's names and the driver's."""
    driver = cast("Any", connection).Database
    return (OperationalError, InterfaceError, driver.OperationalError, driver.InterfaceError)


def sql_state(error: BaseException) -> str | None:
    """PostgreSQL's five characters, from the error or the one beneath it."""
    state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    return str(state) if state else None


def one_of(column: str, kind: str = "bigint") -> str:
    """Condition `column IN (the list given as one parameter)`; pass the list through `listed`."""
    if not on_sqlite():
        return f"{column} = ANY(%s::{kind}[])"
    return f"{column} IN (SELECT value FROM json_each(%s))"


def listed(values: Iterable[int | str]) -> Any:
    """The parameter that belongs to `one_of`."""
    return json.dumps(list(values)) if on_sqlite() else list(values)


def for_update() -> str:
    """Row locks where the engine has them; SQLite's writer already holds the only write lock."""
    return "" if on_sqlite() else " FOR UPDATE"


def rounded(moment: datetime) -> datetime:
    """The hour a moment falls in: all that a clear column may say."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def stored(moment: datetime) -> Any:
    """A datetime as the engine's driver wants it."""
    return connection.ops.adapt_datetimefield_value(moment)


@lru_cache(maxsize=1024)  # most columns hold whole hours, which a mailbox has few of
def read_moment(value: Any) -> datetime:
    """A datetime column as read by a plain cursor."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def fetch_together(cursor: Cursor, columns: str, rest: str, params: Sequence[Any]) -> list[Sequence[Any]]:
    """The rows of `SELECT columns rest`, whose values are numbers and texts.

    SQLite's driver lets go of the interpreter for every row, and the event loop takes it each time; so the rows
    come as one text.
    """
    if not on_sqlite():
        cursor.execute(f"SELECT {columns} {rest}", params)
        return list(cursor.fetchall())
    cursor.execute(f"SELECT json_group_array(json_array({columns})) {rest}", params)
    rows: list[Sequence[Any]] = json.loads(cursor.fetchone()[0])
    return rows


def fetch_columns(cursor: Cursor, names: Sequence[str], select: str, params: Sequence[Any]) -> list[list[Any]]:
    """The columns `names` of what `select` gives, each as a list in its order; values are numbers and texts.

    As `fetch_together`, where a row need not become an object of its own.
    """
    if not on_sqlite():
        cursor.execute(select, params)
        return [list(column) for column in zip(*cursor.fetchall(), strict=True)] or [[] for _ in names]
    cursor.execute(f"SELECT {', '.join(f'json_group_array({name})' for name in names)} FROM ({select})", params)
    return [json.loads(column) for column in cursor.fetchone()]


def change_together(cursor: Cursor, before: str, rows: Sequence[Sequence[Any]], after: str = "") -> list[Row]:
    """Run `before VALUES (…), (…) after` for all rows in few statements: each is one round trip, or one turn with
    the interpreter. The texts are few, so the engine finds them prepared. What `after` returns, in no order.
    """
    found: list[Row] = []
    for run in itertools.batched(rows, ROWS_TOGETHER):
        cursor.execute(_with_rows(before, len(run), len(run[0]), after), list(itertools.chain.from_iterable(run)))
        if "RETURNING" in after:
            found += cursor.fetchall()
    return found


@cache
def _with_rows(before: str, rows: int, columns: int, after: str) -> str:
    row = f"({', '.join(['%s'] * columns)})"
    return f"{before} VALUES {', '.join([row] * rows)} {after}"


def next_ids(cursor: Cursor, table: str, count: int) -> Sequence[int]:
    """`count` fresh primary keys of `table`, inside the transaction that uses them."""
    if not on_sqlite():
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", [table, count])
        return [row[0] for row in cursor.fetchall()]
    # AUTOINCREMENT: sqlite_sequence remembers ids of deleted rows, so an id never comes back.
    cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
    row = cursor.fetchone()
    first = (row[0] if row else 0) + 1
    return range(first, first + count)


@contextmanager
def engine_errors() -> Iterator[None]:
    """Turn the engine's own failures into StoreFull or StoreUnavailable."""
    try:
        yield
    except broken() as error:
        if is_full(error):
            raise StoreFull("no space left for the database") from None
        raise StoreUnavailable(type(error).__name__) from None
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StoreFull("no space left on the device") from None
        raise StoreUnavailable(type(error).__name__) from None


def is_full(error: BaseException) -> bool:
    """Whether the engine says that its disk is full."""
    names = {getattr(each, "sqlite_errorname", "") for each in (error, error.__cause__)}
    # PostgreSQL class 53: 53100 disk_full.
    return "SQLITE_FULL" in names or sql_state(error) == "53100"


@dataclass(slots=True)
class _Question:
    """A query on its way to a reading thread, and where its answer goes."""

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    query: Callable[..., Any]
    args: tuple[Any, ...]


type _Bell = SimpleQueue[_Question | None]


class Readers:
    """A few threads that read, each with its own connection; SELECTs never block the event loop.

    An executor of the library's costs as much as a small query, with its two futures and four locks a question. Here
    the thread that worked last works next: its statements are prepared, its pages are in memory.
    """

    def __init__(self, threads: int = READERS) -> None:
        self._most = threads
        self._lock = threading.Lock()  # over what stands below
        self._threads: list[threading.Thread] = []
        self._idle: list[_Bell] = []
        self._waiting: deque[_Question] = deque()
        self._closed = False
        # What `again` found, and when; the connection of the event loop's own thread.
        self._lately: dict[bytes, float] = {}
        self._own: sqlite3.Connection | None = None

    async def run[T](self, query: Callable[..., T], *args: Any) -> T:
        """`query(*args)` in a reading thread. Raises StoreFull, StoreUnavailable."""
        loop = asyncio.get_running_loop()
        question = _Question(loop, loop.create_future(), query, args)
        self._ask(question)
        return cast("T", await question.future)

    async def again[T](self, name: bytes, query: Callable[..., T | None], *args: Any) -> T | None:
        """`query(cursor, *args)`, which reads a few rows by their keys and is None where there are none.

        On SQLite a question to another thread costs more than such a query does. But a disk may be slow, and who waits
        for it on the event loop keeps everybody waiting: so what was found under `name` lately, and is in the
        machine's memory therefore, is read on the spot, and all else in a reading thread. Raises StoreFull,
        StoreUnavailable.
        """
        now = asyncio.get_running_loop().time()
        if on_sqlite() and not self._closed and now - self._lately.get(name, -LATELY) < LATELY:
            try:
                return self._on_the_spot(query, args)
            except sqlite3.Error:  # locked, or the file is another one now: the thread finds out
                self._leave_the_spot()
        found: T | None = await self.run(_with_cursor, query, args)
        if found is not None:
            if len(self._lately) >= REMEMBERED:
                self._lately.clear()
            self._lately[name] = now
        return found

    def _on_the_spot[T](self, query: Callable[..., T], args: tuple[Any, ...]) -> T:
        if self._own is None:
            file = str(connection.settings_dict["NAME"])
            # Nobody waits here, neither for a lock nor for a disk; `close` is called from another thread.
            self._own = sqlite3.connect(
                file, uri=file.startswith("file:"), isolation_level=None, timeout=0, check_same_thread=False
            )
            self._own.execute("PRAGMA query_only = ON")
        cursor = self._own.cursor(_SqliteCursor)
        try:
            return query(cursor, *args)
        finally:
            cursor.close()

    def _leave_the_spot(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.close()

    def _ask(self, question: _Question) -> None:
        with self._lock:
            if self._closed:
                raise StoreUnavailable("stopping")
            if self._idle:
                self._idle.pop().put(question)
                return
            self._waiting.append(question)
            if len(self._threads) < self._most:
                thread = threading.Thread(target=self._read, name="reader", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _read(self) -> None:
        bell: _Bell = SimpleQueue()
        self._free(bell)
        while self._take(bell):
            pass
        connection.close()

    def _take(self, bell: _Bell) -> bool:
        """Answer the next question, and keep nothing of it; False at the end."""
        question = bell.get()
        if question is None:
            return False
        result, problem = (None, None) if question.future.cancelled() else _answer(question)
        # First free, then told: who asks again at once finds this thread.
        self._free(bell)
        with suppress(RuntimeError):  # the loop was closed, as its process stops
            question.loop.call_soon_threadsafe(_settle, question.future, result, problem)
        return True

    def _free(self, bell: _Bell) -> None:
        """The thread of this bell takes what waits, or the next that comes, or its leave."""
        with self._lock:
            if self._waiting:
                bell.put(self._waiting.popleft())
            elif self._closed:
                bell.put(None)
            else:
                self._idle.append(bell)

    def close(self) -> None:
        """End the threads and their connections, after the queries that run."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().put(None)
        for thread in self._threads:
            thread.join()
        self._leave_the_spot()


def _with_cursor[T](query: Callable[..., T], args: tuple[Any, ...]) -> T:
    with statements() as cursor:
        return query(cursor, *args)


def _answer(question: _Question) -> tuple[Any, BaseException | None]:
    try:
        return _guarded(question.query, question.args), None
    except BaseException as error:  # noqa: BLE001  # it belongs to whoever asked
        return None, error


def _settle(future: asyncio.Future[Any], result: object, problem: BaseException | None) -> None:
    if future.done():  # cancelled meanwhile
        return
    if problem is not None:
        future.set_exception(problem)
    else:
        future.set_result(result)


def _guarded[T](query: Callable[..., T], args: tuple[Any, ...]) -> T:
    with engine_errors():
        try:
            return query(*args)
        except broken():
            # A connection that broke is replaced at the next query of this thread.
            if not connection.in_atomic_block:
                connection.close()
            raise
