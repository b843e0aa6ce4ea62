"""Deliveries: durable, counted, all or nothing, and one bad one harms only itself."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection

from mailhost.adapters.blobs import BLOB_FROM
from mailhost.models import Folder, Mailbox, MailboxKey, Message, SealedMessage, Tenant
from mailhost.ports import HELD_FOLDER, KeyChanged, MailboxFull, StoreUnavailable
from mailhost.seal import open_header, open_payload
from tests.adapters.conftest import NOW, Cell


async def test_a_delivery_gets_the_next_uid_and_opens_to_what_was_sent(cell: Cell) -> None:
    await cell.mailstore.commit([cell.ada.delivery(b"one\r\n")])
    await cell.mailstore.commit([cell.ada.delivery(b"two\r\n")])

    def look() -> None:
        inbox = cell.ada.inbox()
        places = list(Message.objects.filter(folder=inbox).order_by("uid").select_related("sealed"))
        assert [place.uid for place in places] == [1, 2]
        assert (inbox.uidnext, inbox.highestmodseq) == (3, 3)
        opened = open_header([cell.ada.identity], bytes(places[1].sealed.header))
        assert open_payload(opened, bytes(places[1].sealed.payload or b"")) == b"two\r\n"
        assert places[0].sealed.arrived == NOW.replace(minute=0, second=0)
        assert places[0].saved == NOW.replace(minute=0, second=0)

    await sync_to_async(look)()


async def test_many_at_once_share_a_commit_and_each_gets_its_own_uid(cell: Cell) -> None:
    await asyncio.gather(*(cell.mailstore.commit([cell.ada.delivery()]) for _ in range(50)))

    def look() -> None:
        assert sorted(Message.objects.values_list("uid", flat=True)) == list(range(1, 51))
        usage = cell.ada.usage()
        stored = sum(row.header_size + row.payload_size for row in SealedMessage.objects.all())
        assert (usage.messages, usage.bytes) == (50, stored)

    await sync_to_async(look)()


async def test_two_mailboxes_of_one_message_are_stored_together_or_not_at_all(cell: Cell) -> None:
    await sync_to_async(Mailbox.objects.filter(pk=cell.ben.mailbox.pk).update)(quota_bytes=100)
    with pytest.raises(MailboxFull) as refused:
        await cell.mailstore.commit([cell.ada.delivery(), cell.ben.delivery()])
    assert refused.value.mailbox_ids == {cell.ben.mailbox.pk}
    assert await sync_to_async(Message.objects.count)() == 0
    assert (await sync_to_async(cell.ada.usage)()).bytes == 0


async def test_a_full_mailbox_does_not_harm_the_batch_it_is_in(cell: Cell) -> None:
    await sync_to_async(Mailbox.objects.filter(pk=cell.ben.mailbox.pk).update)(quota_bytes=100)
    answers = await asyncio.gather(
        *(cell.mailstore.commit([box.delivery()]) for box in [cell.ada, cell.ben] * 10), return_exceptions=True
    )
    assert [isinstance(answer, MailboxFull) for answer in answers] == [False, True] * 10
    assert await sync_to_async(Message.objects.count)() == 10


async def test_quota_counts_what_the_same_batch_has_already_placed(cell: Cell) -> None:
    one = cell.ada.delivery()
    await sync_to_async(Mailbox.objects.filter(pk=cell.ada.mailbox.pk).update)(quota_bytes=2 * one.size + 10)
    answers = await asyncio.gather(
        *(cell.mailstore.commit([cell.ada.delivery()]) for _ in range(5)), return_exceptions=True
    )
    assert sum(answer is None for answer in answers) == 2


async def test_a_key_rotated_since_the_route_was_read_is_noticed_before_the_250(cell: Cell) -> None:
    stale = cell.ada.delivery()
    await sync_to_async(MailboxKey.objects.create)(
        mailbox=cell.ada.mailbox, serial=2, recipient="age1pq1new", signing_key=bytes(32), created=NOW.date()
    )
    with pytest.raises(KeyChanged):
        await cell.mailstore.commit([stale])


async def test_a_suspended_tenant_takes_nothing(cell: Cell) -> None:
    await sync_to_async(Tenant.objects.update)(state="suspended")
    with pytest.raises(KeyChanged):
        await cell.mailstore.commit([cell.ada.delivery()])


async def test_a_large_payload_lies_in_the_blob_store_and_not_in_the_row(cell: Cell) -> None:
    payload = bytes(BLOB_FROM)
    await cell.mailstore.commit([cell.ada.delivery(payload=payload)])
    row = await sync_to_async(SealedMessage.objects.get)()
    assert row.payload is None
    assert row.payload_size == BLOB_FROM
    assert cell.shop.blobs.read(row.blob) == payload
    status = cell.shop.blobs.path(row.blob).stat()
    assert status.st_mode & 0o077 == 0
    assert status.st_mtime == NOW.replace(minute=0, second=0).timestamp()


async def test_a_removed_junk_folder_is_made_again_with_a_new_uidvalidity(cell: Cell) -> None:
    await sync_to_async(Folder.objects.filter(special_use="\\Junk", mailbox=cell.ada.mailbox).delete)()
    await cell.mailstore.commit([cell.ada.delivery(special_use="\\Junk")])
    folder = await sync_to_async(Folder.objects.get)(special_use="\\Junk", mailbox=cell.ada.mailbox)
    assert (folder.uidvalidity_sealed, folder.uidvalidity_session) == (1000, 1001)


async def test_a_cancelled_caller_leaves_a_whole_transaction(cell: Cell) -> None:
    waiting = asyncio.create_task(cell.mailstore.commit([cell.ada.delivery(), cell.ben.delivery()]))
    await asyncio.sleep(0)
    waiting.cancel()
    await cell.mailstore.commit([cell.ada.delivery()])
    # The cancelled call was either whole or absent.
    assert await sync_to_async(Message.objects.count)() in {1, 3}


async def test_the_database_itself_refuses_a_row_of_another_cell(cell: Cell) -> None:
    def go() -> None:
        with connection.cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute(
                "INSERT INTO mailhost_tenant (cell, slug, name, state, created)"
                " VALUES ('no-1', 'cleo', 'Cleo', 'active', '2026-11-21')"
            )
        with connection.cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute("UPDATE mailhost_mailbox SET cell = 'no-1'")

    await sync_to_async(go)()


async def test_a_writer_that_was_stopped_says_so_and_stores_nothing(cell: Cell) -> None:
    cell.shop.writer.stop()
    with pytest.raises(StoreUnavailable):
        await cell.mailstore.commit([cell.ada.delivery()])


async def test_the_folder_of_held_mail_is_made_when_first_needed_and_found_by_its_name(cell: Cell) -> None:
    await cell.mailstore.commit([cell.ada.delivery(special_use=HELD_FOLDER)])
    await cell.mailstore.commit([cell.ada.delivery(special_use=HELD_FOLDER)])

    def held() -> list[tuple[str, str, int]]:
        return list(Folder.objects.filter(name="Held").values_list("mailbox__address", "special_use", "uidnext"))

    assert await sync_to_async(held)() == [("ada@example.is", "", 3)]


async def test_junk_goes_to_the_folder_of_that_name_which_its_owner_made_himself(cell: Cell) -> None:
    await sync_to_async(Folder.objects.filter(special_use="\\Junk", mailbox=cell.ada.mailbox).update)(special_use="")
    await cell.mailstore.commit([cell.ada.delivery(special_use="\\Junk")])

    def look() -> None:
        folder = Folder.objects.get(mailbox=cell.ada.mailbox, name="Junk")
        assert (folder.uidnext, Message.objects.filter(folder=folder).count()) == (2, 1)

    await sync_to_async(look)()
