"""The day's DMARC reports, from the counts in the database into the outbound queue: a job of the worker.

A domain that asks for no reports any more costs a DNS question and its counts are forgotten; so are those of a domain
that was reported. A crash in between reports a day again, which its reader tells by the report's id.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime

from mailhost.adapters.dmarcmemory import DatabaseDmarcCounts
from mailhost.adapters.suffixes import is_public_suffix
from mailhost.adapters.workshop import Workshop
from mailhost.mailauth.resolver import Resolver
from mailhost.outbox import Queue
from mailhost.reports.dmarcreports import addresses, message, reports
from mailhost.wiring.intake import signing_queue
from mailhost.wiring.ownreports import reporter
from mailhost.wiring.resolving import resolver_of
from mailhost.wiring.surroundings import Surroundings, workshop


def send_dmarc_reports(around: Surroundings, now: datetime) -> int:
    """Queue the reports of all days that are over; how many. Does nothing where no DNS is asked."""
    resolver = resolver_of(around)
    return 0 if resolver is None else asyncio.run(_send(around, resolver, now))


async def _send(around: Surroundings, resolver: Resolver, now: datetime) -> int:
    async with workshop(around.settings) as shop:
        return await send(around, shop, signing_queue(around, shop), resolver, now)


async def send(around: Surroundings, shop: Workshop, queue: Queue, resolver: Resolver, now: datetime) -> int:
    """As `send_dmarc_reports`, over what is open already."""
    counts = DatabaseDmarcCounts(shop.writer, shop.readers, key=around.secrets.correspondent)
    today = now.astimezone(UTC).date()
    by = await reporter(shop.readers, around.settings.hostname)
    sent = 0
    if by is not None:
        for published, report in reports(await counts.before(today), by.submitter):
            for to in await addresses(report.domain, resolver, is_public_suffix):
                word = secrets.token_hex(16)
                content = message(published, report, by.submitter, str(to), word=word, now=now)
                await by.hand_in(queue, to, content, word=word, now=now)
                sent += 1
    await counts.forget(today)
    return sent
