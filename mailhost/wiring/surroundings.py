"""What the edge of the program gives every daemon, and what every daemon does the same way."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import uvloop

from jurisdiction.notary import Notary
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.changes import Changes
from mailhost.adapters.database import Readers
from mailhost.adapters.egress import Where
from mailhost.adapters.workshop import Workshop
from mailhost.adapters.writer import Writer
from mailhost.message.letter import Say
from mailhost.ports import Metrics
from mailhost.wiring.chosenlimits import ChosenLimits


class Settings(ChosenLimits, Protocol):
    """What a daemon needs of the settings (`webadmin.environ.Environ`)."""

    @property
    def cell(self) -> str: ...
    @property
    def hostname(self) -> str: ...
    @property
    def web_address(self) -> str: ...
    @property
    def bind(self) -> str: ...
    @property
    def mx_port(self) -> int: ...
    @property
    def submission_port(self) -> int: ...
    @property
    def submissions_port(self) -> int: ...
    @property
    def imap_port(self) -> int: ...
    @property
    def imaps_port(self) -> int: ...
    @property
    def blobs(self) -> Path: ...
    @property
    def outgoing(self) -> Path: ...
    @property
    def keys(self) -> Path: ...
    @property
    def queue_keys(self) -> Path: ...
    @property
    def resolver(self) -> str: ...
    @property
    def block_lists(self) -> tuple[str, ...]: ...
    @property
    def rspamd(self) -> str: ...
    @property
    def reports_address(self) -> str: ...
    @property
    def stranger_networks(self) -> tuple[str, ...]: ...
    @property
    def smarthost(self) -> str: ...
    @property
    def private_targets(self) -> bool: ...
    @property
    def tls_reports(self) -> bool: ...
    @property
    def imap_clear_on_loopback(self) -> bool: ...
    @property
    def demo(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """The cell's key files that daemons use (`docs/operations.md` says what each loss would mean)."""

    app_password: bytes
    correspondent: bytes


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the edge of the program gives a daemon. `read_or_make` gives the 32 bytes of a key file, `where` makes the
    look-up of addresses' places, for the one daemon that needs it, `say` gives the sentences of a language."""

    settings: Settings
    secrets: Secrets
    metrics: Metrics
    tls: Callable[[], ssl.SSLContext | None]
    ready: Callable[[], None]
    notary: Callable[[], Notary]
    where: Callable[[], Where]
    say: Callable[[str], Say]
    read_or_make: Callable[[Path], bytes]


def now() -> datetime:
    """The clock of the daemons."""
    return datetime.now(UTC)


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def bound(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for `host`, one for each address family, that other processes may share."""
    found = []
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        found.append(sock)
    return found


@asynccontextmanager
async def workshop(settings: Settings) -> AsyncIterator[Workshop]:
    readers, writer, blobs = Readers(), Writer(), FileBlobs(settings.blobs)
    blobs.prepare()
    writer.start()
    changes = Changes(readers)
    watching = asyncio.create_task(changes.run())
    try:
        yield Workshop(readers, writer, blobs, changes)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        # What sessions have handed over is committed before the process ends.
        await asyncio.get_running_loop().run_in_executor(None, writer.stop)
        await asyncio.get_running_loop().run_in_executor(None, readers.close)
