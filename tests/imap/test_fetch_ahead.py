"""While one batch of a list is on its way to the client, the store is asked for the next one, and for no more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mailhost.imap import fetch
from mailhost.imap import store as s
from tests.imap.dialogue import ADA, PASSWORD, Client, ada_with, make_endpoint
from tests.imap.memory import MemoryFolder

plain_meta = MemoryFolder.meta


class Store:
    """Takes the place of `Folder.meta`; holds up the second and later batches until told."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self.go_on = asyncio.Event()
        self.cancelled = False
        self.error: s.StoreError | None = None

    async def meta(self, folder: MemoryFolder, uids: Sequence[int]) -> Any:
        self.asked.append(list(uids))
        if len(self.asked) > 1:
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
            if self.error is not None:
                raise self.error
        return await plain_meta(folder, uids)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(fetch, "META_BATCH", 2)

    async def meta(folder: MemoryFolder, uids: Sequence[int]) -> Any:
        return await made.meta(folder, uids)

    monkeypatch.setattr(MemoryFolder, "meta", meta)
    return made


async def listing(count: int, items: str = "(UID RFC822.SIZE)") -> Client:
    """Ada's client, which has asked for a list and got what could be said so far."""
    client = Client(make_endpoint(ada_with(count)))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    await client.ask("x SELECT INBOX")
    client.take()
    client.send(f"a FETCH 1:* {items}\r\n".encode())
    for _ in range(20):
        await asyncio.sleep(0)
    return client


async def test_the_next_batch_is_asked_for_before_this_one_is_written_and_none_after_it(store: Store) -> None:
    client = await listing(7)
    assert client.take().count(b" FETCH (") == 2
    assert store.asked == [[1, 2], [3, 4]]
    store.go_on.set()
    await client.settle()
    answer = client.take()
    assert [answer.index(b"* %d FETCH (UID %d " % (n, n)) for n in range(3, 8)] == sorted(
        answer.index(b"* %d FETCH" % n) for n in range(3, 8)
    )
    assert b"\r\na OK" in answer
    assert store.asked == [[1, 2], [3, 4], [5, 6], [7]]


async def test_what_fails_ahead_is_said_in_its_turn_and_the_connection_lives(store: Store) -> None:
    store.error = s.TryLater("locked")
    client = await listing(5)
    assert client.take().count(b" FETCH (") == 2
    store.go_on.set()
    await client.settle()
    assert client.take().startswith(b"a NO [UNAVAILABLE] locked")
    store.error = None
    assert (await client.ask("b FETCH 1:* (UID RFC822.SIZE)")).count(b" FETCH (") == 5


async def test_a_client_that_leaves_leaves_nothing_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = asyncio.Event()

    async def drain(_connection: object) -> None:
        await asyncio.sleep(0)
        if len(store.asked) > 1:
            reached.set()
            raise ConnectionResetError

    monkeypatch.setattr("mailhost.imap.connection.Connection.drain", drain)
    await listing(5)
    assert reached.is_set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert store.cancelled


async def test_contents_are_read_when_the_store_has_answered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    plain_contents = MemoryFolder.contents

    def contents(folder: MemoryFolder, uids: Sequence[int]) -> Any:
        order.append(f"contents after {len(store.asked)} {'answers' if store.go_on.is_set() else 'questions'}")
        return plain_contents(folder, uids)

    async def none_kept(folder: MemoryFolder, uids: Sequence[int]) -> Any:
        found = await store.meta(folder, uids)
        return [each.__replace__(envelope=None) if hasattr(each, "__replace__") else each for each in found]

    monkeypatch.setattr(MemoryFolder, "contents", contents)
    monkeypatch.setattr(MemoryFolder, "meta", none_kept)
    client = await listing(4, "(UID ENVELOPE)")
    assert order == []
    store.go_on.set()
    await client.settle()
    assert order[0] == "contents after 2 answers"
    assert client.take().count(b"ENVELOPE (") == 4
