"""The inbox, and the private names of asyncio that it leans on."""

from __future__ import annotations

import asyncio

import pytest

from mailhost.smtp.inbox import Inbox
from tests.smtp.talk import Wire


async def make() -> tuple[Inbox, Wire]:
    inbox = Inbox(limit=10, loop=asyncio.get_running_loop())
    wire = Wire(("192.0.2.1", 1))
    inbox.set_transport(wire)
    return inbox, wire


async def test_lines_come_one_by_one_and_the_rest_stays() -> None:
    inbox, _ = await make()
    inbox.feed_data(b"NOOP\r\nRSET\r\nQU")
    assert [inbox.line(100), inbox.line(100), inbox.line(100)] == [b"NOOP\r\n", b"RSET\r\n", None]
    assert inbox.take() == b"QU"
    assert not inbox.holds_something()


async def test_a_line_too_long_is_empty_and_gone() -> None:
    inbox, _ = await make()
    inbox.feed_data(b"x" * 50 + b"\r\nNOOP\r\n")
    assert inbox.line(20) == b""
    assert inbox.line(20) == b"NOOP\r\n"


async def test_a_line_that_grows_too_long_is_forgotten() -> None:
    inbox, _ = await make()
    inbox.feed_data(b"x" * 20)
    assert inbox.forget(20) == 0
    inbox.feed_data(b"x")
    assert inbox.forget(20) == 21
    assert not inbox.holds_something()


async def test_the_sender_is_stopped_and_started_again() -> None:
    inbox, wire = await make()
    inbox.feed_data(b"x" * 30 + b"\r\n")
    assert not wire.reading
    inbox.line(100)
    assert wire.reading


async def test_waiting_ends_with_data_with_the_end_and_with_an_error() -> None:
    inbox, _ = await make()
    for ended in (False, True):
        waiting = asyncio.create_task(inbox.more())
        await asyncio.sleep(0)
        if ended:
            inbox.feed_eof()
        else:
            inbox.feed_data(b"x")
        await waiting
    assert inbox.ended
    inbox, _ = await make()
    waiting = asyncio.create_task(inbox.more())
    await asyncio.sleep(0)
    inbox.set_exception(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await waiting


def test_asyncio_still_has_what_we_lean_on() -> None:
    for name in ("_wait_for_data", "_maybe_resume_transport"):
        assert callable(getattr(asyncio.StreamReader, name))
    assert callable(getattr(asyncio.StreamReaderProtocol, "_drain_helper"))  # noqa: B009
