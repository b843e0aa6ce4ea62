"""Seeing what other processes did: one watcher a process, for folders and for routes.

SQLite: `PRAGMA data_version` on a connection of its own changes when any other connection commits; asking costs
3 µs, so it is asked every POLL_SECONDS. PostgreSQL: the same cadence would cost a round trip, so a connection
LISTENs, and a slow poll stands behind it for a notice that got lost. Either way a change only *wakes*: what
happened is read from the tables (a folder's HIGHESTMODSEQ), so a missed or doubled wake-up is harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from mailhost.adapters.database import Readers, listed, one_of, statements
from mailhost.ports import StoreError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

# An IDLE client is to hear of new mail within 200 ms of its commit.
POLL_SECONDS: Final = 0.08
# PostgreSQL without a notice, or after a lost connection.
FALLBACK_SECONDS: Final = 5.0
CHANNELS: Final = ("skerry_folders", "skerry_routes")

# Called with the folder's HIGHESTMODSEQ.
type Callback = Callable[[int], None]


class Changes:
    """Wakes watchers of folders, and `on_any` functions after every change of the database."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._watchers: dict[int, set[Callback]] = {}
        self._seen: dict[int, int] = {}
        self._on_any: list[Callable[[], Awaitable[None]]] = []
        self._poke = asyncio.Event()

    def on_any(self, refresh: Callable[[], Awaitable[None]]) -> None:
        """Await `refresh()` after every change by anyone."""
        self._on_any.append(refresh)

    def watch_folder(self, folder_id: int, modseq: int, notify: Callback) -> Callable[[], None]:
        """Call `notify(modseq)` after the folder's HIGHESTMODSEQ passed `modseq`; returns the off switch."""
        self._watchers.setdefault(folder_id, set()).add(notify)
        self._seen[folder_id] = min(modseq, self._seen.get(folder_id, modseq))

        def off() -> None:
            watchers = self._watchers.get(folder_id)
            if watchers is not None:
                watchers.discard(notify)
                if not watchers:
                    del self._watchers[folder_id]
                    self._seen.pop(folder_id, None)

        return off

    def poke(self) -> None:
        """Look now: this process itself has just written."""
        if self._watchers or self._on_any:
            self._poke.set()

    async def run(self) -> None:
        """Watch until cancelled. A database that is gone is waited for."""
        signals = _sqlite_signals if connection.vendor == "sqlite" else _postgresql_signals
        async for _ in signals(self._poke):
            with contextlib.suppress(StoreError):
                await self._look()

    async def _look(self) -> None:
        for refresh in self._on_any:
            await refresh()
        if not self._watchers:
            return
        for folder_id, modseq in await self._readers.run(_modseqs, tuple(self._watchers)):
            if modseq != self._seen.get(folder_id):
                self._seen[folder_id] = modseq
                for notify in tuple(self._watchers.get(folder_id, ())):
                    notify(modseq)


def _modseqs(folder_ids: tuple[int, ...]) -> list[tuple[int, int]]:
    with statements() as cursor:
        cursor.execute(f"SELECT id, highestmodseq FROM mailhost_folder WHERE {one_of('id')}", [listed(folder_ids)])
        return list(cursor.fetchall())


async def _sqlite_signals(poke: asyncio.Event) -> AsyncIterator[None]:
    name = str(connection.settings_dict["NAME"])
    own = sqlite3.connect(name, uri=name.startswith("file:"), isolation_level=None, timeout=1)
    try:
        last: Any = None
        while True:
            try:
                version = own.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.Error:
                version = None
            if version != last or poke.is_set():
                last = version
                poke.clear()
                yield
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(poke.wait(), POLL_SECONDS)
    finally:
        own.close()


async def _postgresql_signals(poke: asyncio.Event) -> AsyncIterator[None]:
    # Imported where it is used: on SQLite, 8 MiB and a quarter second of every process for nothing.
    import psycopg  # noqa: PLC0415

    parameters = connection.get_connection_params()
    # All that libpq knows, so that the listener is as particular about its server as every other connection.
    keep = {option.keyword.decode("ascii") for option in psycopg.pq.Conninfo.get_defaults()}
    arguments = {key: value for key, value in parameters.items() if key in keep and value}
    while True:
        try:
            listener = await psycopg.AsyncConnection.connect(**arguments, autocommit=True)
        except psycopg.Error:
            await asyncio.sleep(1)
            continue
        async with listener:
            waiting = asyncio.create_task(_listen(listener, poke))
            try:
                yield
                while not waiting.done():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(poke.wait(), FALLBACK_SECONDS)
                    poke.clear()
                    yield
            finally:
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError, psycopg.Error):
                    await waiting


async def _listen(listener: AsyncConnection[Any], poke: asyncio.Event) -> None:
    try:
        for channel in CHANNELS:
            await listener.execute(f"LISTEN {channel}")
        async for _ in listener.notifies():
            poke.set()
    finally:
        poke.set()
