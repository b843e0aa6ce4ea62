"""Real sockets and programs nobody here wrote: smtplib, swaks, Postfix's smtp-source; on uvloop and on asyncio."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import smtplib
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import trustme
import uvloop

from mailhost.limits import SmtpLimits
from mailhost.seal import open_header, open_payload
from mailhost.smtp.serve import serve_mx
from tests.patience import PATIENCE, eventually
from tests.people import identity
from tests.smtp.talk import HOST, MAIL, Talk

pytestmark = pytest.mark.journey

MESSAGE = MAIL.decode()


class Mx:
    """The MX of `Talk` on a loopback port, in a thread with an event loop of its own."""

    def __init__(
        self,
        loops: Callable[[], asyncio.AbstractEventLoop],
        tls: ssl.SSLContext,
        limits: SmtpLimits | None = None,
    ) -> None:
        self.talk = Talk(limits)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._tls = tls
        self._loops = loops
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._loops) as runner:
            self._loop = runner.get_loop()
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._ready.set()
        await serve_mx(
            [self._listener],
            self.talk.house.receiver,
            lambda: self._tls,
            self.talk.limits,
            self.talk.metrics,
            self._stop,
            hostname=HOST,
            postmaster_domain="example.is",
        )

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def connect(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="mail.example.no", timeout=60)

    def raw(self) -> socket.socket:
        """A connection after EHLO, MAIL and RCPT."""
        wire = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        wire.recv(1000)
        for line, last in [
            (b"EHLO x", b"250 HELP"),
            (b"MAIL FROM:<cleo@example.no>", b"250"),
            (b"RCPT TO:<ada@example.is>", b"250"),
            (b"DATA", b"354"),
        ]:
            wire.sendall(line + b"\r\n")
            said = b""
            while last not in said:
                said += wire.recv(1000)
        return wire

    def text(self, number: int = -1) -> str:
        delivery = self.talk.store.deliveries[number]
        return open_payload(open_header([identity("ada")], delivery.header), delivery.payload).decode()

    def hold(self) -> None:
        """Let no commit finish."""
        self.talk.store.committing = asyncio.Event()

    def hear(self) -> None:
        """Some turns of its loop: it has heard what the kernel had for it."""
        for _turn in range(5):
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(PATIENCE)

    def release(self) -> None:
        waiting = self.talk.store.committing
        assert waiting is not None
        self._loop.call_soon_threadsafe(waiting.set)


@pytest.fixture(scope="module")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of the server and of a client that trusts it."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", HOST).configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def mx(request: pytest.FixtureRequest, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[Mx]:
    made = Mx(request.param, tls[0])
    yield made
    made.stop()


def test_a_message_in_clear_and_one_under_tls(mx: Mx, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with mx.connect() as client:
        client.sendmail("cleo@example.no", ["ada@example.is"], MESSAGE)
        client.starttls(context=tls[1])
        client.sendmail("cleo@example.no", ["ada@example.is"], MESSAGE)
    assert mx.text(0).endswith(MESSAGE)
    assert mx.text(1).endswith(MESSAGE)
    assert " with ESMTP id" in mx.text(0).replace("\r\n\t", " ")
    assert " with ESMTPS (TLSv1.3 TLS_" in mx.text(1).replace("\r\n\t", " ")


def test_many_handshakes_and_messages_in_a_row(mx: Mx, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    # A client may send EHLO in the same segment as the end of its handshake; it must not be thrown away.
    for _ in range(20):
        with mx.connect() as client:
            client.starttls(context=tls[1])
            for _ in range(3):
                client.sendmail("cleo@example.no", ["ada@example.is"], MESSAGE)
    assert len(mx.talk.store.deliveries) == 60


def test_a_large_message_under_tls(mx: Mx, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    content = MESSAGE + "".join(f"{secrets.token_hex(38)}\r\n" for _ in range(70_000))
    with mx.connect() as client:
        client.starttls(context=tls[1])
        client.sendmail("cleo@example.no", ["ada@example.is"], content)
    assert mx.text().endswith(content)


def test_clear_commands_behind_starttls_are_never_obeyed(mx: Mx) -> None:
    with socket.create_connection(("127.0.0.1", mx.port), timeout=60) as wire:
        wire.recv(1000)
        wire.sendall(b"EHLO x\r\n")
        while b"250 HELP" not in wire.recv(1000):
            pass
        wire.sendall(b"STARTTLS\r\nMAIL FROM:<evil@example.no>\r\n")
        assert wire.recv(1000).startswith(b"554 5.5.1")
        assert wire.recv(1000) == b""


def test_a_handshake_that_fails_ends_only_that_session(mx: Mx) -> None:
    with socket.create_connection(("127.0.0.1", mx.port), timeout=60) as wire:
        wire.recv(1000)
        wire.sendall(b"EHLO x\r\n")
        while b"250 HELP" not in wire.recv(1000):
            pass
        wire.sendall(b"STARTTLS\r\n")
        assert wire.recv(1000).startswith(b"220 ")
        wire.sendall(b"MAIL FROM:<evil@example.no>\r\n")
        assert b"250" not in wire.recv(1000)
    with mx.connect() as client:
        client.sendmail("cleo@example.no", ["ada@example.is"], MESSAGE)
    eventually(lambda: mx.talk.metrics.counts["smtp_connections", "tls_failed"])


def test_a_half_closed_client_gets_its_answer(mx: Mx) -> None:
    mx.hold()
    with mx.raw() as wire:
        wire.sendall(MAIL + b".\r\n")
        wire.shutdown(socket.SHUT_WR)
        eventually(mx.talk.store.began.is_set)
        mx.release()
        assert wire.recv(1000).startswith(b"250 2.0.0")
    eventually(lambda: mx.talk.metrics.counts["smtp_messages", "ok"])
    time.sleep(0.1)
    assert not mx.talk.lost.kept


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_is_gone_before_its_answer_may_send_again(mx: Mx, reset: bool) -> None:
    mx.hold()
    wire = mx.raw()
    wire.sendall(MAIL + b".\r\n")
    eventually(mx.talk.store.began.is_set)
    if reset:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()
    mx.hear()
    mx.release()
    eventually(lambda: mx.talk.lost.kept)
    assert len(mx.talk.store.deliveries) == 1
    for expected in (1, 2):
        with mx.raw() as again:
            again.sendall(MAIL + b".\r\n")
            assert again.recv(1000).startswith(b"250 2.0.0")
        assert len(mx.talk.store.deliveries) == expected


def test_silent_sessions_are_looked_after(mx: Mx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailhost.smtp.serve.WATCH_EVERY", 0.05)
    impatient = Mx(mx._loops, mx._tls, SmtpLimits(idle=0.2))
    try:
        with impatient.connect() as client:
            assert client.getreply()[0] == 421
    finally:
        impatient.stop()


def test_a_stop_says_goodbye_and_waits_for_nobody(mx: Mx) -> None:
    waiting, sending = mx.connect(), mx.raw()
    sending.sendall(b"Subject: never finished\r\n")
    mx._loop.call_soon_threadsafe(mx._stop.set)
    assert waiting.getreply()[0] == 421
    assert sending.recv(1000).startswith(b"421 4.3.2")
    mx._thread.join(mx.talk.limits.idle / 3)
    assert not mx._thread.is_alive()
    waiting.close()
    sending.close()
    mx.stop = lambda: None  # type: ignore[method-assign]


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed (Debian: apt install swaks)")
def test_swaks(mx: Mx) -> None:
    command = ["swaks", "--server", f"127.0.0.1:{mx.port}", "--from", "cleo@example.no", "--to"]
    done = subprocess.run(
        [*command, "ada+swaks@example.is,ben@example.is", "--tls", "--pipeline", "--header", "Subject: swaks"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "250 2.0.0" in done.stdout
    assert len(mx.talk.store.deliveries) == 2
    assert "Subject: swaks" in mx.text(0)
    refused = subprocess.run([*command, "nobody@example.is"], capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 24
    assert "550 5.1.1" in refused.stdout


@pytest.mark.skipif(shutil.which("smtp-source") is None, reason="smtp-source is missing (Debian: apt install postfix)")
def test_smtp_source_loses_nothing(mx: Mx) -> None:
    command = ["smtp-source", "-s", "20", "-m", "300", "-l", "4096", "-f", "cleo@example.no", "-t", "ada@example.is"]
    subprocess.run([*command, f"127.0.0.1:{mx.port}"], check=True, timeout=60)
    assert len(mx.talk.store.deliveries) == 300
