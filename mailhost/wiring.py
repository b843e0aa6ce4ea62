"""Where the parts are put together: one function a daemon, settings in, running until SIGTERM.

Everything below takes its clock, keys, limits and ports as arguments; this is the place that hands them over. A
daemon binds its own sockets with SO_REUSEPORT, so that N processes share a port, tells its supervisor that it is
ready only when it can serve, and stops in order: no new connections, answers to what is in hand, the writer's queue
committed, then out.
"""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import uvloop

from jurisdiction.notary import Notary
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.changes import Changes
from mailhost.adapters.database import Readers
from mailhost.adapters.demo import DEMO_DOMAIN, FailingRecipients
from mailhost.adapters.directory import DatabaseDirectory
from mailhost.adapters.egress import DatabaseDecider
from mailhost.adapters.imapstore.accounts import DatabaseAccounts
from mailhost.adapters.imapstore.folder import Workshop
from mailhost.adapters.logins import DatabaseLogins
from mailhost.adapters.lookups import DnsLookups
from mailhost.adapters.lost_answers import DatabaseLostAnswers
from mailhost.adapters.mailstore import DatabaseMailstore
from mailhost.adapters.queue import DatabaseQueue
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.adapters.tally import DatabaseTally
from mailhost.adapters.writer import Writer
from mailhost.deliver import LARGE, Deliverer, summarise
from mailhost.dispatch import Dispatcher, DispatchLimits
from mailhost.imap.limits import Limits
from mailhost.imap.server import Listener, serve
from mailhost.limits import FailedLogins, SmtpLimits
from mailhost.message.describe import describe
from mailhost.mxwalk import Later, Target, Targets, Walk, walk
from mailhost.notices import Notices
from mailhost.outcomes import NO_VERDICT
from mailhost.ports import Allowance, Directory, Metrics, StoreError
from mailhost.receive import Receiver
from mailhost.routing import RouteCache
from mailhost.seal import HybridRecipient, Sealed, seal
from mailhost.smtp.client import Dialer, opportunistic_context
from mailhost.smtp.floor import House
from mailhost.smtp.serve import Door
from mailhost.smtp.serve import serve as serve_smtp
from mailhost.smtp.submission import Desk
from mailhost.submit import Submitter

# Threads that describe and seal large messages; the cores are few and the work holds them fully.
SEALING_THREADS = 2
# Seconds between looks for queue keys and destinations that are not needed any more.
SWEEP_EVERY = 600.0


class Settings(Protocol):
    """What a daemon needs of the settings (`webadmin.environ.Environ`)."""

    @property
    def cell(self) -> str: ...
    @property
    def hostname(self) -> str: ...
    @property
    def bind(self) -> str: ...
    @property
    def mx_port(self) -> int: ...
    @property
    def submission_port(self) -> int: ...
    @property
    def submissions_port(self) -> int: ...
    @property
    def imap_port(self) -> int: ...
    @property
    def imaps_port(self) -> int: ...
    @property
    def blobs(self) -> Path: ...
    @property
    def queue_keys(self) -> Path: ...
    @property
    def resolver(self) -> str: ...
    @property
    def smarthost(self) -> str: ...
    @property
    def private_targets(self) -> bool: ...
    @property
    def max_message_size(self) -> int: ...
    @property
    def smtp_in_flight_bytes(self) -> int: ...
    @property
    def imap_clear_on_loopback(self) -> bool: ...
    @property
    def demo(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Secrets:
    """The cell's key files that daemons use (`docs/operations.md` says what each loss would mean)."""

    app_password: bytes
    correspondent: bytes


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the edge of the program gives a daemon. `read_or_make` gives the 32 bytes of a key file."""

    settings: Settings
    secrets: Secrets
    metrics: Metrics
    tls: Callable[[], ssl.SSLContext | None]
    ready: Callable[[], None]
    notary: Callable[[], Notary]
    read_or_make: Callable[[Path], bytes]


def now() -> datetime:
    """The clock of the daemons."""
    return datetime.now(UTC)


def run_smtpd(around: Surroundings) -> None:
    """Serve the MX and the submission ports until SIGTERM or SIGINT."""
    _run(_smtpd(around))


def run_dispatchd(around: Surroundings) -> None:
    """Deliver what waits in the queue until SIGTERM or SIGINT."""
    _run(_dispatchd(around))


def run_imapd(around: Surroundings) -> None:
    """Serve IMAP until SIGTERM or SIGINT."""
    _run(_imapd(around))


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def bound(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for `host`, one for each address family, that other processes may share."""
    found = []
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        found.append(sock)
    return found


@asynccontextmanager
async def _workshop(settings: Settings) -> AsyncIterator[Workshop]:
    readers, writer, blobs = Readers(), Writer(), FileBlobs(settings.blobs)
    blobs.prepare()
    writer.start()
    changes = Changes(readers)
    watching = asyncio.create_task(changes.run())
    try:
        yield Workshop(readers, writer, blobs, changes)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        # What sessions have handed over is committed before the process ends.
        await asyncio.get_running_loop().run_in_executor(None, writer.stop)
        await asyncio.get_running_loop().run_in_executor(None, readers.close)


async def _smtpd(around: Surroundings) -> None:
    settings = around.settings
    ports = (settings.mx_port, settings.submission_port, settings.submissions_port)
    mx, submission, submissions = (bound(settings.bind, port) for port in ports)
    limits = _smtp_limits(settings)
    async with _workshop(settings) as shop, _intake(around, shop, limits) as (receiver, routes, plain):
        desk = Desk(
            DatabaseLogins(shop.readers, key=around.secrets.app_password, now=now),
            Submitter(
                hostname=settings.hostname,
                routes=routes,
                receiver=receiver,
                queue=_queue(around, shop),
                tally=DatabaseTally(shop.writer),
                key=around.secrets.correspondent,
                now=now,
                limits=limits,
                allowance=Allowance(),
            ),
            FailedLogins(limits.failed_logins, limits.rate_window, now=time.monotonic),
        )
        postmaster_domain = await plain.first_domain() or settings.hostname
        public = House(settings.hostname, receiver, limits, around.metrics, around.tls, postmaster_domain)
        users = replace(public, desk=desk)
        stop = _stop_on_signals()
        around.ready()
        await serve_smtp([Door(mx, public), Door(submission, users), Door(submissions, users, implicit=True)], stop)


def _smtp_limits(settings: Settings) -> SmtpLimits:
    return replace(SmtpLimits(), message=settings.max_message_size, in_flight=settings.smtp_in_flight_bytes)


def _queue(around: Surroundings, shop: Workshop) -> DatabaseQueue:
    keys = QueueKeys(around.settings.queue_keys, around.read_or_make)
    return DatabaseQueue(shop.writer, shop.readers, keys, cell=around.settings.cell, key=around.secrets.correspondent)


@asynccontextmanager
async def _intake(
    around: Surroundings, shop: Workshop, limits: SmtpLimits
) -> AsyncIterator[tuple[Receiver, RouteCache, DatabaseDirectory]]:
    """The receiving use-case over the cell's database."""
    settings = around.settings
    plain = DatabaseDirectory(shop.readers)
    directory: Directory = FailingRecipients(plain, DEMO_DOMAIN) if settings.demo else plain
    routes = RouteCache(directory, time.monotonic)
    shop.changes.on_any(_flush_when_routes_change(plain, routes))
    lost = DatabaseLostAnswers(shop.writer, shop.readers)
    shop.changes.on_any(lost.refresh)
    with ThreadPoolExecutor(SEALING_THREADS, thread_name_prefix="sealing") as sealing:
        deliverer = Deliverer(
            hostname=settings.hostname,
            routes=routes,
            store=DatabaseMailstore(shop.writer, shop.blobs, now),
            limits=limits,
            executor=sealing,
        )
        yield (
            Receiver(
                hostname=settings.hostname,
                routes=routes,
                deliverer=deliverer,
                lost_answers=lost,
                key=around.secrets.correspondent,
                now=now,
                limits=limits,
            ),
            routes,
            plain,
        )


async def _dispatchd(around: Surroundings) -> None:
    settings = around.settings
    limits = _smtp_limits(settings)
    async with _workshop(settings) as shop, _intake(around, shop, limits) as (receiver, _, _plain):
        queue = _queue(around, shop)
        dispatcher = Dispatcher(
            outbox=queue,
            find=_route_out(settings),
            transport=Dialer(settings.hostname, opportunistic_context()),
            decider=DatabaseDecider(shop.readers, around.notary),
            notices=Notices(hostname=settings.hostname, receiver=receiver, outbox=queue, now=now),
            metrics=around.metrics,
            now=now,
            limits=DispatchLimits(),
        )
        sweeping = asyncio.create_task(_sweep(queue))
        stop = _stop_on_signals()
        around.ready()
        try:
            await dispatcher.run(stop)
        finally:
            sweeping.cancel()


async def _sweep(queue: DatabaseQueue) -> None:
    while True:
        with suppress(StoreError):
            await queue.sweep(now=now())
        await asyncio.sleep(SWEEP_EVERY)


def _route_out(settings: Settings) -> Callable[[str], Awaitable[Walk]]:
    """Where mail for a domain goes: to the smarthost, to the domain's own hosts, or nowhere yet."""
    if settings.smarthost:
        host, _, port = settings.smarthost.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")

        async def to_smarthost(_domain: str) -> Walk:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
            except OSError:
                return Later("dns_failed")
            return Targets(tuple(dict.fromkeys(Target(host, str(address[0]), int(port)) for *_, address in found)))

        return to_smarthost
    if settings.resolver:
        host, _, port = settings.resolver.rpartition(":")
        resolver = DnsLookups(host.removeprefix("[").removesuffix("]"), int(port))

        async def to_exchangers(domain: str) -> Walk:
            return await walk(resolver, domain, private=settings.private_targets, shuffle=random.SystemRandom().shuffle)

        return to_exchangers

    async def nowhere(_domain: str) -> Walk:
        return Later("no_resolver")

    return nowhere


def _flush_when_routes_change(directory: DatabaseDirectory, routes: RouteCache) -> Callable[[], Any]:
    seen = 0

    async def refresh() -> None:
        nonlocal seen
        version = await directory.version()
        if version != seen:
            seen = version
            routes.flush()

    return refresh


async def _imapd(around: Surroundings) -> None:
    settings = around.settings
    clear, over_tls = bound(settings.bind, settings.imap_port), bound(settings.bind, settings.imaps_port)
    async with _workshop(settings) as shop:
        with ThreadPoolExecutor(SEALING_THREADS, thread_name_prefix="sealing") as sealing:
            accounts = DatabaseAccounts(
                shop,
                key=around.secrets.app_password,
                seal_to=_sealer(sealing),
                append_limit=settings.max_message_size,
                now=now,
            )
            listeners = [
                *(Listener(each, around.tls(), clear_on_loopback=settings.imap_clear_on_loopback) for each in clear),
                *(Listener(each, around.tls(), implicit=True) for each in over_tls),
            ]
            await serve(
                accounts,
                listeners,
                Limits(),
                _ImapEvents(around.metrics),
                _stop_on_signals(),
                clock=now,
                ready=around.ready,
            )


@dataclass(frozen=True, slots=True)
class _ImapEvents:
    """The IMAP engine's counters as labels of one metric."""

    metrics: Metrics

    def count(self, event: str, amount: int = 1) -> None:
        for _ in range(amount):
            self.metrics.count("imap_events", event)


def _sealer(executor: ThreadPoolExecutor) -> Callable[..., Coroutine[Any, Any, Sealed]]:
    """Seals what a client APPENDs, as a delivery is sealed, but without trace fields."""

    def work(recipient: HybridRecipient, content: bytes | bytearray | memoryview, moment: datetime) -> Sealed:
        summary = summarise(describe(content), 0, NO_VERDICT, moment)
        return seal(recipient, content, summary)

    async def seal_to(recipient: HybridRecipient, content: bytes | bytearray | memoryview, moment: datetime) -> Sealed:
        if len(content) <= LARGE:
            return work(recipient, content, moment)
        return await asyncio.get_running_loop().run_in_executor(executor, work, recipient, content, moment)

    return seal_to
