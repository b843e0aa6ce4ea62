"""Mail out, from a user's login to the next host: our submission and dispatch against Postfix's, in one run.

    .venv/bin/python -m tests.bench.bench_sending [--messages 1500] [--size 4096] [--connections 20] [--each 1]

Both take the same messages from the same client (TLS, AUTH PLAIN, `--each` messages a session) and hand them to Debian's
smtp-sink over loopback; the clock runs from the first connection until the sink has the last message. Printed are
messages a second and processor milliseconds a message of each side's own processes: on a machine that does other work
too the second is the figure to compare. We seal what waits and write it durably, Postfix writes it in clear.

Needs root (a network namespace for Postfix), postfix and dovecot (its logins).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench import target
from tests.servers.ports import free_port
from tests.servers.postfix import Postfix, postfix
from tests.servers.privatenetwork import private_network

IDLE = 5.0
# Each may write to 500 recipients a day.
USERS = 20
TICKS = os.sysconf("SC_CLK_TCK")
DOVECOT = """
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain
passdb {{
  driver = static
  args = password=right
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {queue}/private/auth {{
    mode = 0666
  }}
}}
"""
SUBMISSIONS = """
{address}:465 inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path=private/auth -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
"""


@dataclass(frozen=True)
class Side:
    """Who is measured: where it takes mail, who logs in, and the process that all others descend from."""

    name: str
    host: str
    port: int
    users: list[tuple[str, str]]
    root: int


@dataclass(frozen=True)
class Load:
    """What is sent."""

    messages: int
    size: int
    connections: int
    each: int


class Sink:
    """smtp-sink, and how many messages it has."""

    def __init__(self, port: int) -> None:
        self.port = port
        words = ["smtp-sink", "-c", "-u", "nobody", f"127.0.0.1:{port}", "500"]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=0)
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._text = b""

    def count(self) -> int:
        assert self._process.stdout is not None
        with suppress(BlockingIOError):
            while more := os.read(self._process.stdout.fileno(), 1 << 16):
                self._text = (self._text + more)[-4096:]
        found = re.findall(rb"mesg=(\d+)", self._text)
        return int(found[-1]) if found else 0

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


def client_tls() -> ssl.SSLContext:
    """Believes every certificate, and loads no list of authorities: that would take longer than a message."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def session(side: Side, number: int, letter: bytes, messages: int, tls: ssl.SSLContext) -> None:
    """One login and its messages; a handshake of its own, as a mail program's first of the day."""
    reader, writer = await asyncio.open_connection(side.host, side.port, ssl=tls)

    async def say(text: bytes, code: bytes) -> None:
        writer.write(text)
        while (line := await reader.readline())[3:4] == b"-":
            pass
        assert line.startswith(code), (side.name, text[:60], line)

    user, password = side.users[number % len(side.users)]
    await say(b"", b"220")
    await say(b"EHLO bench\r\n", b"250")
    await say(b"AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()) + b"\r\n", b"235")
    for _ in range(messages):
        await say(f"MAIL FROM:<{user}>\r\n".encode(), b"250")
        await say(b"RCPT TO:<cleo@other.test>\r\n", b"250")
        await say(b"DATA\r\n", b"354")
        await say(f"From: {user}\r\n".encode() + letter + b"\r\n.\r\n", b"250")
    writer.write(b"QUIT\r\n")
    writer.close()


async def drive(side: Side, load: Load) -> None:
    letter = b"To: cleo@other.test\r\nSubject: Tides\r\nDate: Sun, 22 Nov 2026 10:30:12 +0000\r\n\r\n"
    letter += b"High at noon, low at six.\r\n" * (load.size // 27)
    numbers = iter(range(load.messages // load.each))
    tls = client_tls()

    async def lane() -> None:
        for number in numbers:
            await session(side, number, letter, load.each, tls)

    await asyncio.gather(*(lane() for _ in range(load.connections)))


def processor(root: int) -> float:
    """Seconds of processor that a process and all below it have used, those that ended included."""
    stats = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                stats[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    family, before = {root}, 0
    while len(family) != before:
        before = len(family)
        family |= {pid for pid, (parent, _) in stats.items() if parent in family}
    return sum(stats[pid][1] for pid in family if pid in stats) / TICKS


def measure(side: Side, sink: Sink, load: Load) -> tuple[float, float]:
    """Messages a second and processor milliseconds a message."""
    asyncio.run(drive(side, Load(load.connections, load.size, load.connections, 1)))
    wait(lambda: sink.count() >= load.connections, "the first messages")
    # What the side costs when nobody sends (ours is a whole cell: web, worker, IMAP) is not the price of a message.
    used, begin = processor(side.root), time.monotonic()
    time.sleep(IDLE)
    idle = (processor(side.root) - used) / (time.monotonic() - begin)
    used, begin, had = processor(side.root), time.monotonic(), sink.count()
    asyncio.run(drive(side, load))
    taken = time.monotonic() - begin
    wait(lambda: sink.count() - had >= load.messages, "all messages")
    passed = time.monotonic() - begin
    used = max(0.0, processor(side.root) - used - idle * passed)
    print(f"{side.name:8} taken {load.messages / taken:8.0f}/s   delivered {load.messages / passed:8.0f}/s"
          f"   {1000 * used / load.messages:6.2f} ms of processor a message"
          f"   (idle {100 * idle:.1f} % of a core)", flush=True)  # fmt: skip
    return load.messages / passed, 1000 * used / load.messages


def wait(true: Callable[[], bool], what: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.02)


@contextmanager
def skerry(sink: Sink) -> Iterator[Side]:
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as name:
        words = [sys.executable, "-m", "tests.bench.target"]
        environment = {**os.environ, "SKERRY_SMARTHOST": f"127.0.0.1:{sink.port}", "SKERRY_LOG_LEVEL": "warning"}
        subprocess.run([*words, "start", name, "--users", str(USERS)], env=environment, check=True, cwd=target.ROOT)
        try:
            about = json.loads(Path(name, "target.json").read_text())
            port = json.loads(Path(name, "ports.json").read_text())[target.PORTS.index("SUBMISSIONS")]
            yield Side("skerry", "127.0.0.1", port, [tuple(user) for user in about["users"]], about["pids"][0])
        finally:
            subprocess.run([*words, "stop", name], env=environment, check=True, cwd=target.ROOT)


@contextmanager
def peer(host: Postfix, sink: Sink) -> Iterator[Side]:
    etc, queue = host.folder / "etc", host.folder / "queue"
    (etc / "dovecot.conf").write_text(DOVECOT.format(folder=host.folder, queue=queue))
    with (etc / "master.cf").open("a") as services:
        services.write(SUBMISSIONS.format(address=host.address))
    host.configure(
        relayhost=f"[127.0.0.1]:{sink.port}",
        smtp_host_lookup="native",
        smtp_dns_support_level="disabled",
        smtp_tls_security_level="none",
        smtp_bind_address="",
    )
    host.stop()
    logins = subprocess.Popen(["dovecot", "-F", "-c", str(etc / "dovecot.conf")])
    wait((queue / "private" / "auth").exists, "dovecot")
    host.start()
    try:
        master = int((queue / "pid" / "master.pid").read_text())
        yield Side("postfix", host.address, 465, [("ada@post.test", "right")], master)
    finally:
        logins.terminate()
        logins.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("messages", 1500), ("size", 4096), ("connections", 20), ("each", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    load = Load(**vars(parser.parse_args()))
    with private_network() as network, postfix(network) as host:
        for side_of in (skerry, lambda sink: peer(host, sink)):
            sink = Sink(free_port())
            try:
                with side_of(sink) as side:
                    measure(side, sink, load)
            finally:
                sink.stop()


if __name__ == "__main__":
    main()
