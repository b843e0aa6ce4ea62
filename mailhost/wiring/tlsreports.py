"""The day's TLS reports, from the counts in the database to web sites and the outbound queue: a job of the worker.

A domain that asks for no reports costs one DNS question and its counts are forgotten; so are those of a domain that
was reported. A crash in between reports a day again, which its reader tells by the report's id.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from mailhost.adapters.egress import DatabaseDecider
from mailhost.adapters.reportpost import May, ReportPoster
from mailhost.adapters.tlsmemory import DatabaseTlsCounts
from mailhost.adapters.workshop import Workshop
from mailhost.mailauth.resolver import Resolver, Txt
from mailhost.message.address import BadAddress, parse_address
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.transport import Verdict
from mailhost.outbox import Queue, TlsNeed
from mailhost.reports.tlsreports import message, reports
from mailhost.tlspolicy.tlsrpt import report_addresses, report_sites, write_report
from mailhost.wiring.intake import signing_queue
from mailhost.wiring.ownreports import Reporter, reporter
from mailhost.wiring.resolving import resolver_of
from mailhost.wiring.surroundings import Surroundings, workshop

HTTPS: Final = 443

type Post = Callable[[str, bytes], Awaitable[bool]]


def send_tls_reports(around: Surroundings, now: datetime) -> int:
    """Queue the reports of all days that are over; how many. Does nothing where no DNS is asked."""
    resolver = resolver_of(around)
    return 0 if resolver is None else asyncio.run(_send(around, resolver, now))


async def _send(around: Surroundings, resolver: Resolver, now: datetime) -> int:
    async with workshop(around.settings) as shop:
        by = await reporter(shop.readers, around.settings.hostname)
        if by is None:
            return 0
        poster = ReportPoster(
            resolver,
            private=around.settings.private_targets,
            context=ssl.create_default_context(),
            may=_policy(around, shop, by, now),
        )
        return await send(around, shop, signing_queue(around, shop), resolver, now, post=poster.post)


def _policy(around: Surroundings, shop: Workshop, by: Reporter, now: datetime) -> May:
    """The egress decision about a site, as about any host that gets something of ours."""
    decider = DatabaseDecider(shop.readers, shop.writer, around.notary, around.where())

    async def may(host: str, found: Sequence[str]) -> bool:
        targets = [Target(host, address, HTTPS) for address in found]
        asked = await decider.may_leave(
            by.tenant_id, host, targets, secure=True, sealed=False, consent=False, standing=False, note=False, now=now
        )
        return asked.verdict is Verdict.ALLOW

    return may


async def send(
    around: Surroundings, shop: Workshop, queue: Queue, resolver: Resolver, now: datetime, *, post: Post
) -> int:
    """As `send_tls_reports`, over what is open already; `post` hands a report to a web site."""
    counts = DatabaseTlsCounts(shop.writer, shop.readers, key=around.secrets.correspondent)
    today = now.astimezone(UTC).date()
    by = await reporter(shop.readers, around.settings.hostname)
    sent = 0
    if by is not None:
        for domain, report in reports(await counts.before(today), by.submitter):
            asked = await resolver.lookup(f"_smtp._tls.{domain}", Txt)
            for site in report_sites(asked):
                sent += await post(site, write_report(report))
            for to in report_addresses(asked):
                try:
                    address = parse_address(to)
                except BadAddress:
                    continue
                word = secrets.token_hex(16)
                content = message(domain, report, by.submitter, str(address), word=word, now=now)
                await by.hand_in(queue, address, content, word=word, tls=TlsNeed.NONE, now=now)
                sent += 1
    await counts.forget(today)
    return sent
