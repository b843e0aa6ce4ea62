"""Changes of very many messages, which the store does in turns, over a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters.imapstore import changing, turns
from mailhost.adapters.imapstore import folder as folder_module
from mailhost.adapters.imapstore.account import DatabaseAccount
from mailhost.adapters.verify import verify
from mailhost.imap.store import CannotDo, Copied, FlagOp, FolderExists, NewMessage, TryLater
from mailhost.ports import StoreUnavailable
from tests.adapters.conftest import NOW, Cell
from tests.adapters.test_folders import account_of, fill


@pytest.fixture
async def ada(cell: Cell) -> DatabaseAccount:
    return account_of(cell, cell.ada)


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three messages a turn."""
    for module in (turns, folder_module, changing):
        monkeypatch.setattr(module, "TURN", 3)


@pytest.mark.usefixtures("short_turns")
async def test_many_messages_are_copied_moved_and_expunged_in_turns(cell: Cell, ada: DatabaseAccount) -> None:
    await fill(ada, 10)
    await ada.create("Archive")
    folder = await ada.open("INBOX")
    modseq = (await folder.snapshot(claim_recent=False)).highestmodseq
    copied = await folder.copy([*range(1, 9), 77], "Trash", now=NOW)
    assert copied.pairs == [(uid, uid) for uid in range(1, 9)]
    moved, highest = await folder.move([2, 4, 6, 7, 8, 9, 10], "Archive", now=NOW)
    assert moved.pairs == [(2, 1), (4, 2), (6, 3), (7, 4), (8, 5), (9, 6), (10, 7)]
    assert highest == modseq + 3
    assert list(await folder.vanished_since(modseq)) == [(2, 2), (4, 4), (6, 10)]
    trash = await ada.open("Trash")
    stored = await trash.store_flags(
        list(range(2, 9)), FlagOp.ADD, ["\\Deleted", "work"], unchanged_since=None, now=NOW
    )
    assert [uid for uid, *_ in stored.changed] == list(range(2, 9))
    assert stored.keywords == ("work",)
    assert (await trash.expunge([2, 3, 4, 5], now=NOW))[0] == [2, 3, 4, 5]
    assert (await trash.expunge(None, now=NOW))[0] == [6, 7, 8]
    assert (await trash.expunge(None, now=NOW))[0] == []
    assert list((await trash.snapshot(claim_recent=False)).uids) == [1]
    assert (await ada.quota()).messages_used == 11
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


@pytest.mark.usefixtures("short_turns")
async def test_a_copy_that_fails_at_a_later_turn_is_taken_back_and_a_move_says_that_a_part_is_done(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(ada, 8)
    folder, trash = await ada.open("INBOX"), await ada.open("Trash")
    await ada.append("Trash", [NewMessage(b"x")], now=NOW)
    used = await ada.quota()
    change, calls = cell.shop.writer.change, 0

    async def failing(work: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise StoreUnavailable("the disk is gone for a moment")
        return await change(work)

    monkeypatch.setattr(cell.shop.writer, "change", failing)
    with pytest.raises(TryLater, match="nothing was changed"):
        await folder.copy(list(range(1, 9)), "Trash", now=NOW)
    assert list((await trash.snapshot(claim_recent=False)).uids) == [1]
    assert await ada.quota() == used
    calls = 0
    with pytest.raises(TryLater, match="a part is done"):
        await folder.move(list(range(1, 9)), "Trash", now=NOW)
    assert list((await folder.snapshot(claim_recent=False)).uids) == [7, 8]
    assert len((await trash.snapshot(claim_recent=False)).uids) == 7
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


def between_turns(cell: Cell, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], Awaitable[object]]) -> None:
    """Something that happens once, after the first turn of the next change."""
    change, waiting = cell.shop.writer.change, [meanwhile]

    async def interrupted(work: Any) -> Any:
        result = await change(work)
        if waiting:
            await waiting.pop()()
        return result

    monkeypatch.setattr(cell.shop.writer, "change", interrupted)


@pytest.mark.usefixtures("short_turns")
async def test_a_copy_that_is_cancelled_in_a_turn_leaves_the_target_as_it_was(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(ada, 8)
    folder, trash = await ada.open("INBOX"), await ada.open("Trash")
    used = await ada.quota()
    change, calls, copying = cell.shop.writer.change, 0, list[asyncio.Task[Copied]]()

    async def interrupted(work: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls in (2, 4):  # while the second turn is stored, and once more while it is taken back
            copying[0].cancel()
            await asyncio.sleep(0)
        return await change(work)

    monkeypatch.setattr(cell.shop.writer, "change", interrupted)
    copying.append(asyncio.create_task(folder.copy(list(range(1, 9)), "Trash", now=NOW)))
    with pytest.raises(asyncio.CancelledError):
        await copying[0]
    assert calls == 4
    assert list((await trash.snapshot(claim_recent=False)).uids) == []
    assert await ada.quota() == used
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


@pytest.mark.usefixtures("short_turns")
async def test_an_account_that_is_closed_takes_no_further_turn(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(ada, 20)
    await ada.create("Archive")
    sees = account_of(cell, cell.ada)
    for which, left in enumerate((17, 17, 14, 11)):
        account = account_of(cell, cell.ada)
        inbox = await account.open("INBOX")
        await inbox.store_flags([4, 5, 6], FlagOp.ADD, ["\\Deleted"], unchanged_since=None, now=NOW)
        await inbox.store_flags([7, 8, 9], FlagOp.ADD, ["\\Deleted"], unchanged_since=None, now=NOW)
        changes: list[Callable[[], Awaitable[object]]] = [
            partial(inbox.move, range(1, 9), "Archive", now=NOW),
            partial(inbox.copy, range(4, 12), "Trash", now=NOW),
            partial(inbox.expunge, None, now=NOW),
            partial(account.rename, "INBOX", "Old", now=NOW),
        ]
        with monkeypatch.context() as once:
            between_turns(cell, once, account.close)
            with pytest.raises(TryLater):
                await changes[which]()
        assert (await sees.folder("INBOX")).messages == left
    assert (await sees.folder("Trash")).messages == 0
    with pytest.raises(TryLater, match="nothing was changed"):
        await inbox.store_flags([20], FlagOp.ADD, ["\\Seen"], unchanged_since=None, now=NOW)
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


@pytest.mark.usefixtures("short_turns")
async def test_a_folder_that_takes_the_name_of_one_being_deleted_keeps_its_mail(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = account_of(cell, cell.ada)
    await ada.create("Work")
    await fill(ada, 8, "Work")

    async def give_the_name_away() -> None:
        await other.rename("Work", "Old", now=NOW)
        await other.create("Work")
        await fill(other, 4, "Work")

    between_turns(cell, monkeypatch, give_the_name_away)
    await ada.delete("Work", now=NOW)
    names = [info.name for info in await ada.folders()]
    assert "Work" in names
    assert "Old" not in names
    assert (await ada.folder("Work")).messages == 4
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []


@pytest.mark.usefixtures("short_turns")
async def test_a_folder_that_gets_one_below_it_while_it_is_deleted_stays(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ada.create("Work")
    await fill(ada, 8, "Work")
    between_turns(cell, monkeypatch, partial(account_of(cell, cell.ada).create, "Work/New"))
    with pytest.raises(CannotDo, match="below it"):
        await ada.delete("Work", now=NOW)
    assert (await ada.folder("Work")).messages == 5


@pytest.mark.usefixtures("short_turns")
async def test_a_folder_that_another_deletes_meanwhile_is_deleted(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ada.create("Work")
    await fill(ada, 8, "Work")
    between_turns(cell, monkeypatch, partial(account_of(cell, cell.ada).delete, "Work", now=NOW))
    await ada.delete("Work", now=NOW)
    assert "Work" not in [info.name for info in await ada.folders()]


@pytest.mark.usefixtures("short_turns")
async def test_mail_that_arrives_while_inbox_is_renamed_stays_in_it(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(ada, 8)
    between_turns(cell, monkeypatch, partial(fill, account_of(cell, cell.ada), 5))
    await ada.rename("INBOX", "Old", now=NOW)
    assert (await ada.folder("Old")).messages == 8
    inbox = await ada.open("INBOX")
    assert list((await inbox.snapshot(claim_recent=False)).uids) == [9, 10, 11, 12, 13]


@pytest.mark.usefixtures("short_turns")
async def test_a_rename_of_inbox_that_was_cut_short_says_how_to_go_on(
    cell: Cell, ada: DatabaseAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(ada, 8)
    change, calls = cell.shop.writer.change, 0

    async def failing(work: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreUnavailable("the disk is gone for a moment")
        return await change(work)

    monkeypatch.setattr(cell.shop.writer, "change", failing)
    with pytest.raises(TryLater, match="move the rest into the new folder"):
        await ada.rename("INBOX", "Old", now=NOW)
    with pytest.raises(FolderExists, match="cut short, move the rest"):
        await ada.rename("INBOX", "Old", now=NOW)
    inbox = await ada.open("INBOX")
    await inbox.move([4, 5, 6, 7, 8], "Old", now=NOW)
    assert (await ada.folder("Old")).messages == 8


@pytest.mark.usefixtures("short_turns")
async def test_a_folder_of_many_messages_is_deleted_and_inbox_renamed_in_turns(
    cell: Cell, ada: DatabaseAccount
) -> None:
    await fill(ada, 9)
    await ada.rename("INBOX", "Old", now=NOW)
    old = await ada.open("Old")
    assert list((await old.snapshot(claim_recent=False)).uids) == list(range(1, 10))
    assert (await ada.folder("INBOX")).messages == 0
    await ada.delete("Old", now=NOW)
    assert "Old" not in [info.name for info in await ada.folders()]
    quota = await ada.quota()
    assert (quota.messages_used, quota.storage_used) == (0, 0)
    assert await sync_to_async(lambda: list(verify(cell.shop.blobs, NOW)))() == []
