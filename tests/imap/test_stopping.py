"""The server stops: what becomes of commands that run."""

from __future__ import annotations

import asyncio

import pytest

from mailhost.imap.limits import Limits
from mailhost.imap.server import _say_goodbye
from tests.imap.dialogue import ADA, PASSWORD, Client, ada_with, make_endpoint
from tests.imap.memory import MemoryAccount
from webadmin.processes import supervisor


async def test_a_change_that_runs_is_told_to_end_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, steps = asyncio.Event(), list[str]()
    close = MemoryAccount.close

    async def closing(self: MemoryAccount) -> None:
        closed.set()
        await close(self)

    async def copying(self: MemoryAccount, *, counts: bool = False) -> list[object]:
        await closed.wait()
        await asyncio.sleep(0.02)  # what was begun is undone
        steps.append("taken back")
        return []

    monkeypatch.setattr(MemoryAccount, "close", closing)
    monkeypatch.setattr(MemoryAccount, "folders", copying)
    endpoint = make_endpoint(ada_with(1))
    client = Client(endpoint)
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    client.send(b'a LIST "" *\r\n')
    async with asyncio.timeout(2):
        goodbye = asyncio.create_task(_say_goodbye(endpoint.connections, Limits(stop_time=0.01, undo_time=5)))
        await closed.wait()
        steps.append("cut off")
        assert client.transport.closed
        client.connection.connection_lost(None)
        await goodbye
    assert steps == ["cut off", "taken back"]
    assert not len(endpoint.connections)


def test_a_server_has_stopped_before_it_is_killed() -> None:
    # Containers get ten seconds, units of systemd fifteen.
    assert Limits().stop_time + Limits().undo_time + 1 < supervisor.GRACE < 10
