"""Delivery: one seal a mailbox, one commit, and nothing in clear whatever fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from mailhost.deliver import Client, Deliverer, Envelope, Recipient, Room
from mailhost.limits import SmtpLimits
from mailhost.message.address import parse_address
from mailhost.message.headers import read_headers
from mailhost.outcomes import NO_VERDICTS, Reason, Verdict
from mailhost.ports import KeyChanged, MailboxState, Route, StoreFull, StoreUnavailable
from mailhost.routing import RouteCache
from mailhost.seal import open_header, open_payload
from tests.fakes import MemoryDirectory, MemoryStore
from tests.people import ADA, BEN, EXAMPLE_IS, NOW, identity, route

CONTENT = b"From: cleo@example.no\r\nSubject: Tides\r\n\r\nHigh at noon.\r\n"


class Scene:
    """A deliverer over a store and a directory in memory."""

    def __init__(self, executor: ThreadPoolExecutor, limits: SmtpLimits | None = None) -> None:
        self.store = MemoryStore()
        self.directory = MemoryDirectory([EXAMPLE_IS], {"ada@example.is": (ADA,), "ben@example.is": (BEN,)})
        self.routes = RouteCache(self.directory, lambda: 0.0)
        self.deliverer = Deliverer(
            hostname="mx.is-1.example",
            routes=self.routes,
            store=self.store,
            limits=limits or SmtpLimits(),
            executor=executor,
        )

    async def deliver(self, *routes: Route, content: bytes = CONTENT, verdict: Verdict | None = None) -> Reason:
        envelope = Envelope(
            parse_address("cleo@example.no"),
            Client("2001:db8::25", "mail.example.no", "ESMTPS", "TLSv1.3 TLS_AES_256_GCM_SHA384"),
            recipients=[Recipient(parse_address(found.address), (found,)) for found in routes],
        )
        report = await self.deliverer.deliver(
            envelope, bytearray(content), now=NOW, verdicts={1: verdict} if verdict else NO_VERDICTS
        )
        self.stored = report.stored
        return report.reason

    def text(self, number: int, owner: str) -> bytes:
        delivery = self.store.deliveries[number]
        return open_payload(open_header([identity(owner)], delivery.header), delivery.payload)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
def scene(executor: ThreadPoolExecutor) -> Scene:
    return Scene(executor)


async def test_trace_fields_stand_in_front_of_exactly_what_was_sent(scene: Scene) -> None:
    assert await scene.deliver(ADA) is Reason.OK
    trace, sent = scene.text(0, "ada").split(CONTENT)
    assert sent == b""
    words = trace.replace(b"\r\n\t", b" ")
    assert words.startswith(b"Return-Path: <cleo@example.no>\r\nReceived: from mail.example.no ([IPv6:2001:db8::25])")
    assert b"with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384) id " + scene.store.deliveries[0].opaque_id.encode() in words
    assert words.endswith(b"for <ada@example.is>; Sun, 22 Nov 2026 10:30:12 +0000\r\n")


async def test_content_that_begins_with_white_space_cannot_write_into_our_trace_fields(scene: Scene) -> None:
    content = b" with ESMTPSA for <mo@example.is>\r\n" + CONTENT
    assert await scene.deliver(ADA, content=content) is Reason.OK
    text = scene.text(0, "ada")
    assert text.endswith(content)
    fields = read_headers(text)
    assert b"ESMTPSA" not in (fields.first(b"received") or b"ESMTPSA")
    delivery = scene.store.deliveries[0]
    assert open_header([identity("ada")], delivery.header).summary.size == len(text)


async def test_the_summary_describes_the_whole(scene: Scene) -> None:
    await scene.deliver(ADA, verdict=Verdict("spf=pass", junk=True))
    delivery = scene.store.deliveries[0]
    summary = open_header([identity("ada")], delivery.header).summary
    assert summary.size == len(scene.text(0, "ada"))
    assert summary.internaldate == int(NOW.timestamp())
    assert (summary.subject, summary.from_[0].address, summary.verdict) == ("Tides", "cleo@example.no", "spf=pass")
    assert summary.envelope
    assert summary.bodystructure
    assert delivery.special_use == "\\Junk"


async def test_a_mailbox_reached_twice_gets_one_copy(scene: Scene) -> None:
    assert await scene.deliver(ADA, replace(ADA, address="sales@example.is"), BEN) is Reason.OK
    assert [delivery.mailbox_id for delivery in scene.store.deliveries] == [1, 2]
    assert scene.store.commits == [2]


async def test_a_key_that_cannot_be_used_stores_nothing_for_anybody(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for broken in ("age1pq1broken", "", None):
        assert await scene.deliver(ADA, replace(BEN, public_key=broken)) in {Reason.CANNOT_SEAL, Reason.KEY_CHANGED}
    assert not scene.store.deliveries
    assert "example" not in caplog.text


async def test_a_seal_that_fails_stores_nothing_and_says_no_content(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no(*_: object) -> None:
        raise MemoryError("Subject: Tides")

    monkeypatch.setattr("mailhost.deliver.seal", no)
    with caplog.at_level(logging.DEBUG):
        assert await scene.deliver(ADA, BEN) is Reason.CANNOT_SEAL
    assert not scene.store.deliveries
    assert "Tides" not in caplog.text


async def test_a_new_key_is_fetched_and_the_message_sealed_again(scene: Scene) -> None:
    renewed = route("ada", 1, key_version=2, public_key=identity("ada-2").recipient.text)
    scene.directory.addresses["ada@example.is"] = (renewed,)
    scene.store.keys[1] = 2
    assert await scene.deliver(ADA, BEN) is Reason.OK
    assert [(d.mailbox_id, d.key_version) for d in scene.store.deliveries] == [(1, 2), (2, 1)]
    assert scene.text(0, "ada-2").endswith(CONTENT)


@pytest.mark.parametrize("gone", [replace(ADA, state=MailboxState.SUSPENDED), BEN])
async def test_a_mailbox_that_closed_meanwhile_defers(scene: Scene, gone: Route) -> None:
    scene.store.keys[1] = 2
    scene.directory.addresses["ada@example.is"] = (gone,)
    assert await scene.deliver(ADA, BEN) is Reason.KEY_CHANGED
    assert not scene.store.deliveries


async def test_a_key_that_keeps_changing_defers(scene: Scene) -> None:
    scene.store.failures = [KeyChanged([1]), KeyChanged([1])]
    assert await scene.deliver(ADA) is Reason.KEY_CHANGED


async def test_a_full_mailbox_defers_all_and_its_route_is_read_again(scene: Scene) -> None:
    await scene.routes.resolve(parse_address("ben@example.is"))
    scene.store.room[2] = 10
    assert await scene.deliver(ADA, BEN) is Reason.MAILBOX_FULL
    assert not scene.store.deliveries
    before = len(scene.directory.lookups)
    await scene.routes.resolve(parse_address("ben@example.is"))
    assert len(scene.directory.lookups) == before + 1


@pytest.mark.parametrize(
    ("failure", "reason"), [(StoreFull(), Reason.STORE_FULL), (StoreUnavailable(), Reason.STORE_UNAVAILABLE)]
)
async def test_failures_of_the_store(scene: Scene, failure: StoreFull, reason: Reason) -> None:
    scene.store.failures = [failure]
    assert await scene.deliver(ADA) is reason
    assert scene.stored == frozenset()


async def test_copies_for_many_mailboxes_are_committed_in_bounded_groups(executor: ThreadPoolExecutor) -> None:
    scene = Scene(executor, SmtpLimits(sealed_batch=3 * len(CONTENT)))
    boxes = [replace(ADA, mailbox_id=number, address=f"ada+{number}@example.is") for number in range(1, 9)]
    assert await scene.deliver(*boxes) is Reason.OK
    assert scene.store.commits == [3, 3, 2]


async def test_a_group_that_fails_names_who_has_the_message(executor: ThreadPoolExecutor) -> None:
    scene = Scene(executor, SmtpLimits(sealed_batch=1))
    scene.store.failures = [None, StoreFull()]
    boxes = [replace(ADA, mailbox_id=number, address=f"ada+{number}@example.is") for number in (1, 2, 3)]
    assert await scene.deliver(*boxes) is Reason.STORE_FULL
    assert scene.stored == {1}


async def test_a_large_message_is_sealed_off_the_event_loop(scene: Scene) -> None:
    content = CONTENT + b"x" * 76 * 2000 + (b"line of text\r\n" * 300_000)
    longest = 0.0
    done = asyncio.Event()

    async def neighbour() -> None:
        nonlocal longest
        loop = asyncio.get_running_loop()
        while not done.is_set():
            before = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - before)

    beside = asyncio.create_task(neighbour())
    assert await scene.deliver(ADA, content=content) is Reason.OK
    done.set()
    await beside
    assert scene.text(0, "ada").endswith(content)
    assert longest < 1.0


async def test_recipients_that_already_have_it_are_left_out(scene: Scene) -> None:
    envelope = Envelope(
        None, Client("", "x", "SMTP"), recipients=[Recipient(parse_address("a@example.is"), (ADA, BEN))]
    )
    report = await scene.deliverer.deliver(envelope, bytearray(CONTENT), now=NOW, except_for={1})
    assert (report.reason, report.stored) == (Reason.OK, frozenset({2}))
    report = await scene.deliverer.deliver(envelope, bytearray(CONTENT), now=NOW, except_for={1, 2})
    assert (report.reason, report.stored) == (Reason.OK, frozenset())


@asynccontextmanager
async def held_in(room: Room, octets: int) -> AsyncIterator[None]:
    if not room.take(octets):
        await room.wait_for(octets)
    try:
        yield
    finally:
        room.give_back(octets)


async def test_room_is_given_in_order_and_never_twice() -> None:
    room = Room(100)
    held: list[int] = []
    most = 0

    async def take(octets: int) -> None:
        nonlocal most
        async with held_in(room, octets):
            held.append(octets)
            most = max(most, sum(held))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            held.remove(octets)

    await asyncio.gather(*(take(octets) for octets in [60, 30, 50, 20, 90, 10, 40] * 5))
    assert most <= 100
    # More than there ever is: alone, but not never.
    await asyncio.gather(take(500), take(10), take(500))
    assert most == 500
    assert not held
    assert room._taken == 0


async def test_who_stops_waiting_for_room_takes_none() -> None:
    room = Room(100)
    begun: list[int] = []

    async def take(octets: int) -> None:
        async with held_in(room, octets):
            begun.append(octets)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(take(octets)) for octets in (100, 90, 80, 20)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert begun == [100, 80, 20]
    assert room._taken == 0


async def test_the_verdict_stands_above_the_trace_fields_of_its_tenant(scene: Scene) -> None:
    cleo = route("cleo", 3, tenant_id=2, domain="example.no")
    envelope = Envelope(
        None,
        Client("192.0.2.1", "mail.demo.test", "ESMTP"),
        recipients=[Recipient(parse_address(found.address), (found,)) for found in (ADA, cleo)],
    )
    verdicts = {1: Verdict("spf=fail smtp.mailfrom=demo.test", junk=True), 2: Verdict("spf=fail", junk=False)}
    await scene.deliverer.deliver(envelope, bytearray(CONTENT), now=NOW, verdicts=verdicts)
    assert [delivery.special_use for delivery in scene.store.deliveries] == ["\\Junk", "\\Inbox"]
    first = scene.text(0, "ada").split(b"\r\n")
    assert first[0] == b"Return-Path: <>"
    assert first[1] == b"Authentication-Results: mx.is-1.example; spf=fail smtp.mailfrom=demo.test"
    assert first[2].startswith(b"Received: ")


async def test_without_a_verdict_no_field_is_written(scene: Scene) -> None:
    await scene.deliver(ADA)
    assert b"Authentication-Results" not in scene.text(0, "ada")
