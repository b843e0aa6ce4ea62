"""An SMTP session without a socket: a transport in memory, a client that writes and reads bytes.

`Talk` holds one MX with Ada, Ben and Cleo in it; `talk.client()` connects. Every step runs the event loop until the
session waits for input again, so tests need no clock and no sleep.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mailhost.deliver import Deliverer
from mailhost.limits import SmtpLimits
from mailhost.ports import HostedDomain, Route
from mailhost.receive import Receiver
from mailhost.routing import RouteCache
from mailhost.smtp.floor import Floor, House
from mailhost.smtp.server import Session
from tests.fakes import CountedMetrics, MemoryDirectory, MemoryLostAnswers, MemoryStore
from tests.people import ADA, BEN, CLEO, EXAMPLE_IS, EXAMPLE_NO, NOW

HOST = "mx.is-1.example"
MAIL = b"From: Cleo <cleo@example.no>\r\nTo: ada@example.is\r\nSubject: Tides\r\nMessage-ID: <1@example.no>\r\n\r\nHigh at noon.\r\n"


class Wire(asyncio.Transport):
    """A connected socket without a network."""

    def __init__(self, peer: tuple[str, int], **about: object) -> None:
        super().__init__({"peername": peer, **about})
        self.session: Session
        self.sent = bytearray()
        self.closed = False
        self.reading = True
        self.broken = False
        self.stuck = False
        self.pauses = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after close"
        self.sent += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if not self.stuck:
                asyncio.get_running_loop().call_soon(self.session.connection_lost, None)

    def abort(self) -> None:
        self.closed = True
        asyncio.get_running_loop().call_soon(self.session.connection_lost, None)

    def pause_reading(self) -> None:
        self.reading = False
        self.pauses += 1

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return 0


class Client:
    """The other end of one connection."""

    def __init__(self, floor: Floor, peer: str, **about: object) -> None:
        self.wire = Wire((peer, 50000), **about)
        self.session = Session(floor, asyncio.get_running_loop())
        self.wire.session = self.session
        self.session.connection_made(self.wire)

    async def read(self) -> str:
        """Everything the server said since the last look, once it has nothing more to say."""
        await settle()
        said = bytes(self.wire.sent).decode()
        self.wire.sent.clear()
        return said

    async def say(self, data: bytes | str) -> str:
        """Send as it is, and read the answer."""
        raw = data.encode() if isinstance(data, str) else data
        self.session.data_received(raw)
        return await self.read()

    async def line(self, *commands: str) -> str:
        """Send commands, pipelined, and read the answers."""
        return await self.say("".join(f"{command}\r\n" for command in commands))

    async def greet(self) -> str:
        """Past the greeting and EHLO."""
        await self.read()
        return await self.line("EHLO mail.example.no")

    async def envelope(self, *recipients: str, sender: str = "cleo@example.no") -> str:
        """MAIL and RCPT, after EHLO."""
        return await self.line(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{r}>" for r in recipients or ("ada@example.is",)))

    async def send(self, content: bytes = MAIL, *recipients: str) -> str:
        """A whole transaction; the last answer."""
        await self.envelope(*recipients)
        await self.line("DATA")
        return await self.say(content + b".\r\n")

    def half_close(self) -> None:
        """The client stops sending and may still read."""
        if not self.session.eof_received():
            self.wire.close()

    def vanish(self) -> None:
        """The connection is reset."""
        self.wire.closed = True
        self.session.connection_lost(ConnectionResetError())


async def settle() -> None:
    """Let every task run until it waits; work in threads gets a moment too."""
    for _ in range(30):
        await asyncio.sleep(0)


class Talk:
    """One MX in memory."""

    def __init__(self, limits: SmtpLimits | None = None, **made: Any) -> None:
        self.limits = limits or SmtpLimits()
        self.directory = MemoryDirectory(
            [EXAMPLE_IS, EXAMPLE_NO],
            {"ada@example.is": (ADA,), "ben@example.is": (BEN,), "cleo@example.no": (CLEO,)},
        )
        self.store = MemoryStore()
        self.lost = MemoryLostAnswers()
        self.metrics = CountedMetrics()
        self.clock = 0.0
        self.now = NOW
        self.slept: list[float] = []
        self.executor = ThreadPoolExecutor(1)
        routes = RouteCache(self.directory, lambda: self.clock)
        deliverer = Deliverer(
            hostname=HOST, routes=routes, store=self.store, limits=self.limits, executor=self.executor
        )
        receiver = Receiver(
            hostname=HOST,
            routes=routes,
            deliverer=deliverer,
            lost_answers=self.lost,
            key=b"k" * 32,
            now=lambda: self.now,
            limits=self.limits,
            judge=made.get("judge"),
            reports=made.get("reports"),
            filing=made["filing"](self, routes) if "filing" in made else None,
            returns=made["returns"](self, routes) if "returns" in made else None,
            sleep=self._sleep,
        )
        self.house = House(HOST, receiver, self.limits, self.metrics, lambda: made.get("tls"), "example.is")
        self.floor = Floor(self.house, b"f" * 16)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def host(self, domain: HostedDomain) -> None:
        self.directory.domains[domain.name] = domain

    def add(self, address: str, *routes: Route) -> None:
        self.directory.addresses[address] = routes

    def client(self, peer: str = "192.0.2.25") -> Client:
        return Client(self.floor, peer)

    async def greeted(self, peer: str = "192.0.2.25") -> Client:
        client = self.client(peer)
        await client.greet()
        return client
