"""What a long queue costs: many messages for a destination that is down, and a few for one that is up.

    .venv/bin/python -m tests.bench.bench_queue [--messages 100000] [--seconds 65] [--postgresql]

The queue's own tables are filled through its own door. Then a dispatcher of the house works on them for a while, with
the database, the clock and the network as they are; only where a domain's host stands is told instead of asked.
Printed are the processor time of the whole process as a share of one core, without messages and with them, the time
from a new message's commit to the live host's answer, and what a round of claiming and putting off costs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.target import provision, settings
from tests.servers import postgresql
from tests.servers.ports import free_port

if TYPE_CHECKING:
    from mailhost.adapters.queue import DatabaseQueue

TOGETHER = 500
EVERY = 2.0
LETTER = b"From: user0@bench.test\r\nTo: cleo@other.test\r\nSubject: Tides\r\n\r\n" + b"High at noon.\r\n" * 60


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Marks:
    """Where the bench listens to the dispatcher: when the live host answered, and what was counted."""

    answered: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    attempts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, label: str, amount: int = 1) -> None:
        self.attempts[label] = self.attempts.get(label, 0) + amount
        if label == "delivered":
            self.answered.put_nowait(time.perf_counter())

    def __getattr__(self, _name: str) -> Any:
        return lambda *_, **__: None


class Nobody:
    """Notices have no part in this."""

    async def send(self, *_: object) -> bool:
        return True


class Everywhere:
    """A tenant whose mail may go where it likes."""

    async def shares(self, item: Any, *_: object) -> Any:
        from mailhost.outbound.leaving import Share

        return (Share(item.recipients, goes=True),)

    async def ask(self, *_: object, **__: object) -> Any:
        from mailhost.outbound.transport import Permission, Verdict

        return Permission(Verdict.ALLOW)


async def fill(queue: DatabaseQueue, tenant: int, mailbox: int, count: int) -> None:
    begin = time.perf_counter()
    for start in range(0, count, TOGETHER):
        await asyncio.gather(
            *(put(queue, tenant, mailbox, n, "dead.test") for n in range(start, min(start + TOGETHER, count)))
        )
    if count:
        print(f"put {count} messages: {1e6 * (time.perf_counter() - begin) / count:.0f} us each", flush=True)


async def put(queue: DatabaseQueue, tenant: int, mailbox: int, number: int, domain: str) -> None:
    from mailhost.outbox import Forward, Outgoing

    forward = Forward(f"cleo{number}@{domain}", domain)
    message = Outgoing(os.urandom(16).hex(), tenant, mailbox, "user0@bench.test", (forward,), LETTER)
    await queue.put(message, now=now())


async def rounds(queue: DatabaseQueue, tries: int = 5) -> None:
    """Claim a batch, put it off, let go: as a dispatcher that finds the host down."""
    took = []
    for _ in range(tries):
        begin = time.process_time()
        for claim in await queue.claim(now=now(), lease=timedelta(seconds=30), destinations=20, items=100):
            await queue.postpone(claim.due, due=now() + timedelta(hours=1), reason="refused")
            await queue.release(claim.destination, failures=0, not_before=None)
        took.append(1000 * (time.process_time() - begin))
    print(f"a round of 100: {statistics.median(took):.1f} ms of processor", flush=True)


async def work(queue: DatabaseQueue, seconds: float, who: tuple[int, int], live: int, dead: int) -> None:
    """Dispatch for a while, with a message for the live host every two seconds."""
    from mailhost.dispatch import Dispatcher
    from mailhost.limits import DispatchLimits
    from mailhost.outbound.mxwalk import Target, Targets
    from mailhost.outbound.reach import Reach
    from mailhost.outbound.tlsrules import NoRules
    from mailhost.reports.tlscounts import NotCounted
    from mailhost.smtp.client import Dialer

    async def find(domain: str) -> Any:
        return Targets((Target(f"mx.{domain}", "127.0.0.1", live if domain == "live.test" else dead),))

    marks: Any = Marks()
    nobody: Any = Nobody()
    leaving: Any = Everywhere()
    dispatcher = Dispatcher(
        outbox=queue,
        find=find,
        here=lambda: nobody,
        reach=Reach(transport=Dialer("bench.test", None), rules=NoRules(), counts=NotCounted(), metrics=marks, now=now),
        leaving=leaving,
        notices=nobody,
        stayed=nobody,
        metrics=marks,
        now=now,
        limits=DispatchLimits(),
    )
    stop = asyncio.Event()
    running = asyncio.create_task(dispatcher.run(stop))
    late: list[float] = []
    used, begin = time.process_time(), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        await put(queue, *who, len(late), "live.test")
        there = time.perf_counter()
        late.append(1000 * (await asyncio.wait_for(marks.answered.get(), 60) - there))
        await asyncio.sleep(EVERY)
    used, passed = time.process_time() - used, time.perf_counter() - begin
    stop.set()
    await running
    print(
        f"   {100 * used / passed:.2f} % of a core; a new message takes {statistics.median(late):.0f} ms, at most"
        f" {max(late):.0f}; attempts {dict(sorted(marks.attempts.items()))}",
        flush=True,
    )


async def bench(count: int, seconds: float) -> None:
    from django.conf import settings as django_settings

    from mailhost.adapters.blobs import FileBlobs
    from mailhost.adapters.queue import DatabaseQueue
    from mailhost.adapters.queuekeys import QueueKeys
    from mailhost.models import Mailbox
    from mailhost.wiring.surroundings import workshop
    from webadmin.cell.keyfiles import read_or_make

    environ = django_settings.ENVIRON
    async with workshop(environ) as shop:
        who = await shop.readers.run(lambda: Mailbox.objects.values_list("tenant_id", "pk").get())
        keys = QueueKeys(environ.queue_keys, read_or_make)
        queue = DatabaseQueue(
            shop.writer, shop.readers, keys, FileBlobs(environ.outgoing), cell=environ.cell, key=bytes(32)
        )
        with sink() as live:
            dead = free_port()
            print("without messages", flush=True)
            await work(queue, seconds / 3, who, live, dead)
            await fill(queue, *who, count)
            await rounds(queue)
            print(f"with {count} for a host that is down", flush=True)
            await work(queue, seconds, who, live, dead)
            begin = time.process_time()
            await queue.sweep(now=now())
            print(f"a sweep: {1000 * (time.process_time() - begin):.0f} ms of processor (every ten minutes)")


@contextmanager
def sink() -> Iterator[int]:
    port = free_port()
    words = ["smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "50"]
    process = subprocess.Popen(words)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=65)
    parser.add_argument("--postgresql", action="store_true")
    wanted = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="skerry-bench-") as name,
        postgresql.cluster(durable=True) if wanted.postgresql else nullcontext("") as url,
    ):
        os.environ |= {
            **settings(Path(name)),
            "SKERRY_DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "webadmin.settings",
        }
        provision(1)
        from django.db import connections

        connections.close_all()
        asyncio.run(bench(wanted.messages, wanted.seconds))


if __name__ == "__main__":
    main()
