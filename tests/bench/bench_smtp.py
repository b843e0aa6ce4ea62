"""What one message costs the receiving process: our session against stock aiosmtpd, with and without sealing.

    .venv/bin/python -m tests.bench.bench_smtp [--messages 4000] [--size 4096] [--connections 20] [--reuse]

Starts one server process a variant on a free loopback port, drives it with Postfix's smtp-source, and prints messages
a second (the client runs on the same cores: a lower bound) and processor microseconds a message of the server alone.
The store is a list that forgets: this measures protocol, routing, description and sealing, not the disk.
`--large` sends one 25 MiB message instead and prints how much memory it took and how long other sessions waited;
`--parts` prints where the microseconds of one message go; `--idle` opens connections that do nothing and prints what
each one keeps.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import multiprocessing
import os
import resource
import secrets
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import trustme
import uvloop

from mailhost.deliver import Deliverer, Envelope, summarise
from mailhost.limits import SmtpLimits
from mailhost.message.address import Address
from mailhost.message.describe import describe
from mailhost.message.trace import received
from mailhost.outcomes import NO_VERDICT, Outcome, Reason, outcome
from mailhost.ports import Delivery, Route
from mailhost.receive import Receiver, check_header
from mailhost.routing import RouteCache
from mailhost.seal import HybridIdentity, seal
from mailhost.seal.padding import body_pieces
from mailhost.seal.stream import encrypt_payload
from mailhost.smtp.commands import parse_mail
from mailhost.smtp.content import DataSink
from mailhost.smtp.serve import serve_mx
from tests.fakes import CountedMetrics, MemoryDirectory, MemoryLostAnswers
from tests.people import ADA, EXAMPLE_IS

VARIANTS = ("stock", "lean", "sealed")


class Forgetful:
    """A store that keeps nothing."""

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        await asyncio.sleep(0)


class Swallow:
    """A receiver that takes everything and does nothing: the protocol alone."""

    async def recipient(self, _address: Address, _size: int) -> tuple[Route, ...] | Outcome:
        return (ADA,)

    async def message(self, _envelope: Envelope, _content: bytearray) -> Outcome:
        return outcome(Reason.OK)

    async def answer_lost(self, _envelope: Envelope, _content: bytearray) -> None: ...


def _receiver(limits: SmtpLimits) -> Receiver:
    directory = MemoryDirectory([EXAMPLE_IS], {"ada@example.is": (ADA,)})
    routes = RouteCache(directory, time.monotonic)
    return Receiver(
        hostname="mx.example",
        routes=routes,
        deliverer=Deliverer(
            hostname="mx.example",
            routes=routes,
            store=Forgetful(),
            limits=limits,
            executor=ThreadPoolExecutor(2),
        ),
        lost_answers=MemoryLostAnswers(),
        key=secrets.token_bytes(32),
        now=lambda: datetime.now(UTC),
        limits=limits,
    )


def _serve(variant: str, listener: socket.socket, pipe: Connection) -> None:
    """The server process: serve until told, then send back its processor time and memory."""

    async def run() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe.fileno(), stop.set)
        if variant == "stock":
            from aiosmtpd.smtp import SMTP

            class Handler:
                async def handle_DATA(self, *_: Any) -> str:  # noqa: N802 - aiosmtpd's name
                    return "250 OK"

            server = await loop.create_server(
                lambda: SMTP(Handler(), hostname="mx.example", enable_SMTPUTF8=True), sock=listener
            )
            await stop.wait()
            server.close()
            return
        limits = SmtpLimits()
        certificate = None
        if variant == "idle":
            certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            trustme.CA().issue_cert("127.0.0.1").configure_cert(certificate)
        receiver: Any = _receiver(limits) if variant == "sealed" else Swallow()
        await serve_mx(
            [listener],
            receiver,
            lambda: certificate,
            limits,
            CountedMetrics(),
            stop,
            hostname="mx.example",
            postmaster_domain="example.is",
        )

    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    uvloop.run(run())
    used = resource.getrusage(resource.RUSAGE_SELF)
    pipe.send((time.process_time(), peak_before, used.ru_maxrss))


class Server:
    """A variant in a process of its own."""

    def __init__(self, variant: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(variant, self._listener, theirs), daemon=True)
        self._process.start()
        self._listener.close()
        self.pid = self._process.pid or 0
        with socket.create_connection(("127.0.0.1", self.port)) as probe:
            probe.recv(100)

    def cpu(self) -> float:
        """Seconds of processor time so far, of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, int]:
        """KiB resident now and at most."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        rows = dict(line.split(":", 1) for line in status.splitlines())
        return {name: int(rows[name].split()[0]) for name in ("VmRSS", "VmHWM")}

    def stop(self) -> None:
        self._pipe.send("stop")
        self._process.join(10)


def rate(variant: str, messages: int, size: int, connections: int, *, reuse: bool) -> tuple[float, float]:
    """Messages a second, and the server's processor microseconds a message."""
    server = Server(variant)
    try:
        command = ["smtp-source", "-s", str(connections), "-m", str(messages), "-l", str(size)]
        command += ["-f", "cleo@example.no", "-t", "ada@example.is"] + (["-d"] if reuse else [])
        before, began = server.cpu(), time.perf_counter()
        subprocess.run([*command, f"127.0.0.1:{server.port}"], check=True)
        took, used = time.perf_counter() - began, server.cpu() - before
    finally:
        server.stop()
    return messages / took, used / messages * 1e6


def large(size: int) -> None:
    """One large message: memory over its size, and the longest wait of a session that does something else."""
    server = Server("sealed")
    waits: list[float] = []
    done = threading.Event()

    def neighbour() -> None:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.ehlo("neighbour.example")
            while not done.is_set():
                began = time.perf_counter()
                client.noop()
                waits.append(time.perf_counter() - began)
                if len(waits) % 50 == 0:  # a session that brings no mail would be closed
                    client.sendmail("cleo@example.no", ["ada@example.is"], b"Subject: x\r\n\r\nx\r\n")
                time.sleep(0.001)

    # Random octets in base64, as an attachment that is compressed already: zstd saves only a quarter of it.
    content = b"Subject: large\r\n\r\n" + base64.encodebytes(secrets.token_bytes(size * 74 // 100)).replace(
        b"\n", b"\r\n"
    )
    beside = threading.Thread(target=neighbour)
    try:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.sendmail("cleo@example.no", ["ada@example.is"], b"Subject: first\r\n\r\nwarm up\r\n")
            before = server.memory()["VmRSS"]
            beside.start()
            time.sleep(0.3)
            quiet = max(waits)
            waits.clear()
            client.mail("cleo@example.no")
            client.rcpt("ada@example.is")
            client.docmd("DATA")
            began = time.perf_counter()
            # Not sendmail: it would keep the neighbour's thread waiting itself while it looks for dots.
            client.send(content + b".\r\n")
            code, _ = client.getreply()
            took = time.perf_counter() - began
            assert code == 250, code
            peak = server.memory()["VmHWM"]
    finally:
        done.set()
        beside.join()
        server.stop()
    print(
        f"{len(content) / 2**20:.0f} MiB in {took:.2f} s, {(peak - before) * 1024 / len(content):.2f} x its size in memory;"
    )
    print(f"a neighbour waited at most {max(waits) * 1000:.0f} ms ({quiet * 1000:.0f} ms before)")


def idle(count: int = 400) -> None:
    """Memory of a connection that does nothing, in clear and under TLS."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for under_tls in (False, True):
        server = Server("idle")
        clients = []
        for number in range(count + 50):
            if number == 50:
                before = server.memory()["VmRSS"]
            clients.append(smtplib.SMTP("127.0.0.1", server.port, local_hostname="idle.example"))
            if under_tls:
                clients[-1].starttls(context=context)
        cost = (server.memory()["VmRSS"] - before) / count
        print(f"an idle connection {'under TLS' if under_tls else 'in clear'}: {cost:.1f} KiB")
        for client in clients:
            client.close()
        server.stop()


def parts(size: int) -> None:
    """Where the processor microseconds of one message go, each step alone and warm; the best of many rounds."""
    text = base64.encodebytes(secrets.token_bytes(size * 74 // 100)).replace(b"\n", b"\r\n")
    content = bytearray(
        b"From: Cleo <cleo@example.no>\r\nTo: Ada <ada@example.is>\r\nSubject: Tides\r\nMessage-ID: <1@example.no>\r\n"
        b"Date: Thu, 2 Jan 2025 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" + text
    )
    sent = bytes(content) + b".\r\n"
    moment, key, nonce = datetime.now(UTC), secrets.token_bytes(16), secrets.token_bytes(16)
    recipient = HybridIdentity.generate().recipient
    described = describe(content)
    trace = received(helo="mail.example.no", by="mx.example", protocol="ESMTP", queue_id="0" * 32, date=moment)
    summary = summarise(described, len(trace), NO_VERDICT, moment)
    steps: dict[str, Callable[[], object]] = {
        "protocol: content off the wire": lambda: DataSink(len(sent)).feed(sent),
        "protocol: MAIL": lambda: parse_mail("FROM:<cleo@example.no>", extended=True),
        "receive: loops and header bombs": lambda: check_header(content, "mx.example", SmtpLimits()),
        "deliver: describe": lambda: describe(content),
        "deliver: Received": lambda: received(
            helo="mail.example.no", by="mx.example", protocol="ESMTP", queue_id="0" * 32, date=moment
        ),
        "deliver: summary": lambda: summarise(described, len(trace), NO_VERDICT, moment),
        "seal: compress and pad": lambda: list(body_pieces([trace, content])),
        "seal: encrypt": lambda: encrypt_payload(key, nonce, [trace, content]),
        "seal: encapsulate (X-Wing)": lambda: recipient.wrap(key),
        "seal: all of it": lambda: seal(recipient, [trace, content], summary),
    }
    print(f"{'step':36}{'us CPU':>10}")
    for name, step in steps.items():
        best = min(_seconds(step) for _ in range(20))
        print(f"{name:36}{best * 1e6:10.1f}")


def _seconds(step: Callable[[], object], times: int = 20) -> float:
    began = time.thread_time()
    for _ in range(times):
        step()
    return (time.thread_time() - began) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--connections", type=int, default=20)
    parser.add_argument("--reuse", action="store_true", help="many messages a connection")
    parser.add_argument("--large", action="store_true", help="one message of 25 MiB")
    parser.add_argument("--idle", action="store_true", help="connections that do nothing")
    parser.add_argument("--parts", action="store_true", help="where the microseconds of one message go")
    arguments = parser.parse_args()
    if arguments.parts:
        parts(arguments.size)
        return
    if shutil.which("smtp-source") is None:
        sys.exit("smtp-source is missing; it comes with Postfix (Debian: apt install postfix)")
    if arguments.large:
        large(25 * 2**20)
        return
    if arguments.idle:
        idle()
        return
    print(f"{'variant':10}{'messages/s':>12}{'us CPU/message':>16}{'messages/cpu-s':>16}")
    for variant in VARIANTS:
        speed, cost = rate(variant, arguments.messages, arguments.size, arguments.connections, reuse=arguments.reuse)
        print(f"{variant:10}{speed:12.0f}{cost:16.0f}{1e6 / cost:16.0f}")


if __name__ == "__main__":
    main()
