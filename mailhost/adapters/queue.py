"""The outbound queue in the cell's database: claims by UPDATE and row count, contents in boxes of the day's queue key.

Every statement looks at a batch, never at the queue: destinations that are due come off an index, then each one's
items off another, so a hundred thousand messages for a dead host cost one look at that host's row. The same SQL
serves SQLite and PostgreSQL. Claims are leases: a process that dies lets go by not renewing.

A large content is a file of its own, written and synced before its row; a crash in between leaves a file that the
sweep removes.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mailhost.adapters.blobs import BLOB_FROM, FileBlobs
from mailhost.adapters.database import (
    Cursor,
    Readers,
    engine_errors,
    for_update,
    listed,
    one_of,
    read_moment,
    statements,
    stored,
)
from mailhost.adapters.queueboxes import open_content, open_envelope, seal_content, seal_envelope
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.adapters.queuerows import (
    FREE,
    Arrival,
    Rows,
    claimed_items,
    content_of,
    days_in_use,
    delete,
    due_destinations,
    end,
    insert,
    overdue_items,
    without_items,
)
from mailhost.adapters.sweep import remove_strays
from mailhost.adapters.tally import count_all
from mailhost.adapters.writer import Writer
from mailhost.outbox import DELAY_NOTICE, GIVE_UP, Claim, Forward, Item, Outgoing, Passing, TlsNeed
from mailhost.ports import Counting, StoreUnavailable, Tallied
from mailhost.seal import CannotOpen, CellBox

# A destination without items is looked at when something is put into the queue for it.
NEVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
# A destination row without items is forgotten after this long: it says that somebody wrote there.
FORGET_AFTER: Final = timedelta(days=1)

# Messages without items that one sweep removes.
SWEPT: Final = 1000

# Octets of the secret of an item's own.
SEED_SIZE: Final = 32

# Above this, sealing and opening would keep other sessions waiting.
LARGE: Final = 256 * 1024


def destination_digest(domain: str, key: bytes) -> bytes:
    """What stands for a destination in the tables: 16 bytes that only this cell can make."""
    return hashlib.blake2b(domain.encode(), key=key, digest_size=16, person=b"destination").digest()


class DatabaseQueue:
    """`outbox.Outbox` over the cell's database. `key` turns domains into digests, `blobs` take large contents."""

    def __init__(
        self, writer: Writer, readers: Readers, keys: QueueKeys, blobs: FileBlobs, *, cell: str, key: bytes
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._keys = keys
        self._blobs = blobs
        self._cell = cell
        self._key = key

    def digest(self, domain: str) -> bytes:
        """A destination as the tables know it."""
        return destination_digest(domain, self._key)

    async def put(self, message: Outgoing, *, now: datetime) -> None:
        arrival = await self._arrival(message, now)
        await self._writer.together(insert, arrival, weight=len(arrival.content))

    async def put_counted(self, message: Outgoing, counting: Counting, *, now: datetime) -> Tallied:
        arrival = await self._arrival(message, now)
        found = await self._writer.together(_insert_counted, (arrival, counting), weight=len(arrival.content))
        if found is not Tallied.OK and arrival.blob:
            await asyncio.to_thread(self._blobs.remove, arrival.blob)
        return found

    async def _arrival(self, message: Outgoing, now: datetime) -> Arrival:
        # What is to leave later counts as queued then: its end and its key are five and six days from there.
        now = max(now, message.hold_until or now)
        domains: dict[str, list[Forward]] = {}
        for forward in message.recipients:
            domains.setdefault(forward.domain, []).append(forward)
        # The day's first message makes its key, a file that may find no room.
        with engine_errors():
            box = self._keys.of_today(now.astimezone(UTC).date())
        content = await _aside(len(message.content), seal_content, box, message.opaque_id, message.content)
        blob = ""
        if len(content) >= BLOB_FROM:
            blob, content = await self._put_aside(content, now), b""
        return Arrival(
            self._cell,
            message.tenant_id,
            message.mailbox_id,
            message.opaque_id,
            now,
            content,
            blob,
            tuple(
                (self.digest(domain), seal_envelope(box, message, forwards, now, secrets.token_hex(SEED_SIZE)))
                for domain, forwards in domains.items()
            ),
        )

    async def _put_aside(self, content: bytes, now: datetime) -> str:
        with engine_errors():
            return await asyncio.to_thread(self._blobs.write, content, now)

    async def claim(
        self, *, now: datetime, lease: timedelta, destinations: int, items: int, overdue: bool = True
    ) -> Sequence[Claim]:
        moment, until = stored(now), stored(now + lease)
        ended, late = stored(now - GIVE_UP), stored(now - DELAY_NOTICE)

        def look(cursor: Cursor) -> dict[int, list[int]]:
            found: dict[int, list[int]] = {each: [] for each in due_destinations(cursor, moment, destinations)}
            if overdue:
                for destination_id, item_id in overdue_items(cursor, moment, ended, late, items):
                    if destination_id in found or len(found) < destinations:
                        found.setdefault(destination_id, []).append(item_id)
            return found

        def work(cursor: Cursor) -> list[Rows]:
            claimed = []
            for destination_id, old in look(cursor).items():
                cursor.execute(
                    f"UPDATE mailhost_queuedestination SET claimed_until = %s WHERE id = %s AND {FREE}",
                    [until, destination_id, moment],
                )
                if cursor.rowcount:
                    claimed.append(claimed_items(cursor, destination_id, moment, ended, items, old))
            return claimed

        def any_work() -> bool:
            with statements() as cursor:
                return bool(look(cursor))

        # A look without writing first: an idle queue costs no transaction.
        if not await self._readers.run(any_work):
            return []
        claimed = await self._writer.change(work, lasting=False)
        return [await self._opened(rows, now + lease) for rows in claimed]

    async def _opened(self, rows: Rows, until: datetime) -> Claim:
        due, lost = self._open_all(rows.due)
        old, more_lost = self._open_all(rows.old)
        if lost or more_lost:
            # The key is gone, so nobody will ever read these again.
            await self._remove([*lost, *more_lost])
        return Claim(rows.destination, rows.failures, until, due, old)

    def _open_all(self, rows: list[Any]) -> tuple[tuple[Item, ...], list[int]]:
        items, lost = [], []
        for row in rows:
            try:
                items.append(self._open(row))
            except CannotOpen:
                lost.append(row[0])
        return tuple(items), lost

    def _open(self, row: Any) -> Item:
        item_id, message_id, opaque_id, tenant_id, mailbox_id, envelope, queued, attempts, told, reason, content = row
        box = self._keys.of(read_moment(queued).date())
        if box is None:
            raise CannotOpen
        values = open_envelope(box, opaque_id, bytes(envelope))
        return Item(
            id=item_id,
            message=message_id,
            opaque_id=opaque_id,
            tenant_id=tenant_id,
            sender=values["sender"],
            recipients=tuple(Forward(**forward) for forward in values["recipients"]),
            smtputf8=values["smtputf8"],
            envid=values["envid"],
            sealed=values["sealed"],
            tls=TlsNeed(values.get("tls", "")),
            returns=values.get("returns", ""),
            author=values.get("author", ""),
            consent=values.get("consent", False),
            passing=Passing(values.get("passing", "")),
            mailbox_id=mailbox_id,
            link=values.get("link", False),
            note=values.get("note", False),
            seed=values.get("seed", ""),
            queued=datetime.fromisoformat(values["queued"]),
            attempts=attempts,
            told=bool(told),
            reason=reason,
            content=None if content is None else open_content(box, opaque_id, bytes(content)),
        )

    async def renew(self, destination: bytes, *, until: datetime) -> None:
        await self._change(
            "UPDATE mailhost_queuedestination SET claimed_until = %s WHERE digest = %s", [until, destination]
        )

    async def release(self, destination: bytes, *, failures: int, not_before: datetime | None) -> None:
        def work(cursor: Cursor) -> None:
            # Locked before its items are looked at: one that is being put in would be missed, and its hour overwritten.
            cursor.execute(f"SELECT id FROM mailhost_queuedestination WHERE digest = %s{for_update()}", [destination])
            cursor.execute(
                "SELECT MIN(i.due) FROM mailhost_queueitem i"
                " JOIN mailhost_queuedestination d ON d.id = i.destination_id"
                " WHERE d.digest = %s AND i.state = 'waiting'",
                [destination],
            )
            [first] = cursor.fetchone()
            due = NEVER if first is None else read_moment(first)
            if first is not None and not_before is not None:
                due = max(due, not_before)
            cursor.execute(
                "UPDATE mailhost_queuedestination SET claimed_until = NULL, due = %s, failures = %s WHERE digest = %s",
                [stored(due), 0 if first is None else failures, destination],
            )

        await self._writer.change(work)

    async def content(self, item: Item) -> bytes | None:
        if item.content is not None:
            return item.content
        row = await self._readers.run(content_of, item.message)
        if row is None:
            return None
        sealed, queued, blob = row
        box = self._keys.of(read_moment(queued).date())
        if box is None:
            return None
        try:
            if blob:
                sealed = await asyncio.to_thread(self._blobs.read, blob)
            return await _aside(len(sealed), open_content, box, item.opaque_id, bytes(sealed))
        except (CannotOpen, FileNotFoundError):
            return None
        except OSError:
            raise StoreUnavailable("queue") from None

    async def done(self, item: Item) -> None:
        # A file goes for good, so its row goes first. What a power cut brings back otherwise is sent once more.
        await self._remove([item.id], lasting=item.content is None)

    async def _remove(self, items: Collection[int], *, lasting: bool = True) -> None:
        for blob in await self._writer.together(delete, items, lasting=lasting):
            await asyncio.to_thread(self._blobs.remove, blob)

    async def defer(self, item: Item, recipients: Sequence[Forward], *, due: datetime, reason: str) -> None:
        if tuple(recipients) == item.recipients:
            await self.postpone([item], due=due, reason=reason)
            return
        box = self._keys.of_today(item.queued.astimezone(UTC).date())
        envelope = seal_envelope(box, item, recipients, item.queued, item.seed)
        await self._change(
            "UPDATE mailhost_queueitem SET envelope = %s, due = %s, reason = %s, attempts = attempts + 1 WHERE id = %s",
            [envelope, due, reason, item.id],
        )

    async def postpone(self, items: Collection[Item], *, due: datetime, reason: str) -> None:
        def work(cursor: Cursor) -> None:
            cursor.execute(
                f"UPDATE mailhost_queueitem SET due = %s, reason = %s, attempts = attempts + 1 WHERE {one_of('id')}",
                [stored(due), reason, listed(item.id for item in items)],
            )

        await self._writer.change(work)

    async def tell(self, item: Item) -> None:
        await self._change("UPDATE mailhost_queueitem SET told = %s WHERE id = %s", [True, item.id])

    async def sweep(self, *, now: datetime) -> None:
        """Forget destinations that nothing waits for and messages that nobody is to get, and bury the keys of days
        without items.
        """
        before = stored(now - FORGET_AFTER)

        def work(cursor: Cursor) -> None:
            cursor.execute(
                "DELETE FROM mailhost_queuedestination WHERE due = %s AND (claimed_until IS NULL OR claimed_until < %s)"
                " AND NOT EXISTS (SELECT 1 FROM mailhost_queueitem i"
                " WHERE i.destination_id = mailhost_queuedestination.id)",
                [stored(NEVER), before],
            )

        await self._writer.change(work)
        if left := await self._readers.run(without_items, SWEPT):
            for blob in (await self._writer.change(lambda cursor: end(cursor, left))).values():
                await asyncio.to_thread(self._blobs.remove, blob)
        await self._readers.run(remove_strays, self._blobs, ("mailhost_queuedmessage",), now)
        days = await self._readers.run(days_in_use)
        await asyncio.to_thread(self._keys.bury, days, now.astimezone(UTC).date())

    async def _change(self, sql: str, values: Sequence[Any]) -> None:
        adapted = [stored(value) if isinstance(value, datetime) else value for value in values]

        def work(cursor: Cursor) -> None:
            cursor.execute(sql, adapted)

        await self._writer.change(work)


def _insert_counted(cursor: Cursor, calls: Sequence[tuple[Arrival, Counting]]) -> list[Tallied]:
    """Put those messages into the queue that pass no limit."""
    answers = count_all(cursor, [counting for _, counting in calls])
    insert(cursor, [one for (one, _), answer in zip(calls, answers, strict=True) if answer is Tallied.OK])
    return answers


async def _aside[T](size: int, work: Callable[[CellBox, str, bytes], T], box: CellBox, about: str, data: bytes) -> T:
    """`work` on so many octets: at once, or in a thread where it takes long enough to be noticed."""
    return work(box, about, data) if size <= LARGE else await asyncio.to_thread(work, box, about, data)
