"""Another mail host on loopback, for journeys: aiosmtpd with answers that a test chooses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.patience import PATIENCE, eventually
from tests.servers.ports import free_port


@dataclass
class Arrived:
    """One accepted message."""

    sender: str
    recipients: list[str]
    content: bytes


@dataclass
class OtherHost:
    """`refuse` gives the reply to a recipient ("" accepts), `slow` seconds before the end of DATA is answered."""

    port: int
    refuse: Callable[[str], str] = lambda _recipient: ""
    slow: float = 0.0
    arrived: list[Arrived] = field(default_factory=list)
    connections: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name for it
        self, _server: SMTP, session: Session, _envelope: Envelope, name: str, replies: list[str]
    ) -> list[str]:
        session.host_name = name
        self.connections += 1
        return replies

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if reply := self.refuse(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name for it
        if self.slow:
            await asyncio.sleep(self.slow)
        with self._lock:
            content: Any = envelope.content
            self.arrived.append(Arrived(envelope.mail_from or "", list(envelope.rcpt_tos), bytes(content)))
        return "250 2.0.0 kept"

    def wait_for(self, count: int) -> None:
        eventually(lambda: len(self.arrived) >= count, lambda: f"{len(self.arrived)} of {count} messages arrived")


@contextmanager
def other_host(port: int = 0, address: str = "127.0.0.1") -> Iterator[OtherHost]:
    """A host that takes mail on loopback while the context lasts."""
    made = OtherHost(port or free_port())
    controller = Controller(
        made, hostname=address, port=made.port, ident="other", server_hostname="mx.other.test", ready_timeout=PATIENCE
    )
    controller.start()
    try:
        yield made
    finally:
        controller.stop()
