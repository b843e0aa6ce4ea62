"""The day after, for a journey: what a cell counted today becomes yesterday's, and the reports that are due are queued.

Started with the environment of one cell, beside its daemons; the reports are sent by the same functions as its worker's
jobs. A line out: {"dmarc": …, "tls": …}, how many of each.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import django
from django.conf import settings

if TYPE_CHECKING:
    from mailhost.wiring.surroundings import Surroundings

DAY = timedelta(days=1)


async def age(around: Surroundings, now: datetime) -> None:
    """Count everything a day earlier."""
    # Models are there once Django is set up.
    from mailhost.adapters.dmarcmemory import DatabaseDmarcCounts
    from mailhost.adapters.tlsmemory import DatabaseTlsCounts
    from mailhost.wiring.surroundings import workshop

    tomorrow = (now + DAY).date()
    async with workshop(around.settings) as shop:
        dmarc = DatabaseDmarcCounts(shop.writer, shop.readers, key=around.secrets.correspondent)
        for seen, times in await dmarc.before(tomorrow):
            for _ in range(times):
                dmarc.observe(replace(seen, day=seen.day - DAY))
        tls = DatabaseTlsCounts(shop.writer, shop.readers, key=around.secrets.correspondent)
        for session, times in await tls.before(tomorrow):
            for _ in range(times):
                tls.observe(replace(session, day=session.day - DAY))
        for counts in (dmarc, tls):
            await counts.forget(tomorrow)
            await counts.flush()


def main() -> None:
    """Both kinds of reports."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "webadmin.settings"
    django.setup()
    from mailhost.wiring.dmarcreports import send_dmarc_reports
    from mailhost.wiring.tlsreports import send_tls_reports
    from webadmin.processes import daemons

    around, now = daemons.surroundings(settings.ENVIRON), datetime.now(UTC)
    asyncio.run(age(around, now))
    print(json.dumps({"dmarc": send_dmarc_reports(around, now), "tls": send_tls_reports(around, now)}))


if __name__ == "__main__":
    main()
