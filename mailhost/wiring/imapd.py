"""imapd: IMAP over the cell's store, in the sealed and the session view."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailhost.adapters.imapstore.accounts import DatabaseAccounts
from mailhost.deliver import LARGE, summarise
from mailhost.imap.limits import Limits
from mailhost.imap.server import Listener, serve
from mailhost.message.describe import describe
from mailhost.outcomes import NO_VERDICT
from mailhost.ports import Metrics
from mailhost.seal import HybridRecipient, Sealed, seal
from mailhost.wiring.surroundings import Surroundings, bound, now, run, stop_on_signals, workshop

# Threads that describe and seal large messages; the cores are few and the work holds them fully.
SEALING_THREADS = 2


def run_imapd(around: Surroundings) -> None:
    """Serve IMAP until SIGTERM or SIGINT."""
    run(_imapd(around))


async def _imapd(around: Surroundings) -> None:
    settings = around.settings
    clear, over_tls = bound(settings.bind, settings.imap_port), bound(settings.bind, settings.imaps_port)
    async with workshop(settings) as shop:
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
                stop_on_signals(),
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
