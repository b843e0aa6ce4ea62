"""The SMTP doors of one process, MX and submission: sockets in, sessions until told to stop.

The caller opens the sockets (SO_REUSEPORT, so that N processes share a port), makes the use-cases and sets `stop`.
A stop is orderly: no new connections, sessions that wait are told 421, a message that is being stored gets its
answer, and what is left after `SmtpLimits.farewell` is cut. A message that was not answered was not taken over.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailhost.limits import SmtpLimits
from mailhost.ports import Metrics
from mailhost.smtp.budget import Budget
from mailhost.smtp.floor import Floor, House, Intake
from mailhost.smtp.server import Session

# How often sessions are looked after: the precision of every time limit of a session.
WATCH_EVERY = 5.0
BACKLOG = 512


async def serve_mx(
    sockets: Sequence[socket.socket],
    receiver: Intake,
    tls_context_provider: Callable[[], ssl.SSLContext | None],
    limits: SmtpLimits,
    metrics: Metrics,
    stop: asyncio.Event,
    *,
    hostname: str,
    postmaster_domain: str,
) -> None:
    """Serve until `stop` is set. The sockets are bound, and closed on return.

    `tls_context_provider` is asked at each STARTTLS, so a renewed certificate serves from the next one on.
    """
    house = House(hostname, receiver, limits, metrics, tls_context_provider, postmaster_domain)
    await serve([Door(sockets, house)], stop)


@dataclass(frozen=True, slots=True)
class Door:
    """Bound sockets and the house behind them; `implicit` says that TLS comes first (RFC 8314 §3.3)."""

    sockets: Sequence[socket.socket]
    house: House
    implicit: bool = False


async def serve(doors: Sequence[Door], stop: asyncio.Event) -> None:
    """Serve all doors until `stop` is set; they share one memory budget. The sockets are closed on return."""
    loop = asyncio.get_running_loop()
    limits = doors[0].house.limits
    budget = Budget(limits.in_flight, limits.in_flight_free)
    floors = {id(door.house): Floor(door.house, secrets.token_bytes(16), budget) for door in doors}
    servers = [
        await loop.create_server(
            _session_of(floors[id(door.house)], loop),
            sock=sock,
            backlog=BACKLOG,
            ssl=door.house.tls() if door.implicit else None,
            ssl_handshake_timeout=limits.handshake if door.implicit else None,
        )
        for door in doors
        for sock in door.sockets
    ]
    watching = asyncio.create_task(_watch(list(floors.values())))
    try:
        await stop.wait()
    finally:
        for server in servers:
            server.close()
        watching.cancel()
        await _send_home(list(floors.values()), limits.farewell)


def _session_of(floor: Floor, loop: asyncio.AbstractEventLoop) -> Callable[[], Session]:
    return lambda: Session(floor, loop)


async def _watch(floors: Sequence[Floor]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(WATCH_EVERY)
        for floor in floors:
            floor.watch(loop.time())


async def _send_home(floors: Sequence[Floor], farewell: float) -> None:
    sessions = [session for floor in floors for session in tuple(floor.sessions)]
    for session in sessions:
        session.stop()
    tasks = [session.task for session in sessions if session.task is not None]
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=farewell)
        for task in late:
            task.cancel()
    for floor in floors:
        for session in tuple(floor.sessions):
            session.cut()
