"""How many recipients each mailbox wrote to today, and whom it wrote to before, as keyed hashes with an expiry."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from mailhost.adapters.database import Cursor
from mailhost.adapters.writer import Writer
from mailhost.ports import Account, Allowance, Tallied

# Somebody not written to for half a year is new again.
KEPT: Final = timedelta(days=180)
# A hash is touched again only when this much of its time is gone: a daily letter writes no row a day.
TOUCH_AFTER: Final = timedelta(days=30)


class DatabaseTally:
    """`ports.Tally` over the cell's database."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def count(
        self, account: Account, digests: Collection[bytes], allowed: Allowance, *, now: datetime
    ) -> Tallied:
        today = now.astimezone(UTC).date()
        day, until, touch = today.isoformat(), (today + KEPT).isoformat(), (today + KEPT - TOUCH_AFTER).isoformat()
        box = account.mailbox_id

        def work(cursor: Cursor) -> Tallied:
            cursor.execute("DELETE FROM mailhost_senttoday WHERE mailbox_id = %s AND day < %s", [box, day])
            cursor.execute("DELETE FROM mailhost_writtento WHERE kept_until < %s", [day])
            new = []
            for digest in sorted(digests):
                cursor.execute(
                    "SELECT kept_until FROM mailhost_writtento WHERE mailbox_id = %s AND digest = %s", [box, digest]
                )
                row = cursor.fetchone()
                if row is None:
                    new.append(digest)
                elif str(row[0]) < touch:
                    cursor.execute(
                        "UPDATE mailhost_writtento SET kept_until = %s WHERE mailbox_id = %s AND digest = %s",
                        [until, box, digest],
                    )
            found = _over(cursor, account, len(digests), len(new), allowed, day)
            if found is not Tallied.OK:
                return found
            cursor.execute(
                "INSERT INTO mailhost_senttoday (tenant_id, mailbox_id, day, recipients, new)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (mailbox_id, day) DO UPDATE"
                " SET recipients = mailhost_senttoday.recipients + excluded.recipients,"
                " new = mailhost_senttoday.new + excluded.new",
                [account.tenant_id, box, day, len(digests), len(new)],
            )
            cursor.executemany(
                "INSERT INTO mailhost_writtento (mailbox_id, digest, kept_until) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [(box, digest, until) for digest in new],
            )
            return Tallied.OK

        return await self._writer.change(work)


def _over(cursor: Cursor, account: Account, all_: int, new: int, allowed: Allowance, day: str) -> Tallied:
    """Whether so many more would pass a limit; an operator's own goes before the usual one."""
    if allowed.young is not None:
        cursor.execute("SELECT 1 FROM mailhost_tenant WHERE id = %s AND young_until >= %s", [account.tenant_id, day])
        allowed = allowed.young if cursor.fetchone() else allowed
    cursor.execute(
        "SELECT mailbox_id, recipients, new FROM mailhost_sendinglimit"
        " WHERE tenant_id = %s AND (mailbox_id IS NULL OR mailbox_id = %s)",
        [account.tenant_id, account.mailbox_id],
    )
    for mailbox, recipients, first_time in cursor.fetchall():
        if mailbox is None:
            allowed = replace(allowed, tenant=recipients, tenant_new=first_time)
        else:
            allowed = replace(allowed, mailbox=recipients, mailbox_new=first_time)
    cursor.execute(
        "SELECT COALESCE(SUM(recipients), 0), COALESCE(SUM(new), 0),"
        " COALESCE(SUM(CASE WHEN mailbox_id = %s THEN recipients ELSE 0 END), 0),"
        " COALESCE(SUM(CASE WHEN mailbox_id = %s THEN new ELSE 0 END), 0)"
        " FROM mailhost_senttoday WHERE tenant_id = %s AND day = %s",
        [account.mailbox_id, account.mailbox_id, account.tenant_id, day],
    )
    tenant, tenant_new, box, box_new = cursor.fetchone()
    if box + all_ > allowed.mailbox or tenant + all_ > allowed.tenant:
        return Tallied.TOO_MANY
    if box_new + new > allowed.mailbox_new or tenant_new + new > allowed.tenant_new:
        return Tallied.TOO_MANY_NEW
    return Tallied.OK
