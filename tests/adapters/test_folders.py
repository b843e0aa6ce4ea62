"""Folders and messages as the IMAP engine sees them, over a real database: Ada opens her mail in a session view."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError, connection

from mailhost.adapters.imapstore import reading
from mailhost.adapters.imapstore.account import DatabaseAccount
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.sweep import sweep
from mailhost.adapters.verify import verify
from mailhost.imap.store import (
    DELETED,
    FLAGGED,
    KEYWORD_SHIFT,
    MAX_KEYWORDS,
    SEEN,
    CannotDo,
    Damaged,
    FlagOp,
    FolderExists,
    NewMessage,
    NoSuchFolder,
    OverQuota,
    TooMany,
)
from mailhost.models import Mailbox, SealedMessage
from mailhost.seal import Sealed, Summary, seal
from tests.adapters.conftest import NOW, Box, Cell
from tests.patience import PATIENCE

ENVELOPE = '(NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL)'


def account_of(cell: Cell, box: Box) -> DatabaseAccount:
    async def seal_append(
        content: bytes | bytearray | memoryview, moment: datetime, /, *, again: bool
    ) -> tuple[Sealed, int]:
        summary = Summary(size=len(content), internaldate=int(moment.timestamp()), envelope=ENVELOPE)
        return seal(box.identity.recipient, content, summary), 1

    return DatabaseAccount(cell.shop, box.mailbox.pk, SessionView([box.identity], 10**6), seal_append)


@pytest.fixture
async def ada(cell: Cell) -> DatabaseAccount:
    return account_of(cell, cell.ada)


async def fill(account: DatabaseAccount, count: int, folder: str = "INBOX") -> None:
    messages = [NewMessage(b"Subject: %d\r\n\r\nbody %d\r\n" % (n, n)) for n in range(1, count + 1)]
    await account.append(folder, messages, now=NOW)


async def test_an_appended_message_is_read_back_whole_with_its_exact_date(cell: Cell, ada: DatabaseAccount) -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    content = b"Subject: x\r\n\r\n" + bytes(range(256)) * 3
    _, uids = await ada.append("inbox", [NewMessage(content, ("\\Seen", "work"), moment)], now=NOW)
    folder = await ada.open("INBOX")
    snapshot = await folder.snapshot(claim_recent=False)
    assert list(snapshot.uids) == uids == [1]
    assert snapshot.keywords == ("work",)
    assert snapshot.flags[0] == SEEN | 1 << KEYWORD_SHIFT
    (meta,) = await folder.meta([1])
    assert not isinstance(meta, Damaged)
    assert (meta.internaldate, meta.size, meta.envelope) == (moment, len(content), ENVELOPE.encode())
    assert [item async for item in folder.contents([1])] == [(1, content)]


async def test_a_damaged_message_errors_and_its_neighbours_live(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 3)
    second = await sync_to_async(lambda: SealedMessage.objects.order_by("id")[1])()
    await sync_to_async(SealedMessage.objects.filter(pk=second.pk).update)(header=b"age-encryption.org/v1\nbroken")
    folder = await ada.open("INBOX")
    metas = await folder.meta([1, 2, 3])
    assert [isinstance(meta, Damaged) for meta in metas] == [False, True, False]
    contents = [item async for item in folder.contents([1, 2, 3])]
    assert contents[1] == Damaged(2)
    assert contents[2] == (3, b"Subject: 3\r\n\r\nbody 3\r\n")
    problems = await sync_to_async(lambda: [each.kind for each in verify(cell.shop.blobs, NOW)])()
    assert problems == ["header"]


async def test_a_lost_blob_damages_one_message(cell: Cell, ada: DatabaseAccount) -> None:
    big = random.Random(1).randbytes(200_000)
    await ada.append("INBOX", [NewMessage(big), NewMessage(b"small")], now=NOW)
    row = await sync_to_async(lambda: SealedMessage.objects.exclude(blob="").get())()
    cell.shop.blobs.remove(row.blob)
    folder = await ada.open("INBOX")
    assert [item async for item in folder.contents([1, 2])] == [Damaged(1), (2, b"small")]
    problems = await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))()
    assert [problem.kind for problem in problems] == ["blob"]


async def test_of_a_large_message_the_header_costs_its_beginning(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = random.Random(1).randbytes(400_000)
    plain, long = (
        b"Subject: x\r\n\r\n" + noise,
        b"Subject: y\r\nX-Long: " + noise[:200_000].hex().encode() + b"\r\n\r\n",
    )
    await ada.append("INBOX", [NewMessage(plain), NewMessage(long), NewMessage(b"small")], now=NOW)
    whole: list[str] = []
    read = cell.shop.blobs.read

    def counted(name: str) -> bytes:
        whole.append(name)
        return read(name)

    monkeypatch.setattr(cell.shop.blobs, "read", counted)
    folder = await ada.open("INBOX")
    first, second, third = [item async for item in folder.heads([1, 2, 3])]
    assert first == (1, plain[: 128 * 1024])
    assert (second, third) == ((2, long), (3, b"small")), "a header that goes on further is read to its end"
    assert len(whole) == 1
    row = await sync_to_async(lambda: SealedMessage.objects.exclude(blob="").order_by("id")[0])()
    cell.shop.blobs.remove(row.blob)
    assert [item async for item in folder.heads([1])] == [Damaged(1)]


async def test_flags_are_set_added_removed_and_stamped_once_a_command(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 3)
    folder = await ada.open("INBOX")
    before = (await folder.snapshot(claim_recent=False)).highestmodseq
    result = await folder.store_flags([1, 2, 99], FlagOp.ADD, ["\\Seen", "Work"], unchanged_since=None, now=NOW)
    work = 1 << KEYWORD_SHIFT
    assert result.changed == [(1, SEEN | work, before + 1), (2, SEEN | work, before + 1)]
    result = await folder.store_flags([1], FlagOp.REMOVE, ["\\seen", "wORK"], unchanged_since=None, now=NOW)
    assert result.changed == [(1, 0, before + 2)]
    result = await folder.store_flags([2], FlagOp.SET, ["\\Flagged"], unchanged_since=None, now=NOW)
    assert result.changed == [(2, FLAGGED, before + 3)]
    nothing = await folder.store_flags([2], FlagOp.SET, ["\\Flagged"], unchanged_since=None, now=NOW)
    assert nothing.changed == []
    assert (await folder.snapshot(claim_recent=False)).highestmodseq == before + 3


async def test_unchangedsince_spares_what_another_client_has_changed(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 2)
    folder = await ada.open("INBOX")
    seen = (await folder.snapshot(claim_recent=False)).highestmodseq
    await folder.store_flags([2], FlagOp.ADD, ["\\Flagged"], unchanged_since=None, now=NOW)
    result = await folder.store_flags([1, 2], FlagOp.ADD, ["\\Seen"], unchanged_since=seen, now=NOW)
    assert [uid for uid, *_ in result.changed] == [1]
    assert result.modified == [2]


async def test_one_keyword_too_many_is_refused_and_changes_nothing(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 1)
    folder = await ada.open("INBOX")
    names = [f"k{n}" for n in range(MAX_KEYWORDS)]
    await folder.store_flags([1], FlagOp.SET, names, unchanged_since=None, now=NOW)
    with pytest.raises(TooMany):
        await folder.store_flags([1], FlagOp.ADD, ["one-more"], unchanged_since=None, now=NOW)
    snapshot = await folder.snapshot(claim_recent=False)
    assert len(snapshot.keywords) == MAX_KEYWORDS
    assert snapshot.flags[0] == ((1 << MAX_KEYWORDS) - 1) << KEYWORD_SHIFT


async def test_expunge_tells_those_who_were_away_and_gives_the_room_back(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 5)
    folder = await ada.open("INBOX")
    start = (await folder.snapshot(claim_recent=False)).highestmodseq
    await folder.store_flags([1, 2, 3, 5], FlagOp.ADD, ["\\Deleted"], unchanged_since=None, now=NOW)
    assert await folder.expunge([2, 5], now=NOW) == ([2, 5], start + 2)
    assert await folder.expunge(None, now=NOW) == ([1, 3], start + 3)
    assert await folder.expunge(None, now=NOW) == ([], start + 3)
    assert list(await folder.vanished_since(start + 2)) == [(1, 1), (3, 3)]
    changes = await folder.changes(start, claim_recent=False)
    assert list(changes.vanished) == [(1, 3), (5, 5)]
    assert changes.changed == []
    usage = await sync_to_async(cell.ada.usage)()
    left = await sync_to_async(lambda: SealedMessage.objects.get(orphaned__isnull=True))()
    assert (usage.messages, usage.bytes) == (1, left.header_size + left.payload_size)


async def test_a_copy_shares_the_sealed_bytes_and_they_stay_until_the_last_place_goes(
    cell: Cell, ada: DatabaseAccount
) -> None:
    await fill(ada, 2)
    folder = await ada.open("INBOX")
    await folder.store_flags([2], FlagOp.SET, ["a", "b", "\\Flagged"], unchanged_since=None, now=NOW)
    trash = await ada.open("Trash")
    await ada.append("Trash", [NewMessage(b"x", ("b",))], now=NOW)
    copied = await folder.copy([2, 77], "Trash", now=NOW)
    assert copied.pairs == [(2, 2)]
    assert copied.uidvalidity == trash.uidvalidity
    snapshot = await trash.snapshot(claim_recent=False)
    # Bits belong to a folder: "b" was first here.
    assert snapshot.keywords == ("b", "a")
    assert snapshot.flags[1] == FLAGGED | 3 << KEYWORD_SHIFT
    assert await sync_to_async(SealedMessage.objects.count)() == 3
    (one,), (other,) = await folder.meta([2]), await trash.meta([2])
    assert not isinstance(one, Damaged)
    assert not isinstance(other, Damaged)
    assert one.email_id == other.email_id
    await folder.store_flags([2], FlagOp.ADD, ["\\Deleted"], unchanged_since=None, now=NOW)
    await folder.expunge(None, now=NOW)
    await sweep(cell.shop.writer, cell.shop.readers, cell.shop.blobs, NOW + timedelta(days=9))
    assert [item async for item in trash.contents([2])] == [(2, b"Subject: 2\r\n\r\nbody 2\r\n")]
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


async def test_a_move_leaves_nothing_behind_and_keeps_the_counters(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 3)
    folder = await ada.open("INBOX")
    modseq = (await folder.snapshot(claim_recent=False)).highestmodseq
    copied, highest = await folder.move([1, 3], "Trash", now=NOW)
    assert copied.pairs == [(1, 1), (3, 2)]
    assert highest == modseq + 1
    assert list((await folder.changes(modseq, claim_recent=False)).vanished) == [(1, 1), (3, 3)]
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []
    with pytest.raises(NoSuchFolder):
        await folder.move([2], "Nowhere", now=NOW)


async def test_a_replace_that_fails_halfway_has_done_nothing(cell: Cell, ada: DatabaseAccount) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the fault is a trigger of SQLite")
    await fill(ada, 1)
    folder = await ada.open("INBOX")

    def trigger(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    # Whatever breaks between the two halves: here the database itself refuses the second one.
    await sync_to_async(trigger)(
        "CREATE TRIGGER halfway BEFORE DELETE ON mailhost_message BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    try:
        with pytest.raises((IntegrityError, sqlite3.IntegrityError)):
            await ada.replace(folder.folder_id, 1, "Trash", NewMessage(b"new"), now=NOW)
    finally:
        await sync_to_async(trigger)("DROP TRIGGER halfway")
    assert list((await folder.snapshot(claim_recent=False)).uids) == [1]
    assert (await ada.folder("Trash")).messages == 0
    assert (await ada.replace(folder.folder_id, 1, "Trash", NewMessage(b"new"), now=NOW))[1] == 1
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


async def test_the_sweep_removes_what_nothing_names_after_its_grace_and_not_before(
    cell: Cell, ada: DatabaseAccount
) -> None:
    await ada.append("INBOX", [NewMessage(random.Random(1).randbytes(200_000))], now=NOW)
    folder = await ada.open("INBOX")
    await folder.store_flags([1], FlagOp.ADD, ["\\Deleted"], unchanged_since=None, now=NOW)
    await folder.expunge(None, now=NOW)
    early = await sweep(cell.shop.writer, cell.shop.readers, cell.shop.blobs, NOW + timedelta(hours=2))
    assert (early.messages, early.blobs) == (0, 0)
    late = await sweep(cell.shop.writer, cell.shop.readers, cell.shop.blobs, NOW + timedelta(days=3))
    assert (late.messages, late.blobs) == (1, 1)
    assert list(cell.shop.blobs.names()) == []


async def test_a_blob_without_a_row_is_swept_after_two_days(cell: Cell) -> None:
    name = cell.shop.blobs.write(b"left by a crash", NOW)
    await sweep(cell.shop.writer, cell.shop.readers, cell.shop.blobs, NOW + timedelta(hours=40))
    assert [found for found, *_ in cell.shop.blobs.names()] == [name]
    await sweep(cell.shop.writer, cell.shop.readers, cell.shop.blobs, NOW + timedelta(hours=50))
    assert list(cell.shop.blobs.names()) == []


async def test_recent_is_told_to_one_session_only(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 2)
    first = await (await ada.open("INBOX")).snapshot(claim_recent=True)
    second = await (await ada.open("INBOX")).snapshot(claim_recent=True)
    assert (first.recent_from, second.recent_from) == (1, 3)


async def test_folders_are_made_with_parents_subscribed_renamed_and_deleted(cell: Cell, ada: DatabaseAccount) -> None:
    await ada.create("Arbeit/2026/Ísland")
    names = [info.name for info in await ada.folders()]
    assert names == ["INBOX", "Arbeit", "Arbeit/2026", "Arbeit/2026/Ísland", "Junk", "Trash"]
    assert "Arbeit/2026" in await ada.subscriptions()
    with pytest.raises(FolderExists):
        await ada.create("Arbeit/2026/")
    await fill(ada, 1, "Arbeit/2026/Ísland")
    validity = (await ada.folder("Arbeit/2026/Ísland")).uidvalidity
    await ada.rename("Arbeit", "Work/old", now=NOW)
    assert (await ada.folder("Work/old/2026/Ísland")).uidvalidity == validity
    assert (await ada.folder("Work/old/2026/Ísland")).messages == 1
    with pytest.raises(CannotDo):
        await ada.delete("Work/old", now=NOW)
    await ada.delete("Work/old/2026/Ísland", now=NOW)
    await ada.create("Work/old/2026/Ísland")
    assert (await ada.folder("Work/old/2026/Ísland")).uidvalidity > validity
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


async def test_inbox_cannot_be_deleted_and_renaming_it_moves_its_messages(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 2)
    with pytest.raises(CannotDo):
        await ada.delete("inbox", now=NOW)
    await ada.rename("Inbox", "Archive 2026", now=NOW)
    assert (await ada.folder("Archive 2026")).messages == 2
    assert (await ada.folder("INBOX")).messages == 0


@pytest.mark.parametrize(
    "name", ["", "/", "a//b", "/a", "a\x00b", "a\x7f", "x" * 2000, "/".join("abcdefghijklmnopqrstuvwxyz")]
)
async def test_a_bad_folder_name_is_refused_with_the_rule(cell: Cell, ada: DatabaseAccount, name: str) -> None:
    with pytest.raises(CannotDo, match="folder name"):
        await ada.create(name)


async def test_a_full_mailbox_refuses_an_append_and_stores_nothing(cell: Cell, ada: DatabaseAccount) -> None:
    await sync_to_async(Mailbox.objects.update)(quota_bytes=3000)
    with pytest.raises(OverQuota):
        await ada.append("INBOX", [NewMessage(b"x"), NewMessage(b"y")], now=NOW)
    assert (await ada.folder("INBOX")).messages == 0
    quota = await ada.quota()
    assert (quota.storage_used, quota.storage_limit) == (0, 3000)


async def test_a_full_mailbox_takes_what_replaces_a_message_and_is_no_larger(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 1)
    inbox = await ada.open("INBOX")
    (uid,) = (await inbox.snapshot(claim_recent=False)).uids
    used = (await ada.quota()).storage_used
    await sync_to_async(Mailbox.objects.update)(quota_bytes=used)
    large, same = (
        NewMessage(b"Subject: 2\r\n\r\n" + random.Random(7).randbytes(used)),
        NewMessage(b"Subject: 1\r\n\r\nbody 2\r\n"),
    )
    with pytest.raises(OverQuota):
        await ada.append("INBOX", [same], now=NOW)
    with pytest.raises(OverQuota):
        await ada.replace(inbox.folder_id, uid, "INBOX", large, now=NOW)
    assert list((await inbox.snapshot(claim_recent=False)).uids) == [uid]
    assert (await ada.quota()).storage_used == used
    _validity, new = await ada.replace(inbox.folder_id, uid, "INBOX", same, now=NOW)
    assert list((await inbox.snapshot(claim_recent=False)).uids) == [new]
    assert (await ada.quota()).storage_used == used


async def test_counts_are_those_of_the_folder(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 4)
    folder = await ada.open("INBOX")
    await folder.store_flags([1, 2], FlagOp.ADD, ["\\Seen"], unchanged_since=None, now=NOW)
    await folder.store_flags([1], FlagOp.ADD, ["\\Deleted"], unchanged_since=None, now=NOW)
    info = await ada.folder("INBOX", sizes=True)
    assert (info.messages, info.unseen, info.deleted, info.recent) == (4, 2, 1, 4)
    assert info.size == 4 * len(b"Subject: 1\r\n\r\nbody 1\r\n")
    assert (await folder.snapshot(claim_recent=False)).flags[0] == SEEN | DELETED


async def test_only_what_has_no_other_place_can_be_reclaimed(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 4)
    folder = await ada.open("INBOX")
    assert (await ada.folder("INBOX", reclaimable=True)).reclaimable == 0
    await folder.store_flags([1, 2, 3], FlagOp.ADD, ["\\Deleted"], unchanged_since=None, now=NOW)
    await folder.copy([1], "Trash", now=NOW)
    await folder.copy([2], "INBOX", now=NOW)
    used = (await ada.quota()).storage_used
    reclaimable = (await ada.folder("INBOX", reclaimable=True)).reclaimable
    await folder.expunge(None, now=NOW)
    assert 0 < reclaimable == used - (await ada.quota()).storage_used


async def test_a_watcher_hears_of_a_delivery_within_two_hundred_milliseconds(cell: Cell, ada: DatabaseAccount) -> None:
    running = asyncio.create_task(cell.shop.changes.run())
    folder = await ada.open("INBOX")
    await folder.snapshot(claim_recent=False)
    heard = asyncio.Event()
    off = folder.watch(heard.set)
    await asyncio.sleep(0.3)
    assert not heard.is_set()
    took: list[float] = []
    # On a busy machine a try may take longer for reasons that are not ours.
    while not took or (min(took) >= 0.2 and len(took) < 20):
        heard.clear()
        await cell.mailstore.commit([cell.ada.delivery()])
        committed = time.monotonic()
        await asyncio.wait_for(heard.wait(), PATIENCE)
        took.append(time.monotonic() - committed)
    assert min(took) < 0.2
    off()
    heard.clear()
    await cell.mailstore.commit([cell.ada.delivery()])
    await asyncio.sleep(0.3)
    assert not heard.is_set()
    running.cancel()


async def test_a_folder_is_read_in_pieces(ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SNAPSHOT_ROWS", 3)
    folder = await ada.open("INBOX")
    for count in range(8):
        snapshot = await folder.snapshot(claim_recent=False)
        assert list(snapshot.uids) == list(range(1, count + 1))
        assert list(snapshot.modseqs) == list(range(2, count + 2))
        await fill(ada, 1)


# What a connection appends itself


async def test_its_own_append_needs_no_question(ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = await ada.open("INBOX")
    before = await folder.snapshot(claim_recent=True)
    uids: list[int] = []
    for _ in range(3):
        uids += (await ada.append("INBOX", [NewMessage(b"x", ("\\Seen",))], now=NOW, claim_recent=True))[1]
    with monkeypatch.context() as patch:
        patch.setattr(reading, "changes", None)
        told = await folder.changes(before.highestmodseq, claim_recent=True)
    asked = await folder.changes(before.highestmodseq, claim_recent=True)
    assert told == asked
    assert [uid for uid, *_ in told.changed] == uids
    assert (await ada.folder("INBOX")).recent == 0


async def test_what_others_did_between_its_own_appends_is_asked_for(ada: DatabaseAccount) -> None:
    folder, other = await ada.open("INBOX"), await ada.open("INBOX")
    _validity, first = await ada.append("INBOX", [NewMessage(b"x")], now=NOW)
    before = await folder.snapshot(claim_recent=True)
    await ada.append("INBOX", [NewMessage(b"y")], now=NOW, claim_recent=True)
    await other.store_flags(first, FlagOp.ADD, ["\\Seen"], unchanged_since=None, now=NOW)
    await ada.append("INBOX", [NewMessage(b"z")], now=NOW, claim_recent=True)
    told = await folder.changes(before.highestmodseq, claim_recent=True)
    assert first[0] in [uid for uid, *_ in told.changed]
    assert len(told.changed) == 3


async def test_a_keyword_of_its_own_append_is_asked_for(ada: DatabaseAccount) -> None:
    folder = await ada.open("INBOX")
    before = await folder.snapshot(claim_recent=True)
    await ada.append("INBOX", [NewMessage(b"x", ("$New",))], now=NOW, claim_recent=True)
    assert (await folder.changes(before.highestmodseq, claim_recent=True)).keywords == ("$New",)


async def test_a_watcher_is_not_woken_by_what_its_connection_knows(cell: Cell, ada: DatabaseAccount) -> None:
    folder = await ada.open("INBOX")
    before = await folder.snapshot(claim_recent=True)
    woken: list[None] = []
    folder.watch(lambda: woken.append(None))
    await ada.append("INBOX", [NewMessage(b"x")], now=NOW, claim_recent=True)
    await folder.changes(before.highestmodseq, claim_recent=True)
    await cell.shop.changes._look()
    assert not woken
    await ada.append("INBOX", [NewMessage(b"y")], now=NOW)
    await cell.shop.changes._look()
    assert woken
