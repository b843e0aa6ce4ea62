"""What judges arriving mail, where something is configured that can be asked.

Without a resolver and without a content filter there is nothing to ask, so there is no judge: mail is taken as it
comes, and the receiving path is as short as it can be.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from mailhost.adapters.dmarcmemory import DatabaseDmarcCounts
from mailhost.adapters.senders import DatabaseChoices, DatabaseMemory
from mailhost.adapters.suffixes import is_public_suffix
from mailhost.adapters.workshop import Workshop
from mailhost.ports import StoreError
from mailhost.reputation.judge import Judge, Sources
from mailhost.reputation.rates import SenderRates
from mailhost.wiring.chosenlimits import judging_limits, rate_limits
from mailhost.wiring.resolving import resolver_of
from mailhost.wiring.surroundings import Surroundings

if TYPE_CHECKING:
    from mailhost.adapters.rspamd import Rspamd

# Seconds between writing down what DMARC made of mail, and learning which domains take part; a crash loses so much.
COUNT_EVERY = 30.0


@asynccontextmanager
async def judging(around: Surroundings, shop: Workshop) -> AsyncIterator[Judge | None]:
    """The judge of a process, None where it would have nobody to ask."""
    settings = around.settings
    resolver = resolver_of(around)
    if resolver is None and not settings.rspamd:
        yield None
        return
    content_filter = _filter(around)
    counts = DatabaseDmarcCounts(shop.writer, shop.readers, key=around.secrets.correspondent)
    if resolver is not None:
        is_public_suffix("is")  # read the list now, not while the first message waits
    counting = asyncio.create_task(_write_down(counts))
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
                dmarc=counts,
            ),
            hostname=settings.hostname,
            key=around.secrets.correspondent,
            rates=SenderRates(rate_limits(settings), secrets.token_bytes(16)),
            metrics=around.metrics,
            clock=time.monotonic,
            limits=judging_limits(settings),
        )
    finally:
        counting.cancel()
        with suppress(StoreError):
            await counts.flush()
        if content_filter is not None:
            await content_filter.close()


async def _write_down(counts: DatabaseDmarcCounts) -> None:
    while True:
        with suppress(StoreError):
            await counts.look()
            await counts.flush()
        await asyncio.sleep(COUNT_EVERY)


def _filter(around: Surroundings) -> Rspamd | None:
    if not around.settings.rspamd:
        return None
    # An HTTP client is a tenth of a second and 14 MiB that a process without a filter need not pay.
    from mailhost.adapters.rspamd import Rspamd  # noqa: PLC0415

    return Rspamd(around.settings.rspamd, around.metrics)
