"""Mail out, from a user's login to the next host: our submission and dispatch against Postfix's, in one run.

    .venv/bin/python -m tests.bench.bench_sending [--messages 500] [--size 4096] [--connections 20] [--each 1] [--rounds 3]

Both take the same messages from the same client (TLS, AUTH PLAIN, `--each` messages a session) and hand them to Debian's
smtp-sink over loopback; the clock runs from the first connection until the sink has the last message. They take turns,
so that what else the machine does falls on both. Printed are messages a second and processor milliseconds a message of
each side's own processes, whole and by process, and what client and sink took beside them: on a machine that does
other work too the milliseconds are the figure to compare. We sign twice, seal what waits and write it durably; Postfix
does not sign, and writes it in clear.

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
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop

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
    """Who is measured: where it takes mail, who logs in, and the processes that all others descend from."""

    name: str
    host: str
    port: int
    users: list[tuple[str, str]]
    roots: tuple[int, ...]


@dataclass(frozen=True)
class Load:
    """What is sent."""

    messages: int
    size: int
    connections: int
    each: int


@dataclass(frozen=True)
class Found:
    """One turn: messages a second, and processor milliseconds a message by who took them."""

    rate: float
    parts: dict[str, float]
    client: float
    sink: float

    @property
    def own(self) -> float:
        return sum(self.parts.values())


class Sink:
    """smtp-sink, and how many messages it has."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.had = 0
        words = ["smtp-sink", "-c", "-u", "nobody", f"127.0.0.1:{port}", "500"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=0)
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self._text = b""

    def count(self) -> int:
        assert self.process.stdout is not None
        with suppress(BlockingIOError):
            while more := os.read(self.process.stdout.fileno(), 1 << 16):
                self._text = (self._text + more)[-4096:]
        found = re.findall(rb"mesg=(\d+)", self._text)
        return int(found[-1]) if found else 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


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


def processor(roots: tuple[int, ...]) -> dict[str, float]:
    """Seconds of processor by name of process that some and all below them have used; those that ended are counted
    with their parent."""
    stats: dict[int, tuple[int, str, int]] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit():
                before, _, after = (entry / "stat").read_text().rpartition(")")
                fields = after.split()
                title = (entry / "cmdline").read_bytes().rstrip(b"\0 ").decode()
                name = title.removeprefix("skerry: ").rstrip("-0123456789")
                stats[int(entry.name)] = (
                    int(fields[1]),
                    name if title.startswith("skerry: ") else before.partition("(")[2],
                    sum(map(int, fields[11:15])),
                )
    family, size = set(roots), 0
    while len(family) != size:
        size = len(family)
        family |= {pid for pid, (parent, _, _) in stats.items() if parent in family}
    found: Counter[str] = Counter()
    for pid in family & stats.keys():
        found[stats[pid][1]] += stats[pid][2]
    return {name: ticks / TICKS for name, ticks in found.items()}


def warm_up(side: Side, sink: Sink, load: Load) -> dict[str, float]:
    """What the side costs a second when nobody sends (ours is a whole cell: web, worker, IMAP), by process."""
    uvloop.run(drive(side, replace(load, messages=load.connections, each=1)))
    sink.had += load.connections
    wait(lambda: sink.count() >= sink.had, "the first messages")
    used, begin = processor(side.roots), time.monotonic()
    time.sleep(IDLE)
    passed = time.monotonic() - begin
    return {name: (now - used.get(name, 0)) / passed for name, now in processor(side.roots).items()}


def measure(side: Side, sink: Sink, load: Load, idle: dict[str, float]) -> Found:
    """One turn. What an idle cell costs is not the price of a message."""
    used, begin = processor(side.roots), time.monotonic()
    others = (time.process_time(), sum(processor((sink.process.pid,)).values()))
    uvloop.run(drive(side, load))
    client = time.process_time() - others[0]
    sink.had += load.messages
    wait(lambda: sink.count() >= sink.had, "all messages")
    passed = time.monotonic() - begin
    price = 1000 / load.messages
    parts = {
        name: max(0.0, now - used.get(name, 0) - idle.get(name, 0) * passed) * price
        for name, now in processor(side.roots).items()
    }
    sunk = sum(processor((sink.process.pid,)).values()) - others[1]
    return Found(load.messages / passed, parts, client * price, sunk * price)


def middle(name: str, turns: list[Found]) -> Found:
    """The turn whose price is in the middle, printed."""
    found = sorted(turns, key=lambda turn: turn.own)[len(turns) // 2]
    rate = statistics.median(turn.rate for turn in turns)
    parts = ", ".join(f"{part} {price:.2f}" for part, price in sorted(found.parts.items()) if price >= 0.01)
    print(f"{name:8} {rate:6.0f}/s   {found.own:6.2f} ms of processor a message ({parts};"
          f" beside it the client {found.client:.2f}, the sink {found.sink:.2f})", flush=True)  # fmt: skip
    return replace(found, rate=rate)


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
            yield Side("skerry", "127.0.0.1", port, [tuple(user) for user in about["users"]], (about["pids"][0],))
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
        yield Side("postfix", host.address, 465, [("ada@post.test", "right")], (master, logins.pid))
    finally:
        logins.terminate()
        logins.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("messages", 500), ("size", 4096), ("connections", 20), ("each", 1), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = vars(parser.parse_args())
    rounds = given.pop("rounds")
    load = Load(**given)
    with private_network() as network, postfix(network) as host, sunk() as ours, sunk() as theirs:
        with skerry(ours) as we, peer(host, theirs) as they:
            sides = [(we, ours, warm_up(we, ours, load)), (they, theirs, warm_up(they, theirs, load))]
            turns = [[measure(side, sink, load, idle) for side, sink, idle in sides] for _ in range(rounds)]
        mine, other = (middle(side.name, [turn[at] for turn in turns]) for at, (side, *_) in enumerate(sides))
        print(f"ours to Postfix's: {mine.rate / other.rate:.2f} in messages a second, {other.own / mine.own:.2f} in"
              " messages a second of processor")  # fmt: skip


@contextmanager
def sunk() -> Iterator[Sink]:
    sink = Sink(free_port())
    try:
        yield sink
    finally:
        sink.stop()


if __name__ == "__main__":
    main()
