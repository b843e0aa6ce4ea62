"""The receiving use-case over the cell's database, for the doors of smtpd and the notices of dispatchd."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from mailhost.adapters.agreements import DatabaseAgreements
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.demo import DEMO_DOMAIN, FailingRecipients
from mailhost.adapters.directory import DatabaseDirectory
from mailhost.adapters.dkimkeys import DOMAINS_KEY, DatabaseDkimKeys
from mailhost.adapters.lost_answers import DatabaseLostAnswers
from mailhost.adapters.mailstore import DatabaseMailstore
from mailhost.adapters.queue import DatabaseQueue
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.adapters.reportbook import DatabaseReportBook
from mailhost.adapters.senders import DatabaseMemory
from mailhost.adapters.wishbook import WISHES_KEY, DatabaseWishBook, wishes_box
from mailhost.adapters.wishcounts import DatabaseWishCounts
from mailhost.adapters.workshop import Workshop
from mailhost.deliver import Deliverer
from mailhost.limits import SmtpLimits
from mailhost.message.address import parse_address
from mailhost.ports import Directory
from mailhost.receive import Receiver
from mailhost.reports.reportmail import ReportDesk
from mailhost.reputation.judge import Judge
from mailhost.routing import RouteCache
from mailhost.seal import HybridIdentity
from mailhost.signing import SigningQueue
from mailhost.wiring.surroundings import Settings, Surroundings, now
from mailhost.wishes.answering import Answerer
from mailhost.wishes.filing import Filing
from mailhost.wishes.forwarding import ErrandLimits, Forwarder, srs_of
from mailhost.wishes.returns import ReturnDesk

# Threads that describe and seal large messages; the cores are few and the work holds them fully.
SEALING_THREADS = 2


@asynccontextmanager
async def intake(
    around: Surroundings, shop: Workshop, limits: SmtpLimits, judge: Judge | None = None
) -> AsyncIterator[tuple[Receiver, RouteCache, DatabaseDirectory]]:
    """The receiving use-case over the cell's database; without a judge nothing that arrives is judged."""
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
                judge=judge,
                reports=_report_desk(settings, shop),
                filing=_filing(around, shop, routes),
                returns=_returns(around, shop, routes),
            ),
            routes,
            plain,
        )


def signing_queue(around: Surroundings, shop: Workshop) -> SigningQueue:
    """The entrance for everything that leaves."""
    return SigningQueue(outgoing_queue(around, shop), _dkim_keys(around, shop))


def _filing(around: Surroundings, shop: Workshop, routes: RouteCache) -> Filing:
    settings = around.settings
    forwarder = Forwarder(
        hostname=settings.hostname,
        routes=routes,
        queue=outgoing_queue(around, shop),
        keys=_dkim_keys(around, shop),
        srs=srs_of(around.secrets.correspondent),
        counts=DatabaseWishCounts(shop.writer),
        agreements=DatabaseAgreements(shop.readers, key=around.secrets.correspondent),
        limits=ErrandLimits(young=settings.young_recipients),
    )
    book = DatabaseWishBook(shop.readers, wishes_box(around.read_or_make(settings.keys / WISHES_KEY)))
    answerer = Answerer(
        queue=signing_queue(around, shop),
        memory=DatabaseMemory(shop.writer, shop.readers),
        counts=DatabaseWishCounts(shop.writer),
        limits=ErrandLimits(young=settings.young_recipients),
        key=around.secrets.correspondent,
    )
    return Filing(book=book, forwarder=forwarder, answerer=answerer, metrics=around.metrics)


def _returns(around: Surroundings, shop: Workshop, routes: RouteCache) -> ReturnDesk:
    return ReturnDesk(
        hostname=around.settings.hostname,
        routes=routes,
        queue=outgoing_queue(around, shop),
        srs=srs_of(around.secrets.correspondent),
    )


def _dkim_keys(around: Surroundings, shop: Workshop) -> DatabaseDkimKeys:
    identity = HybridIdentity(around.read_or_make(around.settings.keys / DOMAINS_KEY))
    return DatabaseDkimKeys(shop.readers, identity)


def _report_desk(settings: Settings, shop: Workshop) -> ReportDesk:
    address = parse_address(settings.reports_address) if settings.reports_address else None
    return ReportDesk(address, DatabaseReportBook(shop.writer, shop.readers))


def outgoing_queue(around: Surroundings, shop: Workshop) -> DatabaseQueue:
    """The queue of what leaves the cell."""
    settings = around.settings
    keys = QueueKeys(settings.queue_keys, around.read_or_make)
    blobs = FileBlobs(settings.outgoing)
    blobs.prepare()
    return DatabaseQueue(shop.writer, shop.readers, keys, blobs, cell=settings.cell, key=around.secrets.correspondent)


def _flush_when_routes_change(directory: DatabaseDirectory, routes: RouteCache) -> Callable[[], Any]:
    seen = 0

    async def refresh() -> None:
        nonlocal seen
        version = await directory.version()
        if version != seen:
            seen = version
            routes.flush()

    return refresh
