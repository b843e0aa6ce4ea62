"""The IMAP server over the store in memory, as a process of its own, for clients and measurements.

    python -m tests.imap.serve_memory [--messages N] [--port P] [--people N]

Prints one JSON line when it accepts connections: `{"port", "tls_port", "ca"}`. Ada has N messages in INBOX;
`u1@example.is` and so on have none; the password of all is `open-sesame`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import ssl
from datetime import UTC, datetime

import trustme
import uvloop

from mailhost.imap.limits import Limits
from mailhost.imap.server import Listener, NoMetrics, serve
from tests.imap.dialogue import NOW, PASSWORD, ada_with, message
from tests.imap.memory import MemoryStore


def filled(messages: int, people: int) -> MemoryStore:
    """Ada's messages share a hundred contents."""
    store = ada_with(0)
    _password, mailbox = store._people["ada@example.is"]
    made = [store.make_message(message(f"Message {n}", f"Body {n}."), NOW, NOW) for n in range(100)]
    for number in range(messages):
        mailbox.boxes["INBOX"].add(made[number % 100], ())
    for number in range(1, people + 1):
        store.add_person(f"u{number}@example.is", PASSWORD)
    return store


def bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.setblocking(False)
    return made


async def run(store: MemoryStore, port: int) -> None:
    """Serve until TERM."""
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    plain, implicit = bound(port), bound(0)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def ready() -> None:
        ports = {"port": plain.getsockname()[1], "tls_port": implicit.getsockname()[1]}
        print(json.dumps(ports | {"ca": authority.cert_pem.bytes().decode()}), flush=True)

    await serve(
        store,
        [Listener(plain, tls=tls, clear_on_loopback=True), Listener(implicit, tls=tls, implicit=True)],
        Limits(rest_time=0.5, per_user=1000),
        NoMetrics(),
        stop,
        clock=lambda: datetime.now(UTC),
        ready=ready,
    )


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=0)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    uvloop.run(run(filled(asked.messages, asked.people), asked.port))


if __name__ == "__main__":
    main()
