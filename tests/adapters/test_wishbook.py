"""Owners' wishes in the database: found by routes, sealed to the cell's key, never in the way of mail."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.directory import DatabaseDirectory
from mailhost.adapters.queue import DatabaseQueue
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.adapters.wishbook import DatabaseWishBook, seal_wishes, wishes_box
from mailhost.adapters.wishcounts import DatabaseWishCounts
from mailhost.models import Folder, Message, OwnerWishes, Subscription, Tenant, WishCount
from mailhost.outbox import Forward, Outgoing, Passing
from mailhost.ports import Route
from mailhost.provision import wishes
from mailhost.provision.errors import BadName
from mailhost.rules.rule import Rule, action, condition
from mailhost.rules.standing import Standing
from mailhost.seal.cellbox import OVERHEAD
from tests.adapters.conftest import Cell
from tests.people import NOW

KEY = wishes_box(b"w" * 32)
RULES = (Rule("tides", (condition("sender", "is", "cleo@example.no"),), (action("folder", "Lists/Tides"),)),)


async def route_of(cell: Cell, address: str) -> Route:
    found = await DatabaseDirectory(cell.shop.readers).lookup([address], [])
    return found.addresses[address][0]


async def test_a_route_numbers_the_wishes_in_force(cell: Cell) -> None:
    box = cell.ada.mailbox
    book, version = DatabaseWishBook(cell.shop.readers, KEY), DatabaseDirectory(cell.shop.readers).version
    before = await version()
    assert (await route_of(cell, box.address)).wishes == 0
    kept = await sync_to_async(wishes.set_rules)(box, RULES, KEY, version=0)
    route = await route_of(cell, box.address)
    assert route.wishes == kept.version == 1
    assert await version() > before, "route caches must hear of it"
    assert await book.of(route) == Standing(RULES)
    await sync_to_async(wishes.set_rules)(box, (replace(RULES[0], off=True),), KEY, version=1)
    assert (await route_of(cell, box.address)).wishes == 0
    again = await sync_to_async(wishes.set_rules)(box, RULES, KEY, version=2)
    assert again.version == 3, "a number never comes back"


async def test_the_row_names_nobody(cell: Cell) -> None:
    await sync_to_async(wishes.set_rules)(cell.ada.mailbox, RULES, KEY)
    row = await sync_to_async(OwnerWishes.objects.get)()
    assert b"cleo" not in bytes(row.text)
    assert len(bytes(row.text)) == 1024 + OVERHEAD


async def test_a_box_of_one_mailbox_opens_for_no_other(cell: Cell) -> None:
    ada, ben = cell.ada.mailbox, cell.ben.mailbox
    for box in (ada, ben):
        await sync_to_async(wishes.set_rules)(box, RULES, KEY)
    row = await sync_to_async(OwnerWishes.objects.get)(mailbox=ada)
    await sync_to_async(OwnerWishes.objects.filter(mailbox=ben).update)(text=bytes(row.text))
    assert await DatabaseWishBook(cell.shop.readers, KEY).of(await route_of(cell, ben.address)) is None


@pytest.mark.parametrize("text", [b"noise", seal_wishes(Standing(RULES), wishes_box(b"x" * 32), 1)])
async def test_what_cannot_be_opened_is_said_in_the_log_without_an_address(
    cell: Cell, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    box = cell.ada.mailbox
    await sync_to_async(wishes.set_rules)(box, RULES, KEY)
    await sync_to_async(OwnerWishes.objects.update)(text=text)
    with caplog.at_level(logging.ERROR):
        assert await DatabaseWishBook(cell.shop.readers, KEY).of(await route_of(cell, box.address)) is None
    assert "wishes.key" in caplog.text
    assert box.address not in caplog.text
    with pytest.raises(wishes.CannotRead):
        await sync_to_async(wishes.of)(box, KEY)


async def test_a_change_in_another_window_is_not_overwritten(cell: Cell) -> None:
    box = cell.ada.mailbox
    await sync_to_async(wishes.set_rules)(box, RULES, KEY, version=0)
    with pytest.raises(wishes.ChangedMeanwhile):
        await sync_to_async(wishes.set_rules)(box, (), KEY, version=0)
    assert (await sync_to_async(wishes.of)(box, KEY)).standing.rules == RULES


async def test_a_forward_to_the_mailbox_itself_is_refused(cell: Cell) -> None:
    box = cell.ada.mailbox
    local, _, domain = box.address.partition("@")
    for address in (box.address.upper(), f"{local}+more@{domain}"):
        circle = (replace(RULES[0], actions=(action("forward", address),)),)
        with pytest.raises(BadName, match="itself"):
            await sync_to_async(wishes.set_rules)(box, circle, KEY)


async def test_a_named_folder_is_made_once_with_its_parents_and_subscribed(cell: Cell) -> None:
    for _ in range(2):
        deliveries = [replace(cell.ada.delivery(), folder="Lists/Tides", flags=("\\Flagged",))]
        await cell.mailstore.commit(deliveries)

    def look() -> tuple[list[str], list[str], list[int]]:
        box = cell.ada.mailbox
        names = list(Folder.objects.filter(mailbox=box, name__startswith="Lists").values_list("name", flat=True))
        subscribed = list(Subscription.objects.filter(mailbox=box, name__startswith="Lists").values_list("name"))
        flags = list(Message.objects.filter(folder__name="Lists/Tides").values_list("flags", flat=True))
        return sorted(names), sorted(name for (name,) in subscribed), flags

    names, subscribed, flags = await sync_to_async(look)()
    assert names == subscribed == ["Lists", "Lists/Tides"]
    assert len(flags) == 2
    assert all(flags)


async def test_two_in_one_transaction_share_the_folder_they_make(cell: Cell) -> None:
    await asyncio.gather(
        *(cell.mailstore.commit([replace(cell.ada.delivery(), folder=name)]) for name in ["A/B", "A", "A/B", "A/C"])
    )

    def look() -> dict[str, int]:
        rows = Folder.objects.filter(mailbox=cell.ada.mailbox, name__startswith="A").order_by("name")
        return {row.name: row.message_set.count() for row in rows}

    assert await sync_to_async(look)() == {"A": 1, "A/B": 2, "A/C": 1}


async def test_where_no_more_folders_can_be_had_the_message_lies_in_the_inbox(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailhost.adapters.placing.MAX_FOLDERS", 4)
    await cell.mailstore.commit([replace(cell.ada.delivery(), folder="A/B")])

    def look() -> list[str]:
        return list(Message.objects.filter(folder__mailbox=cell.ada.mailbox).values_list("folder__name", flat=True))

    assert await sync_to_async(look)() == ["INBOX"]


async def test_counts_stop_at_the_days_limit_and_go_after_a_month(cell: Cell) -> None:
    counts = DatabaseWishCounts(cell.shop.writer)
    box = cell.ada.mailbox
    route = await route_of(cell, box.address)

    async def take(now: datetime = NOW) -> bool:
        return await counts.take(route, "forwarded", 2, young=1, now=now)

    assert [await take() for _ in range(3)] == [True, True, False]
    await counts.note(box.pk, "loop", now=NOW)
    await counts.note(10**9, "loop", now=NOW)  # a mailbox that is gone
    assert await take(NOW + timedelta(days=1))

    def rows() -> list[tuple[str, int]]:
        return list(WishCount.objects.order_by("day", "what").values_list("what", "messages"))

    assert await sync_to_async(rows)() == [("forwarded", 2), ("loop", 1), ("forwarded", 1)]
    await sync_to_async(Tenant.objects.filter(pk=box.tenant_id).update)(young_until=NOW.date() + timedelta(days=90))
    assert [await take(NOW + timedelta(days=60)) for _ in range(2)] == [True, False]
    assert await sync_to_async(rows)() == [("forwarded", 1)]


async def test_whose_errand_it_is_survives_the_queue(cell: Cell, tmp_path: Path) -> None:
    keys, blobs = QueueKeys(tmp_path / "keys", lambda _path: b"q" * 32), FileBlobs(tmp_path / "outgoing")
    (tmp_path / "keys").mkdir()
    blobs.prepare()
    queue = DatabaseQueue(cell.shop.writer, cell.shop.readers, keys, blobs, cell="is-1", key=b"k" * 32)
    box = cell.ada.mailbox
    message = Outgoing(
        "1" * 32, box.tenant_id, box.pk, "", (Forward("a@b.test", "b.test"),), b"x", passing=Passing.ONLY
    )
    await queue.put(message, now=NOW)
    (tmp_path / "keys" / f"{NOW.date()}.key").write_bytes(b"q" * 32)
    [claim] = await queue.claim(now=NOW, lease=timedelta(seconds=30), destinations=1, items=1)
    assert (claim.due[0].passing, claim.due[0].mailbox_id) == (Passing.ONLY, box.pk)
