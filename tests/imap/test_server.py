"""The server on real sockets: TLS both ways, time-outs, and a polite stop. Loopback only."""

from __future__ import annotations

import asyncio
import imaplib
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from mailhost.imap.limits import Limits
from mailhost.imap.server import Listener, serve
from tests.imap.dialogue import ADA, PASSWORD, Clock, Counters, ada_with
from tests.patience import PATIENCE, eventually

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def bound() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


class House:
    """A running server and how to reach it."""

    def __init__(self, authority: trustme.CA) -> None:
        self.server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(self.server_tls)
        self.client_tls = ssl.create_default_context()
        authority.configure_trust(self.client_tls)
        self.plain, self.implicit = bound(), bound()
        self.plain_port, self.implicit_port = (s.getsockname()[1] for s in (self.plain, self.implicit))
        self.metrics = Counters()
        self.store = ada_with(3)
        self._ready = threading.Event()
        self._stop: Callable[[], object] = bool

    def listeners(self, *, clear: bool) -> list[Listener]:
        return [
            Listener(self.plain, tls=self.server_tls, clear_on_loopback=clear),
            Listener(self.implicit, tls=self.server_tls, implicit=True),
        ]

    async def run(self, listeners: list[Listener], limits: Limits) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stop.set)
        await serve(self.store, listeners, limits, self.metrics, stop, clock=Clock(), ready=self._ready.set)

    def start(self, *, clear: bool, limits: Limits) -> None:
        """On a thread with a loop of its own, uvloop as in production."""
        work = self.run(self.listeners(clear=clear), limits)
        self._thread = threading.Thread(target=uvloop.run, args=(work,))
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._stop()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@asynccontextmanager
async def running(authority: trustme.CA, *, clear: bool = False, **limits: Any) -> AsyncIterator[House]:
    house = House(authority)
    house.start(clear=clear, limits=Limits(**limits))
    try:
        yield house
    finally:
        await asyncio.to_thread(house.stop)


async def in_thread[T](work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)


async def test_implicit_tls(authority: trustme.CA) -> None:
    async with running(authority) as house:

        def talk() -> list[Any]:
            with imaplib.IMAP4_SSL("localhost", house.implicit_port, ssl_context=house.client_tls, timeout=60) as imap:
                imap.login(ADA, PASSWORD)
                imap.select("INBOX")
                return imap.fetch("1:3", "(FLAGS BODY.PEEK[TEXT])")[1]

        assert b"Body 2.\r\n" in (await in_thread(talk))[2][1]


async def test_starttls(authority: trustme.CA) -> None:
    async with running(authority) as house:

        def talk() -> tuple[Any, ...]:
            with imaplib.IMAP4("localhost", house.plain_port, timeout=60) as imap:
                before = imap.capabilities
                with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
                    imap.login(ADA, PASSWORD)
                imap.starttls(house.client_tls)
                after = imap.capabilities
                imap.login(ADA, PASSWORD)
                count = imap.select("INBOX")[1][0]
                appended = imap.append("INBOX", "", "", b"Subject: x\r\n\r\n" + b"0123456789" * 200_000)
                body = imap.fetch("4", "(BODY.PEEK[TEXT])")[1]
                assert isinstance(body[0], tuple)
                return before, after, count, appended[0], len(body[0][1])

        before, after, count, appended, size = await in_thread(talk)
        assert "STARTTLS" in before
        assert "LOGINDISABLED" in before
        assert "STARTTLS" not in after
        assert "AUTH=PLAIN" in after
        assert (count, appended, size) == (b"3", "OK", 2_000_000)


async def test_a_connection_ends_with_its_login(authority: trustme.CA) -> None:
    async with running(authority, clear=True, login_look=0.05) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.plain_port)
        await reader.readline()
        writer.write(f"a LOGIN {ADA} {PASSWORD}\r\nb IDLE\r\n".encode())
        assert (await reader.readline()).startswith(b"a OK")
        house.store.ended = {1}
        async with asyncio.timeout(PATIENCE):
            assert b"* BYE This app password was ended" in await reader.read()
        writer.close()


async def test_what_was_sent_behind_starttls_is_not_read(authority: trustme.CA) -> None:
    async with running(authority) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.plain_port)
        await reader.readline()
        writer.write(b"a STARTTLS\r\nb CAPABILITY\r\n")
        rest = await reader.read()
        assert rest.startswith(b"a BAD")
        assert b"CAPABILITY" not in rest
        writer.close()


async def test_a_failed_handshake_ends_only_that_connection(authority: trustme.CA) -> None:
    async with running(authority) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.plain_port)
        await reader.readline()
        writer.write(b"a STARTTLS\r\n")
        assert (await reader.readline()).startswith(b"a OK")
        writer.write(b"this is no handshake\r\n\r\n")
        await reader.read()
        writer.close()
        other_reader, other = await asyncio.open_connection("127.0.0.1", house.plain_port)
        assert (await other_reader.readline()).startswith(b"* OK")
        other.close()


async def test_a_half_closed_client_still_gets_its_answers(authority: trustme.CA) -> None:
    async with running(authority, clear=True) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.plain_port)
        writer.write(f"a LOGIN {ADA} {PASSWORD}\r\nb SELECT INBOX\r\nc FETCH 1:* UID\r\n".encode())
        writer.write_eof()
        answer = await reader.read()
        assert b"* 3 FETCH (UID 3)\r\nc OK" in answer
        writer.close()


async def test_a_stranger_who_says_nothing_is_sent_away(authority: trustme.CA) -> None:
    async with running(authority, login_time=0.5) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.plain_port)
        assert b"* BYE" in await asyncio.wait_for(reader.read(), PATIENCE)
        writer.close()


async def test_a_slow_sender_is_sent_away(authority: trustme.CA) -> None:
    async with running(authority, clear=True, stall_time=0.5) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.plain_port)
        writer.write(f"a LOGIN {ADA} {PASSWORD}\r\nb APPEND INBOX {{1000+}}\r\nSubject".encode())
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        assert b"a OK" in answer
        assert b"* BYE That command takes too long" in answer
        writer.close()


async def test_a_client_that_does_not_read_is_cut_off_and_others_are_served(authority: trustme.CA) -> None:
    async with running(authority, clear=True, write_time=1.0) as house:
        _deaf_reader, deaf = await asyncio.open_connection("127.0.0.1", house.plain_port, limit=1024)
        login = f"a LOGIN {ADA} {PASSWORD}\r\nb SELECT INBOX\r\n".encode()
        deaf.write(login + b"c APPEND INBOX {3000000+}\r\n" + b"x" * 3_000_000 + b"\r\n")
        deaf.write(b"d FETCH 4 BODY.PEEK[]\r\n" * 20)
        await asyncio.sleep(0.5)
        reader, writer = await asyncio.open_connection("127.0.0.1", house.plain_port)
        writer.write(login + b"c FETCH 1 UID\r\nd LOGOUT\r\n")
        answer = await asyncio.wait_for(reader.read(), PATIENCE)
        assert b"* 1 FETCH (UID 1)" in answer
        writer.close()
        await in_thread(lambda: eventually(lambda: house.metrics.counts.get("timeouts")))
        assert house.metrics.counts["timeouts"] == 1
        deaf.transport.abort()


async def test_too_many_connections_are_told_so(authority: trustme.CA) -> None:
    async with running(authority, connections=1) as house:
        first, writer = await asyncio.open_connection("127.0.0.1", house.plain_port)
        await first.readline()
        reader, refused = await asyncio.open_connection("127.0.0.1", house.plain_port)
        assert (await reader.read()).startswith(b"* BYE [UNAVAILABLE]")
        writer.close()
        refused.close()


async def test_stopping_says_bye_to_everybody(authority: trustme.CA) -> None:
    async with running(authority, clear=True) as house:
        idle_reader, idle = await asyncio.open_connection("127.0.0.1", house.plain_port)
        idle.write(f"a LOGIN {ADA} {PASSWORD}\r\nb SELECT INBOX\r\nc IDLE\r\n".encode())
        await idle_reader.readuntil(b"+ ")
        new_reader, new = await asyncio.open_connection("127.0.0.1", house.plain_port)
        await new_reader.readline()
        # Neither says anything for half an hour, or for a minute; nobody waits for that.
        stopping = asyncio.create_task(asyncio.to_thread(house.stop))
        for reader in (idle_reader, new_reader):
            assert b"* BYE" in await asyncio.wait_for(reader.read(), 30)
        await stopping
        idle.close()
        new.close()


async def test_compression_over_tls(authority: trustme.CA) -> None:
    import zlib

    async with running(authority) as house:
        reader, writer = await asyncio.open_connection("localhost", house.implicit_port, ssl=house.client_tls)
        await reader.readline()
        writer.write(f"a LOGIN {ADA} {PASSWORD}\r\n".encode())
        assert (await reader.readline()).startswith(b"a OK")
        writer.write(b"b COMPRESS DEFLATE\r\n")
        assert (await reader.readline()).startswith(b"b OK")
        out, back = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)
        writer.write(out.compress(b"c SELECT INBOX\r\nd FETCH 1:* FULL\r\ne LOGOUT\r\n") + out.flush(zlib.Z_SYNC_FLUSH))
        answer = back.decompress(await reader.read())
        assert b"d OK" in answer
        assert answer.endswith(b"e OK Logged out\r\n")
        writer.close()


def resident(pid: int) -> int:
    """Octets of a process that are its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Dirty", "Private_Clean")))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_an_idle_tls_connection_on_ten_thousand_messages_takes_less_than_100_kib() -> None:
    command = [sys.executable, "-m", "tests.imap.serve_memory", "--messages", "10000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            told = json.loads(server.stdout.readline())
            tls = ssl.create_default_context(cadata=told["ca"])
            clients = []
            before = 0
            for number in range(70):
                if number == 20:  # the first ones pay for what all share
                    time.sleep(2.5)
                    before = resident(server.pid)
                clear = socket.create_connection(("127.0.0.1", told["tls_port"]), PATIENCE)
                client = tls.wrap_socket(clear, server_hostname="localhost")
                client.sendall(f"a LOGIN {ADA} {PASSWORD}\r\nb SELECT INBOX\r\nc IDLE\r\n".encode())
                answer = b""
                while b"\r\n+ " not in answer:
                    answer += client.recv(65536)
                clients.append(client)

            def each() -> float:
                """KiB of one of the last fifty."""
                return (resident(server.pid) - before) / 50 / 1024

            eventually(lambda: each() < 100, lambda: f"{each():.0f} KiB")
            for client in clients:
                client.close()
        finally:
            server.terminate()
