"""The queue in a database: claims, leases, contents that only the day's key opens, and cost by batch."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from django.db import connection

from mailhost.adapters import queuerows
from mailhost.adapters.blobs import BLOB_FROM, FileBlobs
from mailhost.adapters.database import Cursor, statements, stored
from mailhost.adapters.queue import DatabaseQueue
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.adapters.writer import Writer
from mailhost.models import QueueDestination, QueuedMessage, QueueItem
from mailhost.outbox import DELAY_NOTICE, GIVE_UP, Forward, Outbox, Outgoing, TlsNeed
from mailhost.ports import Account, Allowance, Counting, StoreFull, Tallied
from mailhost.provision import queue as operator
from mailhost.provision.errors import NotFound
from tests.adapters.conftest import NOW, Cell
from tests.fakes import MemoryOutbox
from tests.provision import house
from webadmin.cell.keyfiles import read_or_make

if TYPE_CHECKING:
    import sqlite3

LEASE = timedelta(seconds=30)


def letter(
    number: int, *recipients: str, mailbox: int = 1, tenant: int = 1, content: bytes = b"Subject: tides\r\n\r\nnoon\r\n"
) -> Outgoing:
    forwards = tuple(Forward(name, name.rpartition("@")[2]) for name in recipients)
    return Outgoing(f"{number:032x}", tenant, mailbox, "ada@example.is", forwards, content)


@pytest.fixture
def keys(tmp_path: Path) -> QueueKeys:
    return QueueKeys(tmp_path / "keys" / "queue", read_or_make)


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    made = FileBlobs(tmp_path / "outgoing")
    made.prepare()
    return made


@pytest.fixture
def real(cell: Cell, keys: QueueKeys, blobs: FileBlobs) -> DatabaseQueue:
    return DatabaseQueue(cell.shop.writer, cell.shop.readers, keys, blobs, cell="is-1", key=b"k" * 32)


@pytest.fixture(params=["database", "memory"])
def outbox(request: pytest.FixtureRequest, cell: Cell) -> tuple[Outbox, Callable[..., Outgoing]]:
    def write(number: int, *recipients: str) -> Outgoing:
        return letter(number, *recipients, mailbox=cell.ada.mailbox.pk, tenant=cell.ada.mailbox.tenant_id)

    return (MemoryOutbox() if request.param == "memory" else request.getfixturevalue("real")), write


async def claimed(queue: Outbox, now: datetime = NOW, items: int = 100) -> list:  # type: ignore[type-arg]
    return list(await queue.claim(now=now, lease=LEASE, destinations=10, items=items))


async def test_a_message_has_an_item_for_each_destination(outbox: tuple[Outbox, Callable[..., Outgoing]]) -> None:
    queue, write = outbox
    await queue.put(write(1, "cleo@other.test", "mo@third.test", "ćleo@other.test"), now=NOW)
    claims = await claimed(queue)
    shares = sorted(tuple(forward.address for forward in claim.due[0].recipients) for claim in claims)
    assert shares == [("cleo@other.test", "ćleo@other.test"), ("mo@third.test",)]
    for claim in claims:
        assert await queue.content(claim.due[0]) == b"Subject: tides\r\n\r\nnoon\r\n"
        assert claim.due[0].queued == NOW
        await queue.done(claim.due[0])
        await queue.release(claim.destination, failures=0, not_before=None)
    assert await claimed(queue, NOW + timedelta(days=1)) == []


async def test_a_message_is_counted_and_queued_or_neither(
    outbox: tuple[Outbox, Callable[..., Outgoing]], cell: Cell, blobs: FileBlobs
) -> None:
    queue, write = outbox
    ada = Account(cell.ada.mailbox.pk, cell.ada.mailbox.tenant_id, "ada@example.is", 1)
    assert isinstance(queue, DatabaseQueue | MemoryOutbox)

    async def put(number: int, digest: bytes, content: bytes) -> Tallied:
        counting = Counting(ada, [digest.ljust(16)], Allowance(mailbox=3, mailbox_new=1), NOW.date())
        message = replace(write(number, "cleo@other.test"), content=content)
        return await queue.put_counted(message, counting, now=NOW)

    large = b"Subject: tides\r\n\r\n" + b"noon\r\n" * (BLOB_FROM // 6)
    assert await put(1, b"cleo", b"Subject: tides\r\n\r\n") is Tallied.OK
    assert await put(2, b"mo", large) is Tallied.TOO_MANY_NEW
    together = await asyncio.gather(*(put(number, b"cleo", large) for number in (3, 4, 5)))
    assert sorted(together) == [Tallied.OK, Tallied.OK, Tallied.TOO_MANY]
    [claim] = await claimed(queue)
    assert len(claim.due) == 3
    if isinstance(queue, DatabaseQueue):
        assert len(list(blobs.names())) == 2, "what was not queued left no file"


async def test_messages_that_come_and_go_together_share_destinations_and_files(
    real: DatabaseQueue, blobs: FileBlobs, cell: Cell
) -> None:
    box = cell.ada.mailbox
    large = b"Subject: tides\r\n\r\n" + b"noon\r\n" * (BLOB_FROM // 6)
    letters = [
        letter(number, "cleo@other.test", "mo@third.test", mailbox=box.pk, tenant=box.tenant_id, content=large)
        for number in range(40)
    ]
    await asyncio.gather(*(real.put(one, now=NOW) for one in letters))
    claims = await claimed(real)
    assert sorted(len(claim.due) for claim in claims) == [40, 40]
    for claim in claims:
        assert {item.opaque_id for item in claim.due} == {one.opaque_id for one in letters}
        assert await real.content(claim.due[0]) == large
    assert len(list(blobs.names())) == 40
    await asyncio.gather(*(real.done(item) for claim in claims for item in claim.due))
    assert list(blobs.names()) == []
    assert await cell.shop.readers.run(QueuedMessage.objects.count) == 0


async def test_a_message_that_cannot_be_queued_harms_none_that_comes_with_it(real: DatabaseQueue, cell: Cell) -> None:
    box = cell.ada.mailbox
    letters = [letter(number, "cleo@other.test", mailbox=box.pk, tenant=box.tenant_id) for number in (1, 2, 2, 3)]
    ended = await asyncio.gather(*(real.put(one, now=NOW) for one in letters), return_exceptions=True)
    assert sum(isinstance(one, Exception) for one in ended) == 1, "an opaque id is given once"
    [claim] = await claimed(real)
    assert sorted(item.opaque_id[-1] for item in claim.due) == ["1", "2", "3"]


async def test_a_claim_is_alone_until_it_is_released_or_its_lease_is_over(
    outbox: tuple[Outbox, Callable[..., Outgoing]],
) -> None:
    queue, write = outbox
    await queue.put(write(1, "cleo@other.test"), now=NOW)
    [claim] = await claimed(queue)
    assert await claimed(queue) == []
    await queue.renew(claim.destination, until=NOW + timedelta(seconds=50))
    assert await claimed(queue, NOW + timedelta(seconds=40)) == []
    assert len(await claimed(queue, NOW + timedelta(seconds=50))) == 1
    await queue.release(claim.destination, failures=0, not_before=None)
    assert len(await claimed(queue)) == 1


async def test_what_is_put_off_comes_back_when_it_is_due(outbox: tuple[Outbox, Callable[..., Outgoing]]) -> None:
    queue, write = outbox
    await queue.put(write(1, "cleo@other.test", "mo@other.test"), now=NOW)
    [claim] = await claimed(queue)
    [item] = claim.due
    await queue.defer(item, item.recipients[1:], due=NOW + timedelta(minutes=5), reason="deferred_by_host")
    await queue.release(claim.destination, failures=0, not_before=None)
    assert await claimed(queue, NOW + timedelta(minutes=4)) == []
    [again] = await claimed(queue, NOW + timedelta(minutes=5))
    assert [forward.address for forward in again.due[0].recipients] == ["mo@other.test"]
    assert (again.due[0].attempts, again.due[0].reason) == (1, "deferred_by_host")


async def test_new_mail_for_a_failing_destination_waits_with_the_old(
    outbox: tuple[Outbox, Callable[..., Outgoing]],
) -> None:
    queue, write = outbox
    await queue.put(write(1, "cleo@other.test"), now=NOW)
    [claim] = await claimed(queue)
    later = NOW + timedelta(minutes=5)
    await queue.postpone(claim.due, due=later, reason="refused")
    await queue.release(claim.destination, failures=1, not_before=later)
    await queue.put(write(2, "mo@other.test"), now=NOW)
    assert await claimed(queue, NOW + timedelta(minutes=4)) == []
    [claim] = await claimed(queue, later)
    assert claim.failures == 1
    assert len(claim.due) == 2


async def test_nobody_reads_an_address_or_a_word_in_the_tables(real: DatabaseQueue, cell: Cell) -> None:
    await real.put(
        letter(1, "cleo@other.test", mailbox=cell.ada.mailbox.pk, tenant=cell.ada.mailbox.tenant_id), now=NOW
    )

    def everything() -> bytes:
        rows = [
            *QueuedMessage.objects.values_list(),
            *QueueItem.objects.values_list(),
            *QueueDestination.objects.values_list(),
        ]
        return b"".join(
            bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
            for row in rows
            for value in row
        )

    text = await cell.shop.readers.run(everything)
    assert bytes(32) not in text
    for secret in (b"cleo", b"other.test", b"ada@", b"tides", b"noon"):
        assert secret not in text


async def test_without_the_days_key_an_item_is_noise_and_goes(real: DatabaseQueue, cell: Cell, keys: QueueKeys) -> None:
    await real.put(
        letter(1, "cleo@other.test", mailbox=cell.ada.mailbox.pk, tenant=cell.ada.mailbox.tenant_id), now=NOW
    )
    assert keys.bury(set(), NOW.date() + timedelta(days=7)) == [NOW.date()]
    [claim] = await claimed(real)
    assert claim.due == ()
    assert await cell.shop.readers.run(QueuedMessage.objects.count) == 0


@pytest.mark.slow  # a long queue
async def test_a_long_queue_for_one_destination_costs_a_batch(real: DatabaseQueue, cell: Cell) -> None:
    box = cell.ada.mailbox
    await real.put(letter(0, "cleo@other.test", mailbox=box.pk, tenant=box.tenant_id), now=NOW)

    def many() -> None:
        first = QueueItem.objects.get()
        QueueItem.objects.bulk_create(
            [
                QueueItem(
                    cell="is-1",
                    message=first.message,
                    destination=first.destination,
                    due=NOW,
                    queued=first.queued,
                    envelope=first.envelope,
                )
                for _ in range(2000)
            ]
        )

    await cell.shop.readers.run(many)
    [claim] = await claimed(real, items=20)
    assert len(claim.due) == 20
    later = NOW + timedelta(hours=1)
    await real.postpone(claim.due, due=later, reason="refused")
    await real.release(claim.destination, failures=1, not_before=later)
    await real.put(letter(2, "mo@third.test", mailbox=box.pk, tenant=box.tenant_id), now=NOW)
    [other] = await claimed(real, items=20)
    assert other.due[0].recipients[0].domain == "third.test"


async def test_no_statement_of_a_claim_looks_at_the_whole_queue(real: DatabaseQueue, cell: Cell) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads a table this small as a whole, whatever indexes it has")
    box = cell.ada.mailbox
    await real.put(letter(0, "cleo@other.test", mailbox=box.pk, tenant=box.tenant_id), now=NOW)

    def plans() -> list[tuple[str, str]]:
        said: list[str] = []
        at, ended, late = stored(NOW), stored(NOW - GIVE_UP), stored(NOW - DELAY_NOTICE)
        with statements() as cursor:
            driver = cast("sqlite3.Connection", connection.connection)
            driver.set_trace_callback(said.append)
            [destination] = queuerows.due_destinations(cursor, at, 20)
            queuerows.overdue_items(cursor, at, ended, late, 100)
            queuerows.claimed_items(cursor, destination, at, ended, 100, [1, 2])
            queuerows.days_in_use()
            queuerows.delete(cursor, [[0], [-1, -2]])
            driver.set_trace_callback(None)
            found = []
            for sql in said:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
                found += [(sql, str(row[3])) for row in cursor.fetchall()]
        return found

    steps = await cell.shop.readers.run(plans)
    assert len({sql for sql, _ in steps}) == 10
    for sql, step in steps:
        # Everything is found by an index, in its order; what is scanned is the list of ids in the statement.
        assert "TEMP B-TREE" not in step, (sql, step)
        assert step.startswith(("SEARCH", "LIST SUBQUERY", "CORRELATED SCALAR SUBQUERY", "SCAN json_each")), (sql, step)


async def test_what_is_overdue_is_looked_for_only_when_asked(outbox: tuple[Outbox, Callable[..., Outgoing]]) -> None:
    queue, write = outbox
    await queue.put(write(1, "cleo@other.test"), now=NOW)
    [claim] = await claimed(queue)
    ended = NOW + GIVE_UP + timedelta(hours=1)
    await queue.postpone(claim.due, due=ended, reason="refused")
    await queue.release(claim.destination, failures=1, not_before=ended + timedelta(hours=2))
    assert await queue.claim(now=ended, lease=LEASE, destinations=10, items=100, overdue=False) == []
    [claim] = await claimed(queue, ended)
    assert (len(claim.due), len(claim.old)) == (0, 1)


async def test_sweeping_forgets_destinations_that_nothing_waits_for(real: DatabaseQueue, cell: Cell) -> None:
    box = cell.ada.mailbox
    await real.put(letter(1, "cleo@other.test", mailbox=box.pk, tenant=box.tenant_id), now=NOW)
    [claim] = await claimed(real)
    await real.sweep(now=NOW + timedelta(days=2))
    assert await cell.shop.readers.run(QueueDestination.objects.count) == 1
    await real.done(claim.due[0])
    await real.release(claim.destination, failures=0, not_before=None)
    await real.sweep(now=NOW + timedelta(days=2))
    assert await cell.shop.readers.run(QueueDestination.objects.count) == 0


@pytest.mark.parametrize("last", ["sent", "dropped"])
async def test_a_message_goes_whose_last_two_items_go_at_once(real: DatabaseQueue, cell: Cell, *, last: str) -> None:
    box = cell.ada.mailbox
    await real.put(letter(1, "cleo@other.test", "mo@third.test", mailbox=box.pk, tenant=box.tenant_id), now=NOW)
    one, two = [claim.due[0] for claim in await claimed(real)]
    another = Writer()
    another.start()
    removed, looked = threading.Event(), threading.Event()

    def slowly(cursor: Cursor) -> None:
        queuerows.delete(cursor, [[one.id]])
        removed.set()
        looked.wait(0.3)

    try:
        going = asyncio.create_task(another.change(slowly))
        await asyncio.to_thread(removed.wait, 5)
        if last == "sent":
            await real.done(two)
        else:
            await cell.shop.readers.run(operator.drop, two.id)
        looked.set()
        await going
    finally:
        another.stop()
    assert await cell.shop.readers.run(QueuedMessage.objects.count) == 0


async def test_sweeping_removes_messages_that_nobody_is_to_get(
    real: DatabaseQueue, cell: Cell, blobs: FileBlobs
) -> None:
    box = cell.ada.mailbox
    for number, content in enumerate((b"x" * BLOB_FROM, b"y" * BLOB_FROM)):
        await real.put(
            letter(number, "cleo@other.test", mailbox=box.pk, tenant=box.tenant_id, content=content), now=NOW
        )
    [kept] = [item for claim in await claimed(real) for item in claim.due if item.opaque_id == f"{1:032x}"]
    await cell.shop.readers.run(lambda: QueueItem.objects.exclude(pk=kept.id).delete())
    await real.sweep(now=NOW)
    assert await cell.shop.readers.run(lambda: list(QueuedMessage.objects.values_list("pk", flat=True))) == [
        kept.message
    ]
    assert len(list(blobs.names())) == 1
    assert await real.content(kept) == b"y" * BLOB_FROM


async def test_an_operator_lists_shows_retries_and_drops(real: DatabaseQueue, cell: Cell, keys: QueueKeys) -> None:
    box = cell.ada.mailbox
    await real.put(letter(1, "cleo@other.test", "mo@third.test", mailbox=box.pk, tenant=box.tenant_id), now=NOW)
    for claim in await claimed(real):
        await real.postpone(claim.due, due=NOW + timedelta(hours=1), reason="refused")
        await real.release(claim.destination, failures=3, not_before=None)
    [one, two] = await cell.shop.readers.run(operator.listing)
    assert (one.sender, one.reason) == ("ada@example.is", "refused")
    assert one.queued == NOW.replace(minute=0, second=0).isoformat()
    shown = await cell.shop.readers.run(operator.show, one.id, keys, house.NOTARY)
    assert shown.destination in {"other.test", "third.test"}
    assert shown.recipients == 1
    await cell.shop.readers.run(lambda: operator.retry(one.id, now=NOW))
    [claim] = await claimed(real)
    assert claim.due[0].id == one.id
    await cell.shop.readers.run(operator.drop, one.id)
    assert await cell.shop.readers.run(QueuedMessage.objects.count) == 1
    await cell.shop.readers.run(operator.drop, two.id)
    assert await cell.shop.readers.run(QueuedMessage.objects.count) == 0
    with pytest.raises(NotFound):
        await cell.shop.readers.run(operator.drop, two.id)


async def test_a_large_content_is_a_sealed_file_until_its_last_recipient_has_it(
    real: DatabaseQueue, cell: Cell, blobs: FileBlobs
) -> None:
    content = b"Subject: tides\r\n\r\n" + b"High at noon.\r\n" * (BLOB_FROM // 10)
    ada = cell.ada.mailbox
    message = letter(1, "cleo@other.test", "mo@third.test", mailbox=ada.pk, tenant=ada.tenant_id, content=content)
    await real.put(message, now=NOW)
    [(name, _, _)] = blobs.names()
    assert b"High at noon" not in blobs.read(name)
    first, second = await claimed(real)
    assert await real.content(first.due[0]) == content
    await real.done(first.due[0])
    assert await real.content(second.due[0]) == content
    await real.done(second.due[0])
    assert list(blobs.names()) == []


async def test_a_file_without_a_row_is_swept_and_one_with_a_row_stays(
    real: DatabaseQueue, cell: Cell, blobs: FileBlobs
) -> None:
    ada = cell.ada.mailbox
    stray = blobs.write(b"crashed before its row", NOW)
    await real.put(
        letter(1, "cleo@other.test", mailbox=ada.pk, tenant=ada.tenant_id, content=b"x" * BLOB_FROM), now=NOW
    )
    await real.sweep(now=NOW + timedelta(days=3))
    names = [name for name, _, _ in blobs.names()]
    assert len(names) == 1
    assert stray not in names


async def test_what_is_for_later_waits_and_keeps_what_its_author_asked(
    outbox: tuple[Outbox, Callable[..., Outgoing]],
) -> None:
    queue, write = outbox
    hour = NOW + timedelta(days=12)
    await queue.put(
        replace(write(1, "cleo@other.test"), hold_until=hour, tls=TlsNeed.REQUIRED, returns="HDRS"), now=NOW
    )
    for days in (1, 6, 11):
        assert await claimed(queue, NOW + timedelta(days=days)) == []
    [claim] = await claimed(queue, hour)
    [item] = claim.due
    assert (item.queued, item.tls, item.returns) == (hour, TlsNeed.REQUIRED, "HDRS")
    assert await queue.content(item) is not None


async def test_later_mail_does_not_hold_up_what_goes_now(outbox: tuple[Outbox, Callable[..., Outgoing]]) -> None:
    queue, write = outbox
    await queue.put(replace(write(1, "cleo@other.test"), hold_until=NOW + timedelta(days=12)), now=NOW)
    await queue.put(write(2, "mo@other.test"), now=NOW)
    [claim] = await claimed(queue)
    assert [item.recipients[0].address for item in claim.due] == ["mo@other.test"]


async def test_a_claim_that_ends_while_a_message_comes_does_not_forget_it(
    real: DatabaseQueue, cell: Cell, keys: QueueKeys, blobs: FileBlobs
) -> None:
    tenant, mailbox = cell.ada.mailbox.tenant_id, cell.ada.mailbox.pk
    await real.put(letter(1, "cleo@other.test", mailbox=mailbox, tenant=tenant), now=NOW)
    [claim] = await claimed(real)
    await real.done(claim.due[0])
    another = Writer()
    another.start()
    inserted, released = threading.Event(), threading.Event()

    class Slow:
        """The writer of another process, whose COMMIT takes until the claim has been looked at."""

        async def together(self, work: Callable[[Cursor, Sequence[Any]], Any], call: object, **_weight: int) -> None:
            def held(cursor: Cursor) -> None:
                work(cursor, [call])
                inserted.set()
                released.wait(0.3)

            await another.change(held)

    other = DatabaseQueue(cast("Writer", Slow()), cell.shop.readers, keys, blobs, cell="is-1", key=b"k" * 32)
    try:
        coming = asyncio.create_task(other.put(letter(2, "cleo@other.test", mailbox=mailbox, tenant=tenant), now=NOW))
        await asyncio.to_thread(inserted.wait, 5)
        await real.release(claim.destination, failures=0, not_before=None)
        released.set()
        await coming
        [found] = await claimed(real)
    finally:
        another.stop()
    assert [item.opaque_id for item in found.due] == [f"{2:032x}"]


async def test_a_full_disk_that_has_no_room_for_the_days_key_asks_the_sender_to_come_back(
    cell: Cell, blobs: FileBlobs, tmp_path: Path
) -> None:
    def no_room(_path: Path) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    keys = QueueKeys(tmp_path / "keys" / "queue", no_room)
    queue = DatabaseQueue(cell.shop.writer, cell.shop.readers, keys, blobs, cell="is-1", key=b"k" * 32)
    with pytest.raises(StoreFull):
        await queue.put(letter(1, "cleo@other.test"), now=NOW)


async def test_a_full_disk_that_has_no_room_for_a_large_message_is_called_full(
    real: DatabaseQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreFull):
        await real._put_aside(bytes(BLOB_FROM), NOW)
