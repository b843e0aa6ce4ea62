"""What judges arriving mail: the resolver every daemon shares, and, where something is to be asked, the judge.

Without a resolver and without a content filter there is nothing to ask, so there is no judge: mail is taken as it
comes, and the receiving path is as short as it can be.
"""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailhost.adapters.dnscache import KeptLookups
from mailhost.adapters.lookups import DnsLookups
from mailhost.adapters.rspamd import Rspamd
from mailhost.adapters.senders import DatabaseChoices, DatabaseMemory
from mailhost.adapters.suffixes import is_public_suffix
from mailhost.adapters.workshop import Workshop
from mailhost.mailauth.resolver import Resolver
from mailhost.reputation.judge import Judge, Sources
from mailhost.reputation.rates import RateLimits, SenderRates
from mailhost.wiring.surroundings import Surroundings


def resolver_of(around: Surroundings) -> Resolver | None:
    """The resolver of a process, None where no resolver is configured: then nothing is looked up."""
    if not around.settings.resolver:
        return None
    host, _, port = around.settings.resolver.rpartition(":")
    lookups = DnsLookups(host.removeprefix("[").removesuffix("]"), int(port))
    return KeptLookups(lookups, around.metrics, clock=time.monotonic)


@asynccontextmanager
async def judging(around: Surroundings, shop: Workshop) -> AsyncIterator[Judge | None]:
    """The judge of a process, None where it would have nobody to ask."""
    settings = around.settings
    resolver = resolver_of(around)
    if resolver is None and not settings.rspamd:
        yield None
        return
    content_filter = Rspamd(settings.rspamd, around.metrics) if settings.rspamd else None
    if resolver is not None:
        is_public_suffix("is")  # read the list now, not while the first message waits
    try:
        yield Judge(
            Sources(
                memory=DatabaseMemory(shop.writer, shop.readers),
                policies=DatabaseChoices(shop.readers, time.monotonic),
                resolver=resolver,
                is_suffix=is_public_suffix,
                block_lists=settings.block_lists,
                content_filter=content_filter,
                strangers=tuple(map(ipaddress.ip_network, settings.stranger_networks)),
            ),
            hostname=settings.hostname,
            key=around.secrets.correspondent,
            rates=SenderRates(RateLimits(), secrets.token_bytes(16)),
            metrics=around.metrics,
            clock=time.monotonic,
        )
    finally:
        if content_filter is not None:
            await content_filter.close()
