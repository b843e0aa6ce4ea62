"""Hosts as they are: that close early, have had enough in the middle of a large message, or know only old ciphers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence

import pytest
import trustme
import uvloop

from mailhost.outbound.mxwalk import Target
from mailhost.outbound.transport import Answer, ConnectionFailed
from mailhost.smtp.client import BLOCK, connect
from mailhost.tlspolicy.dane import record_for
from mailhost.tlspolicy.requirement import Requirement
from mailhost.tlspolicy.tlsrpt import ResultType
from tests.smtp.test_client import (
    ANY,
    BY_AUTHORITIES,
    LETTER,
    QUICK,
    Authority,
    Script,
    by_dane,
    reached,
    talk,
    transaction,
)

pytestmark = pytest.mark.journey


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "END"])
async def test_a_host_that_closes_says_so_at_any_moment_and_refuses_nothing(stage: str) -> None:
    script = Script(**{stage: "421 4.3.2 going down\r\n"})
    link, server = await talk(script)
    answers = await link.send(transaction("cleo@other.test", "mo@other.test"), LETTER)
    assert [(one.code, one.permanent) for one in answers] == [(421, False)] * 2
    assert link.broken, "the next message needs another connection"
    await link.close()
    server.close()


async def hung_up_on(ehlo: str, answers: Sequence[str], *, rudely: bool) -> list[Answer]:
    """What two recipients hear of a host that has so many answers and then hangs up, with what is unread in its hands
    (then the kernel resets the connection) or not."""

    async def serve(connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with connection:
            await loop.sock_sendall(connection, b"220 mx\r\n")
            for answer in (ehlo, *answers):
                await loop.sock_recv(connection, 5 if rudely else 4096)
                if rudely and answer == ehlo:
                    await loop.sock_recv(connection, 4096)
                await loop.sock_sendall(connection, answer.encode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        loop = asyncio.get_running_loop()
        target = Target("mx.other.test", "127.0.0.1", listening.getsockname()[1])
        greeted = asyncio.create_task(connect(target, ANY, helo="x", tls=None, timeouts=QUICK))
        connection, _ = await loop.sock_accept(listening)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serving = asyncio.create_task(serve(connection))
        link = await greeted
        try:
            return await link.send(transaction("cleo@other.test", "mo@other.test"), LETTER)
        finally:
            assert link.broken
            await link.close()
            await serving


NO = "550 5.7.1 not from there\r\n"
PIPELINING = "250-mx\r\n250 PIPELINING\r\n"


@pytest.mark.parametrize("runs", [asyncio.run, uvloop.run])
@pytest.mark.parametrize("rudely", [False, True])
@pytest.mark.parametrize("ehlo", ["250 mx\r\n", PIPELINING])
def test_a_host_that_refuses_the_sender_and_hangs_up_is_heard(
    runs: Callable[..., list[Answer]], ehlo: str, *, rudely: bool
) -> None:
    assert runs(hung_up_on(ehlo, [NO], rudely=rudely)) == [Answer(550, "5.7.1", "not from there")] * 2


@pytest.mark.parametrize(
    ("ehlo", "answers", "rudely"),
    [
        ("250 mx\r\n", ["250 ok\r\n", NO], False),
        (PIPELINING, [f"250 ok\r\n{NO}"], False),
        (PIPELINING, ["250 ok\r\n", NO], True),
    ],
)
async def test_a_host_that_hangs_up_on_the_first_recipient_has_refused_that_one(
    ehlo: str, answers: list[str], *, rudely: bool
) -> None:
    one, other = await hung_up_on(ehlo, answers, rudely=rudely)
    assert one == Answer(550, "5.7.1", "not from there")
    assert (other.accepted, other.permanent) == (False, False), "nobody was asked about the other"


@pytest.mark.parametrize("answers", [[], ["250 ok\r\n"], ["250 ok\r\n250 ok\r\n"], [f"{NO}354 go\r\n"]])
async def test_a_host_that_hangs_up_before_a_refusal_says_nothing_about_the_message(answers: list[str]) -> None:
    with pytest.raises(ConnectionFailed):
        await hung_up_on(PIPELINING, answers, rudely=False)


async def test_a_refusal_of_everybody_stands_though_data_is_accepted() -> None:
    for refusal in ({"MAIL": NO}, {"RCPT": NO}):
        link, server = await talk(Script(**refusal, DATA="250 2.0.0 fine\r\n"))
        assert await link.send(transaction(), LETTER) == [Answer(550, "5.7.1", "not from there")]
        assert link.broken
        await link.close()
        server.close()


async def test_without_pipelining_nobody_is_named_to_a_host_that_refuses_the_sender() -> None:
    script = Script(EHLO="250 mx\r\n", MAIL=NO)
    link, server = await talk(script)
    await link.send(transaction(), LETTER)
    await link.close()
    server.close()
    assert [line.split(" ")[0] for line in script.heard] == ["EHLO", "MAIL", "RSET", "QUIT"]


@pytest.mark.parametrize(
    ("said", "permanent"), [("552 5.3.4 too large\r\n", True), ("452 4.3.1 full\r\n", False), ("250 kept\r\n", None)]
)
async def test_a_host_that_has_had_enough_of_a_large_message_is_heard(said: str, *, permanent: bool | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        for answer in ("250 mx\r\n", "250 ok\r\n", "250 ok\r\n", "354 go\r\n"):
            await reader.readline()
            writer.write(answer.encode())
        await reader.readexactly(100_000)
        writer.write(said.encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = Target("mx.other.test", "127.0.0.1", server.sockets[0].getsockname()[1])
    link = await connect(target, ANY, helo="x", tls=None, timeouts=QUICK)
    if permanent is None:
        with pytest.raises(ConnectionFailed):
            await link.send(transaction(), b"x" * 9_000_000)
    else:
        [answer] = await link.send(transaction(), b"x" * 9_000_000)
        assert answer.permanent is permanent
    assert link.broken
    await link.close()
    server.close()


async def test_large_content_arrives_whole_and_the_next_message_goes_over_the_same_connection() -> None:
    script = Script(EHLO="250 mx.other.test\r\n")
    link, server = await talk(script)
    for size in (BLOCK, BLOCK + 1, 3 * BLOCK):
        [answer] = await link.send(transaction(), b"x" * size)
        assert answer.accepted
        assert len(script.content) == size + len(b"\r\n.\r\n")
    assert not link.broken
    await link.close()
    server.close()


async def test_a_host_that_dies_in_the_middle_of_the_content_says_nothing_about_the_message() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        for answer in (b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(answer)
        await reader.readexactly(10)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = Target("mx.other.test", "127.0.0.1", server.sockets[0].getsockname()[1])
    link = await connect(target, ANY, helo="x", tls=None, timeouts=QUICK)
    with pytest.raises(ConnectionFailed) as failed:
        await link.send(transaction(), LETTER + b"x" * 4_000_000)
    assert failed.value.reason in {"closed", "unreachable"}
    assert link.broken
    await link.close()
    server.close()


async def test_an_old_host_gets_mail_by_what_it_knows_and_no_policy_is_kept_so() -> None:
    authority = Authority("mx.other.test", key_type=trustme.KeyType.RSA)
    authority.server.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.server.set_ciphers("ECDHE-RSA-AES256-SHA")
    link, server = await talk(authority.script(), authority.client())
    assert link.secure
    await link.close()
    server.close()
    kept = by_dane(record_for(authority.certificate))
    for policy in (BY_AUTHORITIES, kept, Requirement("mx.other.test", tls=True)):
        with pytest.raises(ConnectionFailed) as failed:
            await talk(authority.script(), authority.client(), policy)
        assert failed.value.reason in {"tls_failed", "tls_certificate"}
        assert failed.value.result is ResultType.VALIDATION_FAILURE
    # One that is tried out, or that the author waives, is none.
    assert (await reached(authority.script(), authority.client(), kept.relaxed())).secure
