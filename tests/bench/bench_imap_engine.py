"""What the IMAP engine costs by itself: commands against the store in memory, without a socket.

    python -m tests.bench.bench_imap_engine [MESSAGES]

Prints milliseconds per command (best of three) and messages a second. The store hands out ready bytes, so the
figures are the engine's share: parsing, the client's picture, rendering, coalescing.
"""

from __future__ import annotations

import asyncio
import sys
import time
import tracemalloc
from array import array

from mailhost.imap.limits import Limits
from mailhost.imap.selected import Selected
from tests.imap.dialogue import ADA, NOW, PASSWORD, Client, ada_with, make_endpoint, message
from tests.imap.memory import MemoryStore

ROUNDS = 3
BODY = "The quick brown fox jumps over the lazy dog, as it did yesterday and will again tomorrow.\r\n" * 42


def store_with(count: int, body: str) -> MemoryStore:
    """Ada with this many messages of about 4 KiB, rendered once and shared."""
    store = ada_with(0)
    _password, mailbox = store._people[ADA]
    made = [store.make_message(message(f"Message {n}", body), NOW, NOW) for n in range(100)]
    box = mailbox.boxes["INBOX"]
    for number in range(count):
        box.add(made[number % 100], ())
    return store


async def timed(client: Client, line: str) -> tuple[float, int]:
    """Seconds (best of three) and octets of an answer."""
    best = 1e9
    size = 0
    for _round in range(ROUNDS):
        started = time.perf_counter()
        answer = await client.ask(line)
        best = min(best, time.perf_counter() - started)
        size = len(answer)
        assert b"a OK" in answer[-120:], answer[-200:]
    return best, size


async def speed(count: int) -> None:
    """One table line a command."""
    client = Client(make_endpoint(store_with(count, BODY)))
    assert b"OK" in await client.ask(f"a LOGIN {ADA} {PASSWORD}")
    rows = [
        ("SELECT", "a SELECT INBOX", count),
        ("FETCH 1:* FLAGS", "a FETCH 1:* FLAGS", count),
        ("UID FETCH 1:* (UID FLAGS MODSEQ)", "a UID FETCH 1:* (UID FLAGS MODSEQ)", count),
        ("FETCH 1:* ENVELOPE", "a FETCH 1:* ENVELOPE", count),
        ("FETCH 1:* FULL", "a FETCH 1:* FULL", count),
        ("FETCH 1:1000 BODY.PEEK[]", "a FETCH 1:1000 BODY.PEEK[]", 1000),
        ("FETCH 1:1000 header fields", "a FETCH 1:1000 (UID BODY.PEEK[HEADER.FIELDS (From Subject Date)])", 1000),
        ("SEARCH UNSEEN UNDELETED", "a SEARCH UNSEEN UNDELETED", count),
        ("SEARCH SUBJECT", 'a SEARCH SUBJECT "message 42"', count),
        ("SEARCH 1:1000 BODY", 'a SEARCH 1:1000 BODY "brown fox"', 1000),
        ("NOOP", "a NOOP", 1),
    ]
    for name, line, messages in rows:
        seconds, octets = await timed(client, line)
        print(f"{name:36} {seconds * 1000:9.2f} ms {messages / seconds:12,.0f} msg/s {octets / 1024:10,.0f} KiB")
    assert b"OK" in await client.ask("a STORE 1:* +FLAGS.SILENT (\\Seen)")
    started = time.perf_counter()
    for _number in range(1000):
        client.send(b"a NOOP\r\n")
    await client.settle()
    print(f"{'1,000 pipelined NOOPs':36} {(time.perf_counter() - started) * 1000:9.2f} ms")


async def memory(count: int) -> None:
    """What an idle connection keeps besides its TLS (uvloop: 24 KiB more)."""
    store = store_with(count, BODY)
    endpoint = make_endpoint(store, limits=Limits(rest_time=-1))
    clients = []
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _number in range(10):
        client = Client(endpoint)
        await client.ask(f"a LOGIN {ADA} {PASSWORD}")
        await client.ask("a SELECT INBOX")
        await client.ask("a IDLE")
        clients.append(client)
    awake = tracemalloc.get_traced_memory()[0]
    for client in clients:
        client.connection.tick(asyncio.get_running_loop().time())
        client.take()
    resting = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    each = [(value - before) / len(clients) / 1024 for value in (awake, resting)]
    print(f"idle connection, {count} messages: {each[0]:.0f} KiB awake, {each[1]:.0f} KiB resting")
    assert all(isinstance(client.connection._session.conv.selected, Selected) for client in clients)
    assert isinstance(clients[0].connection._session.conv.folder.uids, array)


def main() -> None:
    """Print the tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{count} messages of {len(message('Message 1', BODY))} octets")
    asyncio.run(speed(count))
    asyncio.run(memory(min(count, 10_000)))


if __name__ == "__main__":
    main()
