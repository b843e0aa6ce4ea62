"""What goes wrong below the engine gets an answer, and the connection lives."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from mailhost.imap import store as s
from mailhost.imap.fetch import SEEN_BATCH
from mailhost.imap.session import TABLE, Session
from tests.imap.dialogue import ADA, PASSWORD, Client, Counters, ada_with, make_endpoint
from tests.imap.memory import MemoryAccount, MemoryFolder


async def opened(**options: Any) -> Client:
    client = Client(make_endpoint(ada_with(2), **options))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    await client.ask("x SELECT INBOX")
    return client


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (s.NoSuchFolder("gone"), b"a NO [NONEXISTENT] gone"),
        (s.FolderExists("there"), b"a NO [ALREADYEXISTS] there"),
        (s.CannotDo("never"), b"a NO [CANNOT] never"),
        (s.CannotDo("never", "HASCHILDREN"), b"a NO [HASCHILDREN] never"),
        (s.OverQuota("full"), b"a NO [OVERQUOTA] full"),
        (s.TooMany("too many"), b"a NO [LIMIT] too many"),
        (s.TryLater("locked"), b"a NO [UNAVAILABLE] locked"),
        (s.StoreError("odd"), b"a NO odd"),
    ],
)
async def test_every_store_error_has_its_answer(
    error: s.StoreError, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object, **_options: object) -> None:
        raise error

    client = await opened()
    monkeypatch.setattr(MemoryAccount, "folders", fail)
    assert (await client.ask('a LIST "" *')).startswith(answer)
    assert b"* 1 FETCH (UID 1)" in await client.ask("b FETCH 1 UID")


async def test_a_login_that_cannot_be_checked_now(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ada_with()

    async def fail(*_arguments: object, **_options: object) -> None:
        raise s.TryLater("The directory does not answer")

    monkeypatch.setattr(store, "login", fail)
    client = Client(make_endpoint(store))
    client.take()
    assert (await client.ask(f"a LOGIN {ADA} {PASSWORD}")).startswith(b"a NO [UNAVAILABLE]")


async def test_a_bug_is_answered_counted_and_logged_without_what_it_was_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError("secret subject of ada@example.is")

    metrics = Counters()
    client = await opened(metrics=metrics)
    monkeypatch.setattr(MemoryFolder, "meta", fail)
    with caplog.at_level(logging.ERROR):
        assert (await client.ask("a FETCH 1 ENVELOPE")).startswith(b"a NO [SERVERBUG]")
    assert metrics.counts["server_bugs"] == 1
    assert "ZeroDivisionError" in caplog.text
    assert "test_faults.py" in caplog.text
    assert "secret" not in caplog.text
    assert "ada" not in caplog.text
    monkeypatch.undo()
    assert b"ENVELOPE (" in await client.ask("b FETCH 1 ENVELOPE")


async def test_news_that_cannot_be_had_now_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_arguments: object, **_options: object) -> None:
        raise s.TryLater("The database is locked")

    client = await opened()
    other = await opened()
    with monkeypatch.context() as patched:
        patched.setattr(MemoryFolder, "changes", fail)
        assert (await client.ask("a NOOP")).startswith(b"a OK")
    # The other connection has a store of its own; the point is that this one still works.
    assert b"a OK" in await client.ask("a STORE 1 +FLAGS (\\Seen)")
    await other.hang_up()


async def test_a_client_that_vanishes_in_the_middle_of_a_fetch_leaves_nothing_behind() -> None:
    client = await opened()
    endpoint = client.connection._endpoint
    client.connection.pause_writing()
    client.send(b"a FETCH 1:2 BODY.PEEK[]\r\n")
    await client.settle()
    await client.hang_up()
    assert len(endpoint.connections) == 0
    assert client.connection._session.conv.account is None


async def test_a_client_that_vanishes_while_it_reads_has_few_mails_marked_that_it_never_saw() -> None:
    store = ada_with(3 * SEEN_BATCH)
    client = Client(make_endpoint(store))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    await client.ask("x SELECT INBOX")
    client.connection.pause_writing()
    client.send(b"a FETCH 1:* BODY[]\r\n")
    await client.settle()
    await client.hang_up()
    other = Client(client.connection._endpoint)
    await other.ask(f"x LOGIN {ADA} {PASSWORD}")
    await other.ask("x SELECT INBOX")
    found = await other.ask("x SEARCH RETURN (COUNT) SEEN")
    assert b"COUNT %d\r\n" % SEEN_BATCH in found


async def test_a_command_runs_to_its_end_although_the_client_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ada_with(1)
    client = Client(make_endpoint(store))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    begun, go_on = asyncio.Event(), asyncio.Event()
    append = MemoryAccount.append

    async def slowly(*arguments: Any, **options: Any) -> tuple[int, list[int]]:
        begun.set()
        await go_on.wait()
        return await append(*arguments, **options)

    monkeypatch.setattr(MemoryAccount, "append", slowly)
    client.send(b"a APPEND Sent {10+}\r\nSubject: x\r\n")
    await begun.wait()
    account: Any = client.connection._session.conv.account
    client.connection.connection_lost(None)
    go_on.set()
    for _turn in range(10):
        await asyncio.sleep(0)
    _password, mailbox = store._people[ADA]
    assert len(mailbox.boxes["Sent"].messages) == 1
    assert account.closed


def test_every_command_has_a_row() -> None:
    from typing import get_args

    from mailhost.imap import commands

    def members(alias: Any) -> set[type]:
        value = getattr(alias, "__value__", alias)
        return {member for part in get_args(value) for member in members(part)} or {value}

    assert members(commands.Command) == set(TABLE)
    assert Session.__slots__
