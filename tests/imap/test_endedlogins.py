"""Connections whose login ended: who is sent away, when, and what becomes of the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from mailhost.imap import endedlogins
from mailhost.imap.endedlogins import look, watch
from mailhost.imap.limits import Limits
from mailhost.imap.store import TryLater
from tests.imap.dialogue import ADA, PASSWORD, Client, Counters, ada_with, make_endpoint
from tests.imap.memory import MemoryAccount, MemoryStore


class House:
    """A store, and clients that are logged in with it: the first has login 1, the next 2."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = store or ada_with(1)
        self.metrics = Counters()
        self.endpoint = make_endpoint(self.store, metrics=self.metrics)

    async def client(self) -> Client:
        client = Client(self.endpoint)
        await client.ask(f"x LOGIN {ADA} {PASSWORD}")
        await client.ask("x SELECT INBOX")
        return client

    async def look(self) -> None:
        await look(self.store, self.endpoint.connections)
        await turns()
        for connection in self.endpoint.connections:
            transport = connection._transport
            if transport.is_closing():
                connection.connection_lost(None)
        await turns()


async def turns() -> None:
    for _turn in range(20):
        await asyncio.sleep(0)


def account(client: Client) -> MemoryAccount:
    found = client.connection._session.conv.account
    assert isinstance(found, MemoryAccount)
    return found


async def test_who_may_not_sign_in_any_more_hears_why_and_the_keys_are_dropped() -> None:
    house = House()
    stolen, kept = await house.client(), await house.client()
    keys, other = account(stolen), account(kept)
    house.store.ended = {1}
    await house.look()
    assert stolen.take() == b"* BYE This app password was ended, or its mailbox may not sign in any more\r\n"
    assert stolen.transport.closed
    assert keys.closed
    assert not other.closed
    assert b"x OK" in await kept.ask("x NOOP")
    assert house.metrics.counts["logins_ended"] == 1
    assert list(house.endpoint.connections) == [kept.connection]


async def test_an_idle_client_hears_it_too() -> None:
    house = House()
    client = await house.client()
    await client.ask("a IDLE")
    house.store.ended = {1}
    await house.look()
    assert client.take().startswith(b"* BYE This app password")


async def test_a_running_command_may_finish_until_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    house, held = House(), asyncio.Event()

    async def slowly(self: MemoryAccount, *, counts: bool = False) -> list[object]:
        await held.wait()
        return []

    monkeypatch.setattr(MemoryAccount, "folders", slowly)
    patient, endless = await house.client(), await house.client()
    keys = account(endless)
    house.store.ended = {1}
    patient.send(b'a LIST "" *\r\n')
    await turns()
    await house.look()
    assert not patient.transport.closed
    held.set()
    await patient.settle()
    assert b"a OK" in (said := patient.take())
    assert b"* BYE This app password" in said

    held.clear()
    house.store.ended = {2}
    endless.send(b'a LIST "" *\r\n')
    await turns()
    dropped = []
    for _look in range(2):
        await house.look()
        dropped.append((keys.closed, endless.transport.closed))
    assert dropped == [(False, False), (True, True)]
    held.set()
    await house.look()
    assert not len(house.endpoint.connections)


async def test_a_client_that_has_not_logged_in_is_not_asked_about() -> None:
    house = House()
    stranger = Client(house.endpoint)
    house.store.ended = {0, 1}
    await house.look()
    assert not stranger.transport.closed


async def test_many_logins_are_asked_about_in_several_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endedlogins, "ASKED_TOGETHER", 2)
    house, asked = House(), []
    clients = [await house.client() for _ in range(5)]

    async def counted(login_ids: Collection[int]) -> Collection[int]:
        asked.append(len(login_ids))
        return set(login_ids) - {5}

    monkeypatch.setattr(house.store, "still_good", counted)
    await house.look()
    assert asked == [2, 2, 1]
    assert [client.transport.closed for client in clients] == [False] * 4 + [True]


@pytest.mark.parametrize("fault", [TryLater("the database restarts"), RuntimeError("a fault of ours")])
async def test_a_look_that_fails_ends_nobody_and_is_not_the_last(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, looked, faults = House(), asyncio.Event(), [fault]
    client = await house.client()

    async def once(login_ids: Collection[int]) -> Collection[int]:
        if faults:
            raise faults.pop()
        assert not client.transport.closed
        looked.set()
        return set(login_ids) - {1}

    monkeypatch.setattr(house.store, "still_good", once)
    looking = asyncio.create_task(watch(house.store, house.endpoint.connections, 0.001))
    async with asyncio.timeout(2):
        await looked.wait()
    looking.cancel()
    await turns()
    assert client.transport.closed


def test_what_was_revoked_reads_for_ten_seconds_at_most() -> None:
    # A look that finds it, and one that waits for nothing.
    assert 2 * Limits().login_look <= 10
