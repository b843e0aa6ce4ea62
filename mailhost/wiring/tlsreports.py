"""The day's TLS reports, from the counts in the database into the outbound queue: a job of the worker.

A domain that asks for no reports costs one DNS question and its counts are forgotten; so are those of a domain that
was reported. A crash in between reports a day again, which its reader tells by the report's id.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import UTC, datetime

from mailhost.adapters.database import Readers
from mailhost.adapters.directory import DatabaseDirectory
from mailhost.adapters.tlsmemory import DatabaseTlsCounts
from mailhost.adapters.workshop import Workshop
from mailhost.mailauth.resolver import Resolver, Txt
from mailhost.message.address import BadAddress, parse_address
from mailhost.outbox import Forward, Outgoing, Queue, TlsNeed
from mailhost.routing import RouteCache, Routes
from mailhost.tlspolicy.tlsrpt import report_addresses
from mailhost.tlsreports import Submitter, message, reports
from mailhost.wiring.intake import signing_queue
from mailhost.wiring.resolving import resolver_of
from mailhost.wiring.surroundings import Surroundings, workshop


def send_tls_reports(around: Surroundings, now: datetime) -> int:
    """Queue the reports of all days that are over; how many. Does nothing where reports are off or no DNS is asked."""
    resolver = resolver_of(around)
    if not around.settings.tls_reports or resolver is None:
        return 0
    return asyncio.run(_send(around, resolver, now))


async def _send(around: Surroundings, resolver: Resolver, now: datetime) -> int:
    async with workshop(around.settings) as shop:
        return await send(around, shop, signing_queue(around, shop), resolver, now)


async def send(around: Surroundings, shop: Workshop, queue: Queue, resolver: Resolver, now: datetime) -> int:
    """As `send_tls_reports`, over what is open already."""
    counts = DatabaseTlsCounts(shop.writer, shop.readers, key=around.secrets.correspondent)
    today = now.astimezone(UTC).date()
    author = await _postmaster(shop.readers)
    sent = 0
    if author is not None:
        contact, routes = author
        submitter = Submitter(around.settings.hostname, contact)
        for domain, report in reports(await counts.before(today), submitter):
            for to in report_addresses(await resolver.lookup(f"_smtp._tls.{domain}", Txt)):
                try:
                    address = parse_address(to)
                except BadAddress:
                    continue
                word = secrets.token_hex(16)
                await queue.put(
                    Outgoing(
                        opaque_id=word,
                        tenant_id=routes.routes[0].tenant_id,
                        mailbox_id=routes.routes[0].mailbox_id,
                        sender="",
                        recipients=(Forward(str(address), address.domain),),
                        content=message(domain, report, submitter, str(address), word=word, now=now),
                        tls=TlsNeed.NONE,
                    ),
                    now=now,
                )
                sent += 1
    await counts.forget(today)
    return sent


async def _postmaster(readers: Readers) -> tuple[str, Routes] | None:
    """Who answers for the cell: the postmaster of its oldest domain."""
    directory = DatabaseDirectory(readers)
    domain = await directory.first_domain()
    if domain is None:
        return None
    contact = f"postmaster@{domain}"
    routes = await RouteCache(directory, time.monotonic).resolve(parse_address(contact))
    return (contact, routes) if isinstance(routes, Routes) and routes.routes else None
