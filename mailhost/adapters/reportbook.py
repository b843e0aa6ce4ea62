"""The counts of reports about hosted domains, in the database (`reportmail.ReportBook`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from mailhost.adapters.database import Cursor, Readers, statements
from mailhost.adapters.writer import Writer
from mailhost.reports.reportmail import Received

# A year and a month, so that this month can be held against last year's.
KEPT: Final = timedelta(days=400)
# Reports of one domain and day: some dozen receivers report. What strangers invent beyond that is not kept.
MAX_A_DAY: Final = 500
# A report about the day after tomorrow, or about last year, is a mistake or worse.
OLDEST: Final = timedelta(days=30)
# Seconds for which the addresses that are read along are believed.
ADDRESSES_HOLD: Final = 30.0


class DatabaseReportBook:
    """`reportmail.ReportBook` over the cell's database."""

    def __init__(self, writer: Writer, readers: Readers, clock: Callable[[], float] = time.monotonic) -> None:
        self._writer = writer
        self._readers = readers
        self._clock = clock
        self._addresses: dict[str, int] = {}
        self._until = 0.0

    async def tenants_of(self, addresses: Collection[str]) -> frozenset[int]:
        # Few read along, so all are read at once and the usual answer costs nothing.
        if self._clock() >= self._until:
            self._addresses = await self._readers.run(_addresses)
            self._until = self._clock() + ADDRESSES_HOLD
        return frozenset(self._addresses[address] for address in addresses if address in self._addresses)

    async def enter(
        self, received: Sequence[Received], *, proven: bool, now: datetime, tenant: int | None = None
    ) -> int:
        today = now.astimezone(UTC).date()
        timely = [one for one in received if today - OLDEST <= one.day <= today + timedelta(days=1)]

        def work(cursor: Cursor) -> int:
            _forget(cursor, today - KEPT)
            return sum(_enter(cursor, one, proven=proven, tenant=tenant) for one in timely)

        return await self._writer.change(work)


def _forget(cursor: Cursor, before: date) -> None:
    old = "SELECT id FROM mailhost_receivedreport WHERE day < %s"
    for table in ("reportedmail", "reportedsessions"):
        cursor.execute(f"DELETE FROM mailhost_{table} WHERE report_id IN ({old})", [before.isoformat()])
    cursor.execute("DELETE FROM mailhost_receivedreport WHERE day < %s", [before.isoformat()])


def _addresses() -> dict[str, int]:
    with statements() as cursor:
        # The domain must still be the same tenant's: domains go and may come back as somebody else's.
        cursor.execute("SELECT name, tenant_id FROM mailhost_domain WHERE verified IS NOT NULL")
        domains = set(cursor.fetchall())
        cursor.execute("SELECT address, tenant_id FROM mailhost_reportaddress")
        return {
            address: tenant for address, tenant in cursor.fetchall() if (address.rpartition("@")[2], tenant) in domains
        }


def _enter(cursor: Cursor, one: Received, *, proven: bool, tenant: int | None) -> bool:
    """Whether the report is about a domain hosted here (and of this tenant); its counts are kept if they are new."""
    cursor.execute("SELECT id, tenant_id FROM mailhost_domain WHERE name = %s AND verified IS NOT NULL", [one.domain])
    row = cursor.fetchone()
    if row is None or tenant not in {None, row[1]}:
        return False
    day = one.day.isoformat()
    cursor.execute("SELECT COUNT(*) FROM mailhost_receivedreport WHERE domain_id = %s AND day = %s", [row[0], day])
    if int(cursor.fetchone()[0]) >= MAX_A_DAY:
        return True
    cursor.execute(
        "INSERT INTO mailhost_receivedreport (domain_id, kind, day, reporter, proven, digest)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (digest) DO NOTHING RETURNING id",
        [row[0], "dmarc" if one.mail or not one.sessions else "tls", day, one.reporter, proven, one.digest],
    )
    made = cursor.fetchone()
    if made is None:
        return True
    cursor.executemany(
        "INSERT INTO mailhost_reportedmail (report_id, network, disposition, aligned_dkim, aligned_spf, messages)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [(made[0], r.network, r.disposition, r.aligned_dkim, r.aligned_spf, r.messages) for r in one.mail],
    )
    cursor.executemany(
        "INSERT INTO mailhost_reportedsessions (report_id, policy, result, sessions) VALUES (%s, %s, %s, %s)",
        [(made[0], r.policy, r.result, r.sessions) for r in one.sessions],
    )
    return True
