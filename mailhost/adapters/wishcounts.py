"""How often owners' wishes were followed, in the database (`ports.WishCounts`)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from mailhost.adapters.database import Cursor
from mailhost.adapters.writer import Writer
from mailhost.ports import Route

# As long as an owner looks back to see why something did not arrive elsewhere.
KEPT: Final = timedelta(days=31)


class DatabaseWishCounts:
    """`ports.WishCounts` over the cell's database."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def take(self, route: Route, what: str, allowed: int, *, young: int, now: datetime) -> bool:
        today = now.astimezone(UTC).date()

        def work(cursor: Cursor) -> bool:
            cursor.execute(
                "SELECT 1 FROM mailhost_tenant WHERE id = %s AND young_until >= %s",
                [route.tenant_id, today.isoformat()],
            )
            limit = young if cursor.fetchone() else allowed
            cursor.execute(
                "SELECT messages FROM mailhost_wishcount WHERE mailbox_id = %s AND day = %s AND what = %s",
                [route.mailbox_id, today.isoformat(), what],
            )
            row = cursor.fetchone()
            if row is not None and row[0] >= limit:
                return False
            _add(cursor, route.mailbox_id, today, what)
            return True

        return await self._writer.change(work)

    async def note(self, mailbox_id: int, what: str, *, now: datetime) -> None:
        today = now.astimezone(UTC).date()

        def work(cursor: Cursor) -> None:
            # A mailbox that was removed while its mail waited has nothing to be counted for.
            cursor.execute("SELECT 1 FROM mailhost_mailbox WHERE id = %s", [mailbox_id])
            if cursor.fetchone():
                _add(cursor, mailbox_id, today, what)

        await self._writer.change(work)


def _add(cursor: Cursor, mailbox_id: int, today: date, what: str) -> None:
    cursor.execute(
        "DELETE FROM mailhost_wishcount WHERE mailbox_id = %s AND day < %s",
        [mailbox_id, (today - KEPT).isoformat()],
    )
    cursor.execute(
        "INSERT INTO mailhost_wishcount (mailbox_id, day, what, messages) VALUES (%s, %s, %s, 1)"
        " ON CONFLICT (mailbox_id, day, what) DO UPDATE SET messages = mailhost_wishcount.messages + 1",
        [mailbox_id, today.isoformat(), what],
    )
