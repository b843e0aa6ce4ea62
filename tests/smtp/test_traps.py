"""Traps of aiosmtpd 1.4.6, each of which was sprung while planning; none may come back."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import given, settings
from hypothesis import strategies as st

from mailhost.limits import SmtpLimits
from mailhost.ports import KeyChanged, MailboxFull, StoreFull, StoreUnavailable
from tests.smtp.talk import MAIL, Client, Talk, settle
from tests.smtp.test_session import codes


async def test_command_limits_do_not_change_when_others_connect() -> None:
    # command_size_limits is one dictionary for all connections, cleared by each, raised by every EHLO.
    before = dict(SMTP.command_size_limits)
    talk = Talk()
    client = await talk.greeted()
    long = "MAIL FROM:<c@example.no> ENVID=" + "x" * 90 + " " * 1000
    assert codes(await client.line(long, "RSET")) == ["250 2.1.0", "250 2.0.0"]
    for number in range(60):
        await talk.greeted(f"198.51.100.{number}")
    assert codes(await client.line(long, "RSET")) == ["250 2.1.0", "250 2.0.0"]
    assert codes(await client.line("MAIL FROM:<c@example.no>" + " " * 2100)) == ["500 5.5.2"]
    assert dict(SMTP.command_size_limits) == before


async def test_no_hook_is_searched_for_and_no_name_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object) -> str:
        raise AssertionError("getfqdn blocks the event loop for as long as DNS takes")

    monkeypatch.setattr(socket, "getfqdn", no)
    client = await Talk().greeted()
    assert not hasattr(client.session, "_handle_hooks")


async def test_the_idle_timer_leaves_active_content_alone() -> None:
    # The timer was re-armed by commands only: a sender on a slow line was cut inside its message.
    talk = Talk(SmtpLimits(idle=300, content_window=60, content_rate=10))
    client = await talk.greeted()
    await client.envelope()
    await client.line("DATA")
    began = client.session.loop.time()
    for minute in range(1, 30):
        assert await client.say(b"\r\n" + b"x" * 800 + b"\r\n") == ""
        talk.floor.watch(began + 61 * minute)
    assert codes(await client.say(b".\r\n")) == ["250 2.0.0"]


async def test_content_that_only_drips_is_cut() -> None:
    talk = Talk(SmtpLimits(content_window=60, content_rate=512))
    client = await talk.greeted()
    await client.envelope()
    await client.line("DATA")
    began = client.session.loop.time()
    await client.say(b"x" * 1000)
    talk.floor.watch(began + 61)
    assert codes(await client.read()) == ["421 4.4.2"]
    assert client.wire.closed
    assert talk.floor.budget.used == 0
    assert not talk.store.deliveries


async def test_a_sender_that_this_host_holds_back_is_not_called_slow() -> None:
    talk = Talk(SmtpLimits(in_flight=1000, in_flight_free=10, message=100_000))
    first, second = await talk.greeted(), await talk.greeted("192.0.2.26")
    for client in (first, second):
        await client.envelope()
        await client.line("DATA")
    began = first.session.loop.time()
    await first.say(b"Subject: x\r\n\r\n" + b"x" * 900)
    await second.say(b"Subject: y\r\n\r\n" + b"y" * 900)
    assert (first.wire.reading, second.wire.reading) == (True, False)
    second_began = began
    for _ in range(5):
        second_began += 100
        second.session.watch(second_began)
    assert not second.wire.closed
    assert codes(await first.say(b"\r\n.\r\n")) == ["250 2.0.0"]
    assert second.wire.reading
    assert codes(await second.say(b"\r\n.\r\n")) == ["250 2.0.0"]
    assert talk.floor.budget.used == 0


async def test_under_pressure_the_message_that_holds_the_others_up_must_hurry() -> None:
    talk = Talk(SmtpLimits(in_flight=100, in_flight_free=10, content_window=60))
    client = await talk.greeted()
    await client.envelope()
    await client.line("DATA")
    await client.say(b"x" * 100_000)
    talk.floor.watch(client.session.loop.time() + 61)
    assert codes(await client.read()) == ["421 4.4.2"]


async def test_a_silent_session_is_closed_and_dripping_a_command_is_silence() -> None:
    talk = Talk(SmtpLimits(idle=300))
    client = await talk.greeted()
    began = client.session.loop.time()
    for octet in b"NOO":
        await client.say(bytes([octet]))
    talk.floor.watch(began + 299)
    assert not client.wire.closed
    talk.floor.watch(began + 301)
    assert codes(await client.read()) == ["421 4.4.2"]
    assert not talk.floor.sessions


async def test_a_client_that_reads_no_answers_is_closed_in_the_end() -> None:
    talk = Talk()
    client = await talk.greeted()
    client.session.pause_writing()
    client.wire.stuck = True
    await client.line("NOOP")
    now = client.session.loop.time()
    talk.floor.watch(now + 301)
    assert client.wire.closed
    assert talk.floor.sessions
    talk.floor.watch(now + 600)
    await settle()
    assert not talk.floor.sessions


async def test_a_client_that_says_its_last_while_it_reads_no_answers_is_heard_to_the_end() -> None:
    # The session waited for more behind the end of file, and its task ended with an AssertionError.
    talk = Talk()
    client = await talk.greeted()
    client.session.pause_writing()
    await client.line("NOOP")
    task = client.session.task
    assert task is not None
    client.half_close()
    await settle()
    client.session.resume_writing()
    await settle()
    assert task.done()
    assert task.exception() is None
    assert not talk.floor.sessions or client.wire.closed


async def committing(talk: Talk, client: Client) -> None:
    """Bring a session to where its message is being stored."""
    talk.store.committing = asyncio.Event()
    await client.envelope()
    await client.line("DATA")
    assert await client.say(MAIL + b".\r\n") == ""
    assert talk.store.began.is_set()


async def test_end_of_file_after_the_dot_cancels_nothing() -> None:
    # The handler was cancelled: message stored, no 250, and the sender stored it a second time.
    talk = Talk()
    client = await talk.greeted()
    await committing(talk, client)
    assert talk.store.committing is not None
    client.half_close()
    await settle()
    talk.store.committing.set()
    assert codes(await client.read()) == ["250 2.0.0"]
    assert len(talk.store.deliveries) == 1
    # The client could read its 250, so a repeat would be meant.
    assert not talk.lost.kept


async def test_a_retry_after_a_lost_answer_is_answered_and_not_stored_again() -> None:
    talk = Talk()
    client = await talk.greeted()
    await committing(talk, client)
    assert talk.store.committing is not None
    client.vanish()
    await settle()
    talk.store.committing.set()
    await settle()
    assert len(talk.store.deliveries) == 1
    assert talk.lost.any()
    retry = await talk.greeted()
    assert codes(await retry.send()) == ["250 2.0.0"]
    assert len(talk.store.deliveries) == 1
    # It swallows one retry; a repeat that is meant is stored.
    assert codes(await retry.send()) == ["250 2.0.0"]
    assert len(talk.store.deliveries) == 2


async def test_an_answered_message_may_be_repeated() -> None:
    talk = Talk()
    client = await talk.greeted()
    for count in (1, 2, 3):
        assert codes(await client.send()) == ["250 2.0.0"]
        assert len(talk.store.deliveries) == count


async def test_a_client_that_leaves_inside_a_message_leaves_nothing() -> None:
    talk = Talk()
    for leave in (Client.half_close, Client.vanish):
        client = await talk.greeted()
        await client.envelope()
        await client.line("DATA")
        await client.say(MAIL)
        leave(client)
        await settle()
        assert client.wire.closed
        assert client.session.task is not None
        assert client.session.task.done()
    assert not talk.store.deliveries
    assert talk.floor.budget.used == 0
    assert not talk.floor.sessions
    assert not talk.lost.kept


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (StoreFull(), "452 4.3.1"),
        (StoreUnavailable(), "451 4.3.0"),
        (MailboxFull([1]), "452 4.2.2"),
        (KeyChanged([1]), "250 2.0.0"),
    ],
)
async def test_a_store_that_fails_is_said_clearly_and_recovers(failure: StoreFull, expected: str) -> None:
    talk = Talk()
    talk.store.failures = [failure]
    client = await talk.greeted()
    assert codes(await client.send()) == [expected]
    assert codes(await client.send()) == ["250 2.0.0"]


async def test_a_fault_is_temporary_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    # An exception in a hook was answered "500 Error: (ValueError) text": a bounce, and a look inside.
    talk = Talk()

    async def broken(*_: object) -> None:
        raise ValueError("row of ada@example.is is broken")

    talk.store.commit = broken  # type: ignore[method-assign,assignment]
    client = await talk.greeted()
    with caplog.at_level(logging.DEBUG):
        said = await client.send()
    assert said == "451 4.3.0 Local error; try again later\r\n"
    assert "ValueError" in caplog.text
    assert "ada@example.is" not in caplog.text
    assert codes(await client.line("NOOP")) == ["250 2.0.0"]


async def test_a_connection_that_a_use_case_lost_is_not_the_clients() -> None:
    talk = Talk()
    found = talk.store.commit

    async def refused(*_: object) -> None:
        raise ConnectionRefusedError("the object store")

    talk.store.commit = refused  # type: ignore[method-assign,assignment]
    client = await talk.greeted()
    assert codes(await client.send()) == ["451 4.3.0"]
    talk.store.commit = found  # type: ignore[method-assign]
    assert codes(await client.send()) == ["250 2.0.0"]


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), BrokenPipeError(), None])
async def test_a_network_that_fails_ends_the_session_quietly(error: Exception | None) -> None:
    talk = Talk()
    client = await talk.greeted()
    client.wire.closed = True
    client.session.connection_lost(error)
    await settle()
    assert client.session.task is not None
    assert client.session.task.exception() is None
    assert not talk.floor.sessions


async def test_between_chunks_memory_that_others_wait_for_is_not_held_for_long() -> None:
    talk = Talk(SmtpLimits(in_flight=1000, in_flight_free=10, content_window=60, idle=300))
    client = await talk.greeted()
    await client.envelope()
    await client.say(b"BDAT 1500\r\n" + b"x" * 1500)
    talk.floor.watch(client.session.loop.time() + 61)
    assert codes(await client.read()) == ["421 4.4.2"]
    assert talk.floor.budget.used == 0


async def test_a_directory_that_is_gone_defers() -> None:
    talk = Talk()
    client = await talk.greeted()
    talk.directory.error = StoreUnavailable()
    assert codes(await client.envelope())[1:] == ["451 4.3.0"]
    talk.directory.error = None
    assert codes(await client.line("RCPT TO:<ada@example.is>")) == ["250 2.1.5"]


async def test_nothing_of_a_session_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    # The library writes peers and addresses at INFO and whole messages at DEBUG.
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("mail.log").info("something of the library")
        talk = Talk()
        client = await talk.greeted()
        await client.send()
        await client.line("RCPT TO:<nobody@example.is>", "XYZZY ada@example.is", "QUIT")
        half = await talk.greeted()
        half.vanish()
        await settle()
    assert not caplog.records


async def test_what_stands_behind_starttls_ends_the_session() -> None:
    # CVE-2021-38371 and friends: commands in clear, executed as if they had come under TLS.
    talk = Talk(tls=object())
    client = await talk.greeted()
    assert codes(await client.say(b"STARTTLS\r\nMAIL FROM:<evil@example.no>\r\n")) == ["554 5.5.1"]
    assert client.wire.closed


async def test_starttls_is_offered_only_where_there_is_a_certificate() -> None:
    talk = Talk()
    client = talk.client()
    await client.read()
    assert "STARTTLS" not in await client.line("EHLO x")
    assert codes(await client.line("STARTTLS")) == ["502 5.5.1"]
    with_tls = Talk(tls=object()).client()
    await with_tls.read()
    assert "250-STARTTLS\r\n" in await with_tls.line("EHLO x")


async def test_a_flood_beyond_the_limit_is_cut_and_never_held() -> None:
    talk = Talk(SmtpLimits(message=1000, overrun=4))
    client = await talk.greeted()
    await client.envelope()
    await client.line("DATA")
    said = ""
    for _ in range(50):
        if client.wire.closed:
            break
        said += await client.say(b"x" * 100)
        assert talk.floor.budget.used <= 1000
    assert codes(said) == ["421 4.3.0"]


async def test_stopping_lets_a_message_be_answered() -> None:
    talk = Talk()
    busy, waiting, sending = await talk.greeted(), await talk.greeted("192.0.2.3"), await talk.greeted("192.0.2.4")
    await sending.envelope()
    await sending.line("DATA")
    await committing(talk, busy)
    assert talk.store.committing is not None
    for client in (busy, waiting, sending):
        client.session.stop()
    assert codes(await waiting.read()) == ["421 4.3.2"]
    assert codes(await sending.read()) == ["421 4.3.2"]
    assert await busy.read() == ""
    talk.store.committing.set()
    assert codes(await busy.read()) == ["250 2.0.0", "421 4.3.2"]
    assert not talk.floor.sessions


WORDS = st.sampled_from(
    [
        b"EHLO x\r\n", b"HELO x\r\n", b"MAIL FROM:<c@example.no>\r\n", b"MAIL FROM:<> SIZE=10\r\n", b"RCPT TO:<ada@example.is>\r\n",
        b"RCPT TO:<nobody@example.is>\r\n", b"DATA\r\n", b"BDAT 4\r\n", b"BDAT 3 LAST\r\n", b"BDAT x\r\n", b"RSET\r\n", b"NOOP\r\n",
        b"STARTTLS\r\n", b"QUIT\r\n", b"\r\n", b"\n", b"\r", b".\r\n", b"\r\n.\r\n", b"abc\r\n", b"\0\xff", b"x" * 300, b"Subject: x\r\n\r\n",
    ]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(blocks=st.lists(WORDS, max_size=25), leave=st.sampled_from([Client.half_close, Client.vanish]))
@pytest.mark.slow
def test_no_bytes_break_a_session(blocks: list[bytes], leave: Callable[[Client], None]) -> None:
    async def run() -> None:
        talk = Talk(SmtpLimits(message=500, command_line=200))
        client = talk.client()
        said = await client.read()
        for block in blocks:
            if not client.wire.closed:
                said += await client.say(block)
        if not client.wire.closed:
            leave(client)
        said += await client.read()
        for line in said.splitlines():
            assert re.fullmatch(r"[2345]\d\d[ -][ -~]+", line), line
        assert "451" not in said, "a fault of ours"
        assert client.session.task is not None
        assert client.session.task.done()
        assert not talk.floor.sessions
        assert talk.floor.budget.used == 0
        stored = said.count("250 2.0.0 Message sealed")
        assert stored <= len(talk.store.deliveries) <= stored + len(talk.lost.kept)

    asyncio.run(run())


async def test_a_session_with_much_content_lets_the_others_have_their_turn() -> None:
    talk = Talk()
    client = await talk.greeted()
    await client.envelope()
    await client.line("DATA")
    client.session.data_received(b"Subject: x\r\n\r\n")
    # As libuv reads: block after block, as long as nobody stops it.
    blocks = 0
    while client.wire.reading and blocks < 100:
        client.session.data_received(b"x" * 998 + b"\r\n" + b"y" * 64_000 + b"\r\n")
        blocks += 1
    assert blocks == 9
    await settle()
    assert client.wire.reading
    answer = await client.say(b".\r\n")
    while not answer:  # a large message is sealed in a thread
        answer = await client.read()
    assert answer.startswith("250 ")
