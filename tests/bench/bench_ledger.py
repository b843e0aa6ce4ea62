"""What the ledger costs: appending, signing a head, proving, checking the whole log; on SQLite, synced to disk.

Run: .venv/bin/python -m tests.bench.bench_ledger [entries]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

NOW = datetime(2026, 11, 21, 14, 35, tzinfo=UTC)


@contextmanager
def timed(what: str, count: int) -> Iterator[None]:
    cpu, began = time.process_time(), time.perf_counter()
    yield
    took, busy = time.perf_counter() - began, time.process_time() - cpu
    print(f"{what:34}{1e6 * took / count:>10,.0f} us each {1e6 * busy / count:>10,.0f} us of processor")


def main() -> None:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory(prefix="skerry-bench-") as home:
        os.environ.update({"SKERRY_HOME": home, "DJANGO_SETTINGS_MODULE": "webadmin.settings"})
        import django

        django.setup()
        bench(entries)


def bench(entries: int) -> None:
    from django.conf import settings
    from django.db import transaction

    from jurisdiction.ledger.entries import ClientBundle
    from jurisdiction.records import ledger
    from webadmin.cell import notarial
    from webadmin.processes import prepare

    prepare.prepare(settings.ENVIRON, now=NOW)
    notary = notarial.notary(settings.ENVIRON, today=NOW.date())

    def entry(number: int) -> ClientBundle:
        return ClientBundle("2026-11-21", str(number), "ab" * 32)

    with timed("append, a commit each", 200):
        for number in range(200):
            with transaction.atomic():
                ledger.append([(entry(number), "subject")], notary)
    with timed("append, 100 in a transaction", entries):
        for first in range(0, entries, 100):
            with transaction.atomic():
                ledger.append([(entry(number), "") for number in range(first, first + 100)], notary)
    with timed("sign the head", 1):
        head = ledger.checkpoint(notary, NOW)
    placed = ledger.entries_of("subject")[:50]
    with timed("receipt, an entry", len(placed)):
        ledger.receipt(placed, head)
    with timed("export, an entry", head.size):
        ledger.export(head)
    with timed("check the whole log, an entry", head.size):
        assert list(ledger.problems(notary)) == []


if __name__ == "__main__":
    main()
