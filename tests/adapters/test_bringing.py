"""Imports into a real mailbox: the promises of a target, the memory's end, and what stands in the database of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters.imapstore.bringing import DatabaseTarget
from mailhost.adapters.sweep import sweep
from mailhost.adapters.verify import verify
from mailhost.imap.store import OverQuota
from mailhost.models import BroughtIn, Mailbox, MailboxKey, SealedMessage
from mailhost.seal import HybridIdentity, HybridRecipient, Sealed, Summary, seal
from tests.adapters.conftest import Cell
from tests.importing.target_contract import NOW, UNTIL, TargetContract, arrival


async def seal_to(recipient: HybridRecipient, content: bytes | bytearray | memoryview, moment: object) -> Sealed:
    return seal(recipient, content, Summary(size=len(content), internaldate=0))


@pytest.fixture
async def target(cell: Cell) -> DatabaseTarget:
    return DatabaseTarget(cell.shop, cell.ada.mailbox.pk, seal_to, append_limit=10**6)


class TestDatabaseTarget(TargetContract):
    pass


async def test_what_is_stored_is_sealed_to_the_owner_and_the_index_agrees(cell: Cell, target: DatabaseTarget) -> None:
    await target.store("INBOX", [arrival(1, "\\Seen", "work"), arrival(2)], keep_until=UNTIL, now=NOW)
    rows = await sync_to_async(lambda: list(SealedMessage.objects.all()))()
    assert len(rows) == 2
    assert all(b"Subject" not in bytes(row.header) + bytes(row.payload or b"") for row in rows)
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


async def test_a_full_mailbox_takes_none_of_a_step(cell: Cell, target: DatabaseTarget) -> None:
    await sync_to_async(Mailbox.objects.update)(quota_bytes=3000)
    with pytest.raises(OverQuota):
        await target.store("INBOX", [arrival(1), arrival(2)], keep_until=UNTIL, now=NOW)
    assert await sync_to_async(SealedMessage.objects.count)() == await sync_to_async(BroughtIn.objects.count)() == 0


async def test_a_key_rotated_meanwhile_is_used(cell: Cell, target: DatabaseTarget) -> None:
    await target.store("INBOX", [arrival(1)], keep_until=UNTIL, now=NOW)
    new = HybridIdentity.generate()
    await sync_to_async(MailboxKey.objects.create)(
        mailbox=cell.ada.mailbox, serial=2, recipient=new.recipient.text, signing_key=bytes(32), created=NOW.date()
    )
    await target.store("INBOX", [arrival(2)], keep_until=UNTIL, now=NOW)
    assert await sync_to_async(SealedMessage.objects.count)() == 2


async def test_the_memory_of_an_import_ends(cell: Cell, target: DatabaseTarget) -> None:
    await target.store("INBOX", [arrival(1), arrival(2)], keep_until=UNTIL, now=NOW)
    later = UNTIL + timedelta(days=30)
    assert await target.known([arrival(2).digest], keep_until=later) == {arrival(2).digest}
    parts = (cell.shop.writer, cell.shop.readers, cell.shop.blobs)
    await sweep(*parts, NOW.replace(month=12, day=22))
    assert await sync_to_async(BroughtIn.objects.count)() == 2
    await sweep(*parts, NOW.replace(month=12, day=23))
    left = await sync_to_async(lambda: [bytes(row.digest) for row in BroughtIn.objects.all()])()
    assert left == [arrival(2).digest]


async def test_one_mailbox_does_not_know_what_another_has(cell: Cell, target: DatabaseTarget) -> None:
    await target.store("INBOX", [arrival(1)], keep_until=UNTIL, now=NOW)
    bens = DatabaseTarget(cell.shop, cell.ben.mailbox.pk, seal_to, append_limit=10**6)
    assert await bens.known([arrival(1).digest], keep_until=None) == set()
    await bens.store("INBOX", [arrival(1)], keep_until=UNTIL, now=NOW)
