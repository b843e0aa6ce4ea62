"""imapd: IMAP over the cell's store, in the sealed and the session view."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from mailhost.adapters.imapstore import openers
from mailhost.adapters.imapstore.accounts import DatabaseAccounts
from mailhost.adapters.signins import SignInBook
from mailhost.imap.limits import Limits
from mailhost.imap.server import Listener, serve
from mailhost.ports import Metrics
from mailhost.wiring.placing import country_of
from mailhost.wiring.sealing import SEALING_THREADS, sealing_on
from mailhost.wiring.surroundings import Surroundings, bound, now, run, stop_on_signals, workshop

# Seconds between what is counted here and what the cell's metrics say.
HAND_ON: Final = 1.0


def run_imapd(around: Surroundings) -> None:
    """Serve IMAP until SIGTERM or SIGINT."""
    # Before there are threads, an event loop, or anybody's keys in this process.
    run(_imapd(around, openers.start(openers.spare_cores())))


async def _imapd(around: Surroundings, helping: openers.ForkedOpeners | None) -> None:
    settings = around.settings
    clear, over_tls = bound(settings.bind, settings.imap_port), bound(settings.bind, settings.imaps_port)
    async with workshop(settings) as shop:
        with ThreadPoolExecutor(SEALING_THREADS, thread_name_prefix="sealing") as threads:
            book = SignInBook(shop.writer, shop.readers, country=country_of(around), now=now)
            accounts = DatabaseAccounts(
                shop,
                key=around.secrets.app_password,
                seal_to=sealing_on(threads),
                append_limit=settings.max_message_size,
                now=now,
                book=book,
                openers=helping,
            )
            listeners = [
                *(Listener(each, around.tls(), clear_on_loopback=settings.imap_clear_on_loopback) for each in clear),
                *(Listener(each, around.tls(), implicit=True) for each in over_tls),
            ]
            events = ImapEvents(around.metrics)
            telling = asyncio.create_task(events.keep_handing_on())
            await serve(accounts, listeners, Limits(), events, stop_on_signals(), clock=now, ready=around.ready)
            await book.settled()
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling


class ImapEvents:
    """The IMAP engine's counters as labels of one metric, handed on each second.

    Every command counts, and what counts for the whole cell takes a lock and writes to a file.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counted: dict[str, int] = {}

    def count(self, event: str, amount: int = 1) -> None:
        self._counted[event] = self._counted.get(event, 0) + amount

    def hand_on(self) -> None:
        """Tell the metrics what was counted since the last time."""
        counted, self._counted = self._counted, {}
        for event, amount in counted.items():
            self._metrics.count("imap_events", event, amount)

    async def keep_handing_on(self) -> None:
        """Hand on each second until cancelled, and at the end."""
        try:
            while True:
                await asyncio.sleep(HAND_ON)
                self.hand_on()
        finally:
            self.hand_on()
