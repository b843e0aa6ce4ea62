"""A forward over the cell's own tables, on either engine: from an owner's rule to the queue, and its bounce back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from asgiref.sync import sync_to_async

from mailhost.adapters.agreements import DatabaseAgreements
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.directory import DatabaseDirectory
from mailhost.adapters.queue import DatabaseQueue
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.adapters.wishbook import DatabaseWishBook, wishes_box
from mailhost.adapters.wishcounts import DatabaseWishCounts
from mailhost.deliver import Client, Envelope
from mailhost.mailauth.dkim_signing import SigningKey
from mailhost.message.address import parse_address
from mailhost.models import WishCount
from mailhost.outbox import Passing
from mailhost.outcomes import Reason
from mailhost.provision import agreements, wishes
from mailhost.routing import RouteCache, Routes
from mailhost.rules.rule import Rule, action, condition, targets
from mailhost.wishes.agreements import Step, new_token
from mailhost.wishes.forwarding import Arrived, ErrandLimits, Forwarder, Why, srs_of
from mailhost.wishes.returns import ReturnDesk
from tests.adapters.conftest import NOW, Cell
from webadmin.cell.keyfiles import read_or_make

KEY, WISHES = b"k" * 32, wishes_box(b"w" * 32)
RULE = Rule("on", (condition("subject", "contains", "tides"),), (action("forward", "mo@elsewhere.test"),))
MAIL = bytearray(b"From: cleo@example.no\r\nSubject: tides\r\n\r\nnoon\r\n")
LEASE = timedelta(seconds=30)
CLIENT = Client("192.0.2.25", "mail.example.no", "ESMTP")


class NoKeys:
    """A domain that signs nothing yet."""

    async def signing(self, _tenant: int, _domain: str) -> list[SigningKey]:
        return []


async def answer(cell: Cell, step: Step, token: str) -> None:
    await cell.shop.readers.run(lambda: agreements.answered(token, step, key=KEY, today=NOW.date()))


async def asked(cell: Cell) -> str:
    run, token = cell.shop.readers.run, new_token()
    letter = await run(lambda: agreements.ask(cell.ada.mailbox, "mo@elsewhere.test", token, key=KEY, now=NOW))
    await run(agreements.sent, letter)
    return token


async def test_a_rule_forwards_while_its_reader_agrees_and_a_bounce_finds_its_way_back(
    cell: Cell, tmp_path: Path
) -> None:
    shop = cell.shop
    queue = DatabaseQueue(
        shop.writer,
        shop.readers,
        QueueKeys(tmp_path / "queue", read_or_make),
        FileBlobs(tmp_path / "outgoing"),
        cell="is-1",
        key=KEY,
    )
    routes = RouteCache(DatabaseDirectory(shop.readers), lambda: 0.0)
    forwarder = Forwarder(
        hostname="mx.is-1.example",
        routes=routes,
        queue=queue,
        keys=NoKeys(),
        srs=srs_of(KEY),
        counts=DatabaseWishCounts(shop.writer),
        agreements=DatabaseAgreements(shop.readers, key=KEY),
        limits=ErrandLimits(forwards=1),
    )
    await sync_to_async(wishes.set_rules)(cell.ada.mailbox, (RULE,), WISHES)
    found = await routes.resolve(parse_address("ada+bills@example.is"))
    assert isinstance(found, Routes)
    [route] = found.routes
    standing = await DatabaseWishBook(shop.readers, WISHES).of(route)
    assert standing is not None
    message = Arrived(Envelope(parse_address("cleo@example.no"), CLIENT), MAIL)

    async def admitted() -> Why:
        return (await forwarder.admit(route, message, sorted(targets(standing.rules)), now=NOW))["mo@elsewhere.test"]

    token = await asked(cell)
    assert await admitted() is Why.NOT_AGREED
    await answer(cell, Step.YES, token)
    assert await admitted() is Why.FORWARDED
    await forwarder.send(route, message, "mo@elsewhere.test", kept=True, now=NOW)
    assert await admitted() is Why.OVER_LIMIT
    await answer(cell, Step.NO, token)
    assert await admitted() is Why.NOT_AGREED
    counted = await sync_to_async(lambda: dict(WishCount.objects.values_list("what", "messages")))()
    assert counted == {"forwarded": 1, "over_limit": 1, "not_agreed": 2}

    [claim] = await queue.claim(now=NOW, lease=LEASE, destinations=10, items=10)
    [item] = claim.due
    assert [one.address for one in item.recipients] == ["mo@elsewhere.test"]
    assert (item.author, item.passing) == ("ada@example.is", Passing.COPY)

    desk = ReturnDesk(hostname="mx.is-1.example", routes=routes, queue=queue, srs=srs_of(KEY))
    back = parse_address(item.sender)
    assert await desk.admit(back, now=NOW) is Reason.OK
    assert await desk.take(Envelope(None, CLIENT), MAIL, [back], now=NOW) is Reason.OK
    [claim] = await queue.claim(now=NOW, lease=LEASE, destinations=10, items=10)
    assert [one.address for one in claim.due[0].recipients] == ["cleo@example.no"]
