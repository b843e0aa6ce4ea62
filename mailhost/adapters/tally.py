"""How many recipients each mailbox wrote to today, and whom it wrote to before, as keyed hashes with an expiry.

All messages that are counted in one transaction share their statements: what is known of their mailboxes and tenants
is read at once, each message is counted in turn, and what came of it is written at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple, Self

from mailhost.adapters.database import ROWS_TOGETHER, Cursor, change_together, listed, one_of, statements
from mailhost.adapters.writer import Writer
from mailhost.ports import Counting, Tallied

# Somebody not written to for half a year is new again.
KEPT: Final = timedelta(days=180)
# A hash is touched again only when this much of its time is gone: a daily letter writes no row a day.
TOUCH_AFTER: Final = timedelta(days=30)


class DatabaseTally:
    """`ports.Tally` over the cell's database."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def count(self, counting: Counting) -> Tallied:
        return await self._writer.together(count_all, counting)


def look(counting: Counting) -> Tallied:
    """What counting it would come to now; nothing is written."""
    with statements() as cursor:
        return _Book.read(cursor, [counting], counting.day).count(counting)


class _Sums(NamedTuple):
    """Recipients of a day, and those among them never written to before."""

    all: int = 0
    new: int = 0

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(self.all + other.all, self.new + other.new)


def count_all(cursor: Cursor, calls: Sequence[Counting]) -> list[Tallied]:
    """Count each message in turn, or nothing of it where that would pass a limit."""
    # Around midnight there are two days.
    days = {call.day for call in calls}
    books = {day: _Book.read(cursor, [call for call in calls if call.day == day], day) for day in days}
    answers = [books[call.day].count(call) for call in calls]
    for book in books.values():
        book.write(cursor)
    return answers


@dataclass(slots=True)
class _Book:
    """What is known of a day's mailboxes and tenants. `added` and `keep` are not written down yet."""

    day: date
    boxes: dict[int, _Sums]
    tenants: dict[int, _Sums]
    # Operators' own limits: of a tenant and a mailbox, or of the tenant alone.
    limits: dict[tuple[int, int | None], _Sums]
    young: set[int]
    known: dict[tuple[int, bytes], str]  # mailbox and digest: kept until
    added: dict[tuple[int, int], _Sums]  # tenant and mailbox
    keep: dict[tuple[int, bytes], None]

    @classmethod
    def read(cls, cursor: Cursor, calls: Sequence[Counting], day: date) -> Self:
        found = cls(day, {}, {}, {}, set(), {}, {}, {})
        boxes = listed({call.account.mailbox_id for call in calls})
        tenants = listed({call.account.tenant_id for call in calls})
        cursor.execute(
            "SELECT 'box', tenant_id, mailbox_id, recipients, new FROM mailhost_senttoday"
            f" WHERE {one_of('mailbox_id')} AND day = %s"
            " UNION ALL SELECT 'tenant', tenant_id, NULL, SUM(recipients), SUM(new) FROM mailhost_senttoday"
            f" WHERE {one_of('tenant_id')} AND day = %s GROUP BY tenant_id"
            " UNION ALL SELECT 'limit', tenant_id, mailbox_id, recipients, new FROM mailhost_sendinglimit"
            f" WHERE {one_of('tenant_id')} AND (mailbox_id IS NULL OR {one_of('mailbox_id')})"
            " UNION ALL SELECT 'young', id, NULL, 0, 0 FROM mailhost_tenant"
            f" WHERE {one_of('id')} AND young_until >= %s",
            [boxes, day.isoformat(), tenants, day.isoformat(), tenants, boxes, tenants, day.isoformat()],
        )
        for what, tenant, box, recipients, new in cursor.fetchall():
            match what:
                case "box":
                    found.boxes[box] = _Sums(recipients, new)
                case "tenant":
                    found.tenants[tenant] = _Sums(recipients, new)
                case "limit":
                    found.limits[tenant, box] = _Sums(recipients, new)
                case _:
                    found.young.add(tenant)
        found.known = _known(cursor, calls, day)
        return found

    def count(self, call: Counting) -> Tallied:
        box, tenant = call.account.mailbox_id, call.account.tenant_id
        pairs = [(box, digest) for digest in sorted(call.digests)]
        more = _Sums(len(pairs), sum(pair not in self.known for pair in pairs))
        after = (self.boxes.get(box, _Sums()).plus(more), self.tenants.get(tenant, _Sums()).plus(more))
        limits = self._limits(call)
        if any(sums.all > limit.all for sums, limit in zip(after, limits, strict=True)):
            return Tallied.TOO_MANY
        if any(sums.new > limit.new for sums, limit in zip(after, limits, strict=True)):
            return Tallied.TOO_MANY_NEW
        self._add(box, tenant, more, pairs)
        return Tallied.OK

    def _limits(self, call: Counting) -> tuple[_Sums, _Sums]:
        """Of the mailbox and of the tenant; an operator's own goes before the usual one."""
        box, tenant, usual = call.account.mailbox_id, call.account.tenant_id, call.allowed
        if usual.young is not None and tenant in self.young:
            usual = usual.young
        return (
            self.limits.get((tenant, box), _Sums(usual.mailbox, usual.mailbox_new)),
            self.limits.get((tenant, None), _Sums(usual.tenant, usual.tenant_new)),
        )

    def _add(self, box: int, tenant: int, more: _Sums, pairs: Sequence[tuple[int, bytes]]) -> None:
        self.boxes[box] = self.boxes.get(box, _Sums()).plus(more)
        self.tenants[tenant] = self.tenants.get(tenant, _Sums()).plus(more)
        self.added[tenant, box] = self.added.get((tenant, box), _Sums()).plus(more)
        until = (self.day + KEPT).isoformat()
        touch = (self.day + KEPT - TOUCH_AFTER).isoformat()
        for pair in pairs:
            if self.known.get(pair, "") < touch:
                self.known[pair] = until
                self.keep[pair] = None

    def write(self, cursor: Cursor) -> None:
        day, until = self.day.isoformat(), (self.day + KEPT).isoformat()
        # A mailbox's first message of the day takes what is over with it.
        first = [box for (_, box), sums in self.added.items() if self.boxes[box] == sums]
        if first:
            cursor.execute(
                f"DELETE FROM mailhost_senttoday WHERE {one_of('mailbox_id')} AND day < %s", [listed(first), day]
            )
            cursor.execute("DELETE FROM mailhost_writtento WHERE kept_until < %s", [day])
        change_together(
            cursor,
            "INSERT INTO mailhost_senttoday (tenant_id, mailbox_id, day, recipients, new)",
            # In one order everywhere, so that two processes cannot wait for each other's rows.
            sorted((tenant, box, day, sums.all, sums.new) for (tenant, box), sums in self.added.items()),
            "ON CONFLICT (mailbox_id, day) DO UPDATE SET recipients = mailhost_senttoday.recipients"
            " + excluded.recipients, new = mailhost_senttoday.new + excluded.new",
        )
        change_together(
            cursor,
            "INSERT INTO mailhost_writtento (mailbox_id, digest, kept_until)",
            [(box, digest, until) for box, digest in sorted(self.keep)],
            "ON CONFLICT (mailbox_id, digest) DO UPDATE SET kept_until = excluded.kept_until",
        )


def _known(cursor: Cursor, calls: Sequence[Counting], day: date) -> dict[tuple[int, bytes], str]:
    """Those of the recipients that their mailbox has written to before: until when that is kept."""
    found: dict[tuple[int, bytes], str] = {}
    wanted = sorted({(call.account.mailbox_id, digest) for call in calls for digest in call.digests})
    for pairs in itertools.batched(wanted, ROWS_TOGETHER):
        cursor.execute(
            "SELECT mailbox_id, digest, kept_until FROM mailhost_writtento"
            f" WHERE (mailbox_id, digest) IN (VALUES {', '.join(['(%s, %s)'] * len(pairs))}) AND kept_until >= %s",
            [*itertools.chain.from_iterable(pairs), day.isoformat()],
        )
        found |= {(box, bytes(digest)): str(until) for box, digest, until in cursor.fetchall()}
    return found
