"""One import, in a process of its own beside the daemons: the source's reader, the mailbox, and what joins them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from mailhost.adapters.imapstore.bringing import DatabaseTarget
from mailhost.importing.bring import Import, Progress, Report, Wish
from mailhost.importing.source import Source
from mailhost.wiring.sealing import SEALING_THREADS, sealing_on
from mailhost.wiring.surroundings import Settings, now, run, workshop


def run_import(
    settings: Settings, mailbox_id: int, source: Source, wish: Wish, *, key: bytes, progress: Progress
) -> Report:
    """Bring mail in until all is here or something stops it. Raises NoSuchSourceFolder."""
    reports: list[Report] = []

    async def work() -> None:
        async with workshop(settings) as shop:
            with ThreadPoolExecutor(SEALING_THREADS, thread_name_prefix="sealing") as threads:
                target = DatabaseTarget(shop, mailbox_id, sealing_on(threads), append_limit=wish.limit)
                owner = str(mailbox_id).encode()
                reports.append(await Import(source, target, wish, key, owner, now, progress).run())

    run(work())
    return reports[0]
