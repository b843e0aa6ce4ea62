"""Listening: sockets, TLS, the sweep of time-outs, and a stop that ends every conversation politely.

`serve` runs until `stop` is set. Sockets come in bound (several processes may share a port by SO_REUSEPORT);
certificates are reloaded by loading them into the same `SSLContext`. On uvloop an idle TLS connection takes a
tenth of the memory it takes on asyncio, so the caller should run one.
"""

from __future__ import annotations

import asyncio
import ctypes
import functools
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailhost.imap import endedlogins
from mailhost.imap.connection import Connection
from mailhost.imap.conversation import Metrics
from mailhost.imap.endpoint import Endpoint, Roster
from mailhost.imap.limits import Gate, Limits, MemoryBudget
from mailhost.imap.pieces import Pieces
from mailhost.imap.store import Accounts

# Seconds between two looks at all connections.
SWEEP = 1.0
# Connections looked at in one go: a sweep over thousands must not be felt.
SWEEP_SLICE = 500
BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket. `implicit` TLS begins with the first octet; else `tls` is offered as STARTTLS.

    `clear_on_loopback` takes passwords in clear from this machine (a local proxy, a benchmark); off by default.
    `disabled` are capabilities this listener does not offer.
    """

    socket: socket.socket
    tls: ssl.SSLContext | None = None
    implicit: bool = False
    clear_on_loopback: bool = False
    disabled: frozenset[str] = frozenset()


class NoMetrics:
    """Counts nothing."""

    def count(self, event: str, amount: int = 1) -> None:
        """Forget it."""


async def serve(
    accounts: Accounts,
    listeners: Sequence[Listener],
    limits: Limits,
    metrics: Metrics,
    stop: asyncio.Event,
    *,
    clock: Callable[[], datetime],
    ready: Callable[[], None] | None = None,
) -> None:
    """Serve until `stop` is set; `ready` is called once every listener accepts connections."""
    loop = asyncio.get_running_loop()
    connections = Roster()
    gate = Gate(limits, now=loop.time, key=os.urandom(32))
    budget = MemoryBudget(limits.literal_memory, (limits.user_literals, limits.tenant_literals))
    pieces = Pieces(limits.kept_pieces)
    servers = []
    logins = loop.create_task(endedlogins.watch(accounts, connections, limits.login_look))
    try:
        for listener in listeners:
            endpoint = Endpoint(
                accounts=accounts,
                gate=gate,
                budget=budget,
                pieces=pieces,
                limits=limits,
                metrics=metrics,
                clock=clock,
                connections=connections,
                tls=listener.tls,
                clear_on_loopback=listener.clear_on_loopback,
                disabled=listener.disabled,
            )
            servers.append(await _listen(loop, listener, endpoint))
        if ready is not None:
            ready()
        await _sweep_until(stop, connections)
    finally:
        logins.cancel()
        for server in servers:
            server.close()
        await _say_goodbye(connections, limits)


async def _listen(loop: asyncio.AbstractEventLoop, listener: Listener, endpoint: Endpoint) -> asyncio.Server:
    implicit = listener.tls if listener.implicit else None
    return await loop.create_server(
        lambda: Connection(endpoint),
        sock=listener.socket,
        ssl=implicit,
        backlog=BACKLOG,
        ssl_handshake_timeout=endpoint.limits.handshake_time if implicit else None,
    )


async def _sweep_until(stop: asyncio.Event, connections: Roster) -> None:
    loop = asyncio.get_running_loop()
    trim = functools.partial(_find_trim(), 0)
    while not stop.is_set():
        try:
            async with asyncio.timeout(SWEEP):
                await stop.wait()
        except TimeoutError:
            everyone = list(connections)
            packed = 0
            for start in range(0, len(everyone), SWEEP_SLICE):
                packed += sum(connection.tick(loop.time()) for connection in everyone[start : start + SWEEP_SLICE])
                await asyncio.sleep(0)
            if packed:
                trim()


def _no_trim(_pad: int) -> int:
    return 0


def _find_trim() -> Callable[[int], int]:
    """glibc keeps what was freed between live blocks; `malloc_trim` gives those pages back. Others need no help."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return _no_trim
    return found


async def _say_goodbye(connections: Roster, limits: Limits) -> None:
    for connection in connections:
        connection.stop()
    await connections.gone(limits.stop_time)
    for connection in connections:
        await connection.cut_off()
    # Whoever stops the process ends the store behind this.
    await connections.gone(limits.undo_time)
