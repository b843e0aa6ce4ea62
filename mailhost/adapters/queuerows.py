"""The statements of the outbound queue (`queue.py`), each about a batch, the same on SQLite and PostgreSQL.

What is put in and what goes is vectorised over all calls of a transaction (`writer.Writer.together`): a message of a
busy hour costs a share of four statements, not seven of its own. Rows are touched in one order everywhere, so that two
processes cannot wait for each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from mailhost.adapters.database import (
    Cursor,
    change_together,
    for_update,
    listed,
    next_ids,
    one_of,
    read_moment,
    rounded,
    statements,
    stored,
)

# Octets of a sealed content that comes along with its claim; a claim of the largest batch stays below 4 MiB.
CARRIED: Final = 32 * 1024
_ITEM: Final = (
    "i.id, i.message_id, m.opaque_id, m.tenant_id, m.mailbox_id, i.envelope, i.queued, i.attempts, i.told, i.reason,"
    f" CASE WHEN m.blob = '' AND LENGTH(m.content) <= {CARRIED} THEN m.content END"
    " FROM mailhost_queueitem i JOIN mailhost_queuedmessage m ON m.id = i.message_id"
)
FREE: Final = "(claimed_until IS NULL OR claimed_until <= %s)"


@dataclass(frozen=True, slots=True)
class Rows:
    """A claim before its envelopes are opened."""

    destination: bytes
    failures: int
    due: list[Any]
    old: list[Any]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it goes into the tables; `shares` are destinations, as digests, with their envelopes."""

    cell: str
    tenant_id: int
    mailbox_id: int
    opaque_id: str
    now: datetime
    content: bytes
    blob: str
    shares: Sequence[tuple[bytes, bytes]]


def due_destinations(cursor: Cursor, moment: Any, limit: int) -> list[int]:
    """Free destinations that are due."""
    cursor.execute(
        f"SELECT id FROM mailhost_queuedestination WHERE due <= %s AND {FREE} ORDER BY due LIMIT %s",
        [moment, moment, limit],
    )
    return [row[0] for row in cursor.fetchall()]


def overdue_items(cursor: Cursor, moment: Any, ended: Any, late: Any, limit: int) -> list[Any]:
    """Items of free destinations, oldest first, that are past their end, or whose author is to hear that they are late;
    each with its destination."""
    found: dict[int, int] = {}
    for condition, values in (
        ("i.queued <= %s AND i.due <= %s", [ended, moment]),
        ("i.told = %s AND i.queued <= %s AND i.due <= %s", [False, late, moment]),
    ):
        cursor.execute(
            "SELECT i.id, i.destination_id FROM mailhost_queueitem i JOIN mailhost_queuedestination d"
            f" ON d.id = i.destination_id WHERE {condition} AND {FREE} ORDER BY i.queued LIMIT %s",
            [*values, moment, limit],
        )
        found |= dict(cursor.fetchall())
    return [(destination, item) for item, destination in found.items()]


def claimed_items(
    cursor: Cursor, destination_id: int, moment: Any, ended: Any, limit: int, old: Collection[int]
) -> Rows:
    cursor.execute("SELECT digest, failures, due FROM mailhost_queuedestination WHERE id = %s", [destination_id])
    digest, failures, due_at = cursor.fetchone()
    due: list[Any] = []
    if read_moment(due_at) <= read_moment(moment):
        cursor.execute(
            f"SELECT {_ITEM} WHERE i.destination_id = %s AND i.state = 'waiting' AND i.due <= %s"
            " AND i.queued > %s ORDER BY i.due LIMIT %s",
            [destination_id, moment, ended, limit],
        )
        due = cursor.fetchall()
    if not old:
        return Rows(bytes(digest), failures, due, [])
    cursor.execute(f"SELECT {_ITEM} WHERE {one_of('i.id')}", [listed(old)])
    return Rows(bytes(digest), failures, due, cursor.fetchall())


def insert(cursor: Cursor, arrivals: Sequence[Arrival]) -> list[None]:
    """Put messages into the queue."""
    ids = next_ids(cursor, "mailhost_queuedmessage", len(arrivals))
    change_together(
        cursor,
        "INSERT INTO mailhost_queuedmessage (id, cell, tenant_id, mailbox_id, opaque_id, queued, content, blob)",
        [
            (number, one.cell, one.tenant_id, one.mailbox_id, one.opaque_id, stored(rounded(one.now)), one.content,
             one.blob)
            for number, one in zip(ids, arrivals, strict=True)
        ],
    )  # fmt: skip
    destinations = _wanted(cursor, arrivals)
    change_together(
        cursor,
        "INSERT INTO mailhost_queueitem (cell, message_id, destination_id, state, attempts, due, queued, told, reason,"
        " envelope)",
        [
            (one.cell, number, destinations[digest], "waiting", 0, stored(one.now), stored(rounded(one.now)), False,
             "", envelope)
            for number, one in zip(ids, arrivals, strict=True)
            for digest, envelope in one.shares
        ],
    )  # fmt: skip
    return [None] * len(arrivals)


def _wanted(cursor: Cursor, arrivals: Sequence[Arrival]) -> dict[bytes, int]:
    """The destinations of these messages, by digest, each made due if nothing else keeps it back."""
    due: dict[bytes, tuple[str, datetime]] = {}
    for one in arrivals:
        for digest, _ in one.shares:
            _, before = due.get(digest, ("", one.now))
            due[digest] = (one.cell, min(before, one.now))
    # In one order everywhere, so that two of these cannot wait for each other's rows.
    rows = [(cell, digest, stored(moment), 0) for digest, (cell, moment) in sorted(due.items())]
    found = change_together(
        cursor,
        "INSERT INTO mailhost_queuedestination (cell, digest, due, failures)",
        rows,
        "ON CONFLICT (digest) DO UPDATE SET due = CASE WHEN mailhost_queuedestination.failures = 0"
        " AND mailhost_queuedestination.due > excluded.due THEN excluded.due"
        " ELSE mailhost_queuedestination.due END RETURNING digest, id",
    )
    return {bytes(digest): number for digest, number in found}


def delete(cursor: Cursor, calls: Sequence[Collection[int]]) -> list[list[str]]:
    """Remove items, and messages with their last one; for each call the files that go with them."""
    ids = [item for call in calls for item in call]
    cursor.execute(
        f"DELETE FROM mailhost_queueitem WHERE {one_of('id')} RETURNING id, message_id", [listed(sorted(ids))]
    )
    messages = dict(cursor.fetchall())
    blobs = end(cursor, set(messages.values()))
    # A file goes once, whoever's item was the last of its message.
    return [[blobs.pop(messages[item]) for item in call if messages.get(item) in blobs] for call in calls]


def end(cursor: Cursor, messages: Collection[int]) -> dict[int, str]:
    """Remove those of these messages that have no item any more; the files that go with them."""
    those = [listed(sorted(messages))]
    if lock := for_update():
        # Two processes that remove the last two items would each still see the other's, and the message would stay.
        cursor.execute(f"SELECT id FROM mailhost_queuedmessage WHERE {one_of('id')} ORDER BY id{lock}", those)
    cursor.execute(
        f"DELETE FROM mailhost_queuedmessage WHERE {one_of('id')} AND NOT EXISTS"
        " (SELECT 1 FROM mailhost_queueitem i WHERE i.message_id = mailhost_queuedmessage.id) RETURNING id, blob",
        those,
    )
    return {message: blob for message, blob in cursor.fetchall() if blob}


def without_items(limit: int) -> list[int]:
    """Messages that nobody is to get any more."""
    with statements() as cursor:
        cursor.execute(
            "SELECT id FROM mailhost_queuedmessage WHERE NOT EXISTS"
            " (SELECT 1 FROM mailhost_queueitem i WHERE i.message_id = mailhost_queuedmessage.id) LIMIT %s",
            [limit],
        )
        return [row[0] for row in cursor.fetchall()]


def content_of(message_id: int) -> Any:
    """A message's sealed content, its hour and its file; None when it is gone."""
    with statements() as cursor:
        cursor.execute("SELECT content, queued, blob FROM mailhost_queuedmessage WHERE id = %s", [message_id])
        return cursor.fetchone()


def days_in_use() -> set[date]:
    """The days that something waits since: one step of an index for each, whatever waits."""
    found: set[date] = set()
    after = ""
    with statements() as cursor:
        while True:
            condition, values = ("WHERE queued >= %s", [after]) if found else ("", [])
            cursor.execute(f"SELECT MIN(queued) FROM mailhost_queueitem {condition}", values)
            [first] = cursor.fetchone()
            if first is None:
                return found
            day = read_moment(first).date()
            found.add(day)
            after = stored(datetime.combine(day + timedelta(days=1), time(), UTC))
