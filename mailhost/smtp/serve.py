"""The MX of one process: sockets in, sessions until told to stop.

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

from mailhost.limits import SmtpLimits
from mailhost.ports import Metrics
from mailhost.receive import Receiver
from mailhost.smtp.floor import Floor, House
from mailhost.smtp.server import Session

# How often sessions are looked after: the precision of every time limit of a session.
WATCH_EVERY = 5.0
BACKLOG = 512


async def serve_mx(
    sockets: Sequence[socket.socket],
    receiver: Receiver,
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
    floor = Floor(house, secrets.token_bytes(16))
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: Session(floor, loop), sock=sock, backlog=BACKLOG) for sock in sockets]
    watching = asyncio.create_task(_watch(floor))
    try:
        await stop.wait()
    finally:
        for server in servers:
            server.close()
        watching.cancel()
        await _send_home(floor)


async def _watch(floor: Floor) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(WATCH_EVERY)
        floor.watch(loop.time())


async def _send_home(floor: Floor) -> None:
    tasks = []
    for session in tuple(floor.sessions):
        session.stop()
        if session.task is not None:
            tasks.append(session.task)
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=floor.house.limits.farewell)
        for task in late:
            task.cancel()
    for session in tuple(floor.sessions):
        session.cut()
