"""One connection under pressure: reading ahead, memory for literals, time-outs, compression, stopping."""

from __future__ import annotations

import asyncio
import random
import zlib
from typing import Any

import pytest

from mailhost.imap.compression import FREE, BadStream, Deflater, Inflater
from mailhost.imap.connection import PATIENCE
from mailhost.imap.limits import Limits, MemoryBudget
from mailhost.imap.wire import SMALL_LITERAL
from tests.imap.dialogue import ADA, BEN, CLEO, PASSWORD, Client, Counters, ada_with, make_endpoint
from tests.imap.memory import MemoryAccount


async def logged_in(count: int = 1, **options: Any) -> Client:
    client = Client(make_endpoint(ada_with(count), **options))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    return client


def later(client: Client, seconds: float) -> bool:
    return client.connection.tick(client.connection._loop.time() + seconds)


def closed(client: Client) -> bool:
    return client.transport.closed


def reading(client: Client) -> bool:
    return client.transport.reading


async def test_reading_pauses_while_too_much_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    client = await logged_in()
    held = asyncio.Event()
    folders = MemoryAccount.folders

    async def slowly(self: MemoryAccount, *, counts: bool = False) -> object:
        await held.wait()
        return await folders(self, counts=counts)

    monkeypatch.setattr(MemoryAccount, "folders", slowly)
    client.send(b'a LIST "" *\r\n')
    await asyncio.sleep(0)
    client.send(b"b NOOP%b\r\n" % (b" " * 100) * 2000)
    assert not reading(client)
    held.set()
    await client.settle()
    assert reading(client)
    assert client.take().count(b"b OK") == 2000


async def test_reading_goes_on_when_the_rest_of_a_command_is_missing() -> None:
    client = await logged_in()
    size = 1_000_000
    client.send(b"a APPEND Sent {%d+}\r\n" % size + b"x" * 400_000)
    await client.settle()
    assert reading(client)
    client.send(b"x" * 600_000 + b"\r\n")
    await client.settle()
    assert b"a OK" in client.take()


async def test_pipelined_commands_leave_room_for_others() -> None:
    endpoint = make_endpoint(ada_with(1))
    busy, quick = Client(endpoint), Client(endpoint)
    for client in (busy, quick):
        await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    busy.send(b"a NOOP\r\n" * 1000)
    quick.send(b"b NOOP\r\n")
    await quick.settle()
    assert b"b OK" in quick.take()
    assert busy.take().count(b"a OK") < 100
    await busy.settle()


async def test_large_literals_wait_for_memory_and_small_ones_do_not() -> None:
    size = SMALL_LITERAL * 2
    endpoint = make_endpoint(ada_with(), limits=Limits(literal_memory=size))
    first, second = Client(endpoint), Client(endpoint)
    for client in (first, second):
        await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    assert b"+ " in await first.ask(f"a APPEND Sent {{{size}}}")
    second.send(f"a APPEND Sent {{{size}}}\r\n".encode())
    for _turn in range(20):
        await asyncio.sleep(0)
    assert second.take() == b""
    first.send(b"x" * size + b"\r\n")
    await first.settle()
    assert b"a OK" in first.take()
    await second.settle()
    assert b"+ " in second.take()
    second.send(b"x" * size + b"\r\n")
    await second.settle()
    assert b"a OK" in second.take()


async def test_memory_comes_back_when_a_client_vanishes() -> None:
    size = SMALL_LITERAL * 2
    endpoint = make_endpoint(ada_with(), limits=Limits(literal_memory=size))
    first, second = Client(endpoint), Client(endpoint)
    for client in (first, second):
        await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    await first.ask(f"a APPEND Sent {{{size}}}")
    await first.hang_up()
    assert b"+ " in await second.ask(f"a APPEND Sent {{{size}}}")


async def test_many_small_literals_of_one_command_are_large_together() -> None:
    endpoint = make_endpoint(
        ada_with(), limits=Limits(literal_memory=SMALL_LITERAL * 2, user_literals=1, tenant_literals=1)
    )
    first, second = Client(endpoint), Client(endpoint)
    for client in (first, second):
        await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    piece = SMALL_LITERAL // 2
    first.send(b"a APPEND Sent" + (b" {%d+}\r\n" % piece + b"x" * piece) * 4)
    await first.settle()
    second.send(f"a APPEND Sent {{{SMALL_LITERAL + 1}}}\r\n".encode())
    for _turn in range(20):
        await asyncio.sleep(0)
    assert second.take() == b""
    first.send(b"\r\n")
    await first.settle()
    assert b"a OK" in first.take()
    await second.settle()
    assert b"+ " in second.take()


@pytest.mark.parametrize("plus", ["", "+"])
async def test_commands_that_hold_memory_do_not_wait_for_one_another(plus: str) -> None:
    size = SMALL_LITERAL * 2
    endpoint = make_endpoint(ada_with(), limits=Limits(literal_memory=size * 2, user_literals=1, tenant_literals=1))
    clients = [Client(endpoint), Client(endpoint)]
    for client in clients:
        await client.ask(f"x LOGIN {ADA} {PASSWORD}")
        await client.ask(f"a APPEND Sent {{{size}}}")
        client.send(b"x" * size)
        await client.settle()
    first, second = clients
    first.send(f" {{{size}{plus}}}\r\n".encode() + (b"x" * size + b"\r\n" if plus else b""))
    await first.settle()
    assert b"a NO [LIMIT]" in first.take()
    answer = await second.ask(f" {{{size}}}")
    assert b"+ " in answer
    second.send(b"x" * size + b"\r\n")
    await second.settle()
    assert b"a OK [APPENDUID" in second.take()
    assert b"b OK" in await first.ask("b NOOP")


async def test_one_user_s_slow_messages_leave_memory_for_others() -> None:
    size = SMALL_LITERAL * 2
    store = ada_with()
    for person in (BEN, CLEO):
        store.add_person(person, PASSWORD)
    endpoint = make_endpoint(store, limits=Limits(literal_memory=size * 3, user_literals=1 / 3, tenant_literals=2 / 3))
    slow, second, ben, third, cleo = (Client(endpoint) for _client in range(5))
    for client, name in ((slow, ADA), (second, ADA), (ben, BEN), (third, BEN), (cleo, CLEO)):
        await client.ask(f"x LOGIN {name} {PASSWORD}")
        client.send(f"a APPEND Sent {{{size}}}\r\n".encode())
        for _turn in range(20):
            await asyncio.sleep(0)
    # Ada and Ben have one message each on its way, which is all that their tenant may have; Cleo is with another.
    assert [b"+ " in client.take() for client in (slow, second, ben, third, cleo)] == [True, False, True, False, True]
    await ben.hang_up()
    await third.settle()
    assert (second.take(), third.take()[:2]) == (b"", b"+ ")
    slow.send(b"x" * size + b"\r\n")
    await slow.settle()
    await second.settle()
    assert b"+ " in second.take()


async def test_a_message_larger_than_the_share_is_taken_when_its_user_has_no_other() -> None:
    budget = MemoryBudget(100, (0.3,))
    assert await budget.take(60, ("ada",)) == 60
    assert not budget.take_now(1, ("ada",))
    waiting = asyncio.create_task(budget.take(20, ("ada",)))
    await asyncio.sleep(0)
    assert await budget.take(40, ("ben",)) == 40
    assert not waiting.done()
    budget.give(60, ("ada",))
    assert await waiting == 20
    assert budget.take_now(10, ("ada",))
    assert not budget.take_now(1, ("ada",))
    budget.give(30, ("ada",))
    budget.give(40, ("ben",))
    assert not budget._held


async def test_a_large_message_does_not_wait_for_all_later_ones_of_its_user() -> None:
    budget = MemoryBudget(100, (0.3,))
    assert await budget.take(10, ("ada",)) == 10
    large = asyncio.create_task(budget.take(25, ("ada",)))
    await asyncio.sleep(0)
    small = asyncio.create_task(budget.take(10, ("ada",)))
    await asyncio.sleep(0)
    assert await budget.take(10, ("ben",)) == 10
    budget.give(10, ("ada",))
    assert await large == 25
    assert not small.done()
    budget.give(25, ("ada",))
    assert await small == 10


async def test_the_memory_budget_serves_in_order_and_forgets_who_left() -> None:
    budget = MemoryBudget(100)
    assert await budget.take(70) == 70
    waiting = asyncio.create_task(budget.take(60))
    behind = asyncio.create_task(budget.take(10))
    await asyncio.sleep(0)
    assert not behind.done()
    waiting.cancel()
    await asyncio.sleep(0)
    budget.give(0)
    assert await behind == 10
    budget.give(80)
    assert await asyncio.wait_for(budget.take(1000), 1) == 100


async def test_a_stranger_has_a_minute() -> None:
    metrics = Counters()
    stranger = Client(make_endpoint(ada_with(), metrics=metrics))
    later(stranger, 59)
    assert not closed(stranger)
    later(stranger, 61)
    assert b"* BYE" in stranger.take()
    assert closed(stranger)
    assert metrics.counts["timeouts"] == 1


async def test_a_user_has_half_an_hour() -> None:
    user = await logged_in()
    later(user, 29 * 60)
    assert not closed(user)
    later(user, 31 * 60)
    assert b"* BYE" in user.take()


async def test_a_command_that_stalls_ends_the_connection() -> None:
    client = await logged_in()
    client.take()
    client.send(b"a APPEND Sent {1000+}\r\nxxx")
    await client.settle()
    later(client, 1)
    assert not closed(client)
    later(client, 62)
    assert b"* BYE That command takes too long" in client.take()


async def test_a_trickle_is_too_slow_and_a_slow_line_is_not() -> None:
    for octets, ends in ((10, True), (300_000, False)):
        client = await logged_in()
        client.take()
        client.send(b"a APPEND Sent {1000000+}\r\n")
        await client.settle()
        later(client, 0)
        connection = client.connection
        for second in range(1, 80):
            connection._received += octets // 20
            connection._last_read = connection._loop.time() + second
            later(client, second)
        assert closed(client) is ends


@pytest.mark.parametrize(("others", "ends"), [((), False), ((ADA, BEN), False), ((CLEO,), True)])
async def test_a_slow_line_does_not_keep_memory_that_others_wait_for(others: tuple[str, ...], ends: bool) -> None:
    """Other messages of its own user or tenant are no others: they wait for their share."""
    size = SMALL_LITERAL * 64
    store = ada_with()
    for person in (BEN, CLEO):
        store.add_person(person, PASSWORD)
    endpoint = make_endpoint(store, limits=Limits(literal_memory=size + 1, user_literals=1 / 2, tenant_literals=1))
    slow = Client(endpoint)
    await slow.ask(f"x LOGIN {ADA} {PASSWORD}")
    await slow.ask(f"a APPEND Sent {{{size}}}")
    later(slow, 0)
    waiting = [Client(endpoint) for _other in others]
    for client, name in zip(waiting, others, strict=True):
        await client.ask(f"x LOGIN {name} {PASSWORD}")
        client.send(f"a APPEND Sent {{{size}}}\r\n".encode())
        for _turn in range(20):
            await asyncio.sleep(0)
        assert client.take() == b""
    connection = slow.connection
    for second in range(1, 80):
        connection._received += 20_000
        connection._last_read = connection._loop.time() + second
        later(slow, second)
    assert closed(slow) is ends
    await slow.hang_up()
    for client in waiting:
        await client.settle()
        assert b"+ " in client.take()
        await client.hang_up()


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    client = await logged_in()
    client.connection.pause_writing()
    later(client, 4 * 60)
    assert not closed(client)
    later(client, 6 * 60)
    assert closed(client)


async def test_writing_waits_for_the_client() -> None:
    client = await logged_in(3)
    await client.ask("a SELECT INBOX")
    client.connection.pause_writing()
    client.send(b"a FETCH 1:3 UID\r\nb NOOP\r\n")
    await client.settle()
    assert b"a OK" not in client.take()
    client.connection.resume_writing()
    await client.settle()
    assert b"b OK" in client.take()


async def test_stopping_lets_a_command_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    client = await logged_in()
    held = asyncio.Event()
    append = MemoryAccount.append

    async def slowly(*arguments: object, **options: object) -> tuple[int, list[int]]:
        await held.wait()
        return await append(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryAccount, "append", slowly)
    client.send(b"a APPEND Sent {4+}\r\nx: y\r\nb NOOP\r\n")
    await asyncio.sleep(0)
    client.connection.stop()
    await asyncio.sleep(0)
    assert not closed(client)
    held.set()
    await client.settle()
    answer = client.take()
    assert b"a OK" in answer
    assert b"* BYE [UNAVAILABLE]" in answer
    assert b"b OK" not in answer
    assert closed(client)


async def test_authenticating_while_the_server_stops() -> None:
    client = Client(make_endpoint(ada_with()))
    await client.ask("a AUTHENTICATE PLAIN")
    client.connection.stop()
    for _turn in range(10):
        await asyncio.sleep(0)
    assert closed(client)


async def test_a_user_who_talks_nonsense_is_slowed_down() -> None:
    client = await logged_in()
    client.take()
    client.send(b"a FOO\r\n" * 30)
    for _turn in range(500):
        await asyncio.sleep(0)
    assert client.take().count(b"a BAD") == PATIENCE
    await client.hang_up()


# COMPRESS


@pytest.mark.slow
async def test_both_directions_are_compressed() -> None:
    client = await logged_in(50)
    assert (await client.ask("a COMPRESS DEFLATE")) == b"a OK Compressing from here\r\n"
    out, back = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)

    async def ask(line: bytes) -> bytes:
        client.send(out.compress(line) + out.flush(zlib.Z_SYNC_FLUSH))
        await client.settle()
        return back.decompress(client.take())

    assert (await ask(b"b SELECT INBOX\r\n")).endswith(b"b OK [READ-WRITE] Opened\r\n")
    assert (await ask(b"c FETCH 1:* BODY.PEEK[]\r\n")).count(b"Subject: Message") == 50
    assert b"COMPRESS=DEFLATE" not in await ask(b"d CAPABILITY\r\n")
    assert (await ask(b"e COMPRESS DEFLATE\r\n")).startswith(b"e NO [COMPRESSIONACTIVE]")
    assert (await ask(b"f APPEND Sent {300000+}\r\n" + b"x" * 300_000 + b"\r\n")).startswith(b"f OK")
    assert reading(client)
    assert b"g OK" in await ask(b"g NOOP\r\n" * 5000)
    assert reading(client)
    assert b"* BYE" in await ask(b"h LOGOUT\r\n")


async def test_compressed_octets_cut_anywhere() -> None:
    client = await logged_in(3)
    await client.ask("a COMPRESS DEFLATE")
    out, back = zlib.compressobj(wbits=-15), zlib.decompressobj(-15)
    stream = out.compress(b"b SELECT INBOX\r\nc FETCH 1:* UID\r\n") + out.flush(zlib.Z_SYNC_FLUSH)
    for octet in stream:
        client.send(bytes([octet]))
        await client.settle()
    assert back.decompress(client.take()).endswith(b"c OK Fetched\r\n")
    assert reading(client)


async def test_only_deflate_and_nothing_behind_it() -> None:
    client = await logged_in()
    assert (await client.ask("a COMPRESS GZIP")).startswith(b"a NO")
    client.send(b"b COMPRESS DEFLATE\r\nc NOOP\r\n")
    await client.settle()
    assert client.take().startswith(b"b BAD")
    assert closed(client)


async def test_nonsense_in_place_of_deflate_ends_the_connection() -> None:
    client = await logged_in()
    await client.ask("a COMPRESS DEFLATE")
    client.send(b"\xff" * 100)
    await client.settle()
    assert closed(client)
    assert b"BYE" in zlib.decompressobj(-15).decompress(client.take())


@pytest.mark.slow
async def test_a_bomb_is_inflated_only_as_far_as_somebody_reads() -> None:
    client = await logged_in()
    await client.ask("a COMPRESS DEFLATE")
    bomb = zlib.compressobj(9, wbits=-15)
    client.send(bomb.compress(b"x" * 50_000_000) + bomb.flush(zlib.Z_SYNC_FLUSH))
    await client.settle()
    # The line is refused after 64 KiB; the other 50 MB are never made.
    inflater = client.connection._inflater
    assert inflater is not None
    assert inflater._out <= 256 * 1024
    assert closed(client)


@pytest.mark.slow  # a flood
def test_a_stream_too_good_to_be_true_is_cut_off() -> None:
    inflater = Inflater()
    bomb = zlib.compressobj(9, wbits=-15)
    inflater.feed(bomb.compress(bytes(FREE * 2)) + bomb.flush(zlib.Z_SYNC_FLUSH))
    total = 0

    def read_all() -> None:
        nonlocal total
        while inflater.more:
            total += len(inflater.read())

    with pytest.raises(BadStream):
        read_all()
    assert total < FREE * 1.5


def test_a_stream_that_ends_is_refused() -> None:
    inflater = Inflater()
    end = zlib.compressobj(wbits=-15)
    inflater.feed(end.compress(b"a NOOP\r\n") + end.flush())
    with pytest.raises(BadStream):
        inflater.read()


def test_random_octets_survive_both_ways() -> None:
    source = random.Random(1)
    deflater, inflater = Deflater(), Inflater()
    sent = received = b""
    for _piece in range(50):
        octets = source.randbytes(source.randrange(20_000))
        sent += octets
        inflater.feed(deflater.write(octets))
        while inflater.more:
            received += inflater.read()
    assert sent == received
