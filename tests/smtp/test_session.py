"""Sessions as dialogues: what is said, in what order, and what is stored."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mailhost.limits import SmtpLimits
from mailhost.ports import HostedDomain, MailboxState, Simulate
from mailhost.seal import open_header, open_payload
from tests.people import ADA, BEN, EXAMPLE_IS, NOW, identity, route
from tests.smtp.talk import MAIL, Client, Talk, settle


def codes(said: str) -> list[str]:
    """Code and enhanced code of each reply."""
    return re.findall(r"^(\d{3}(?: [245]\.\d+\.\d+)?)(?= )", said, re.MULTILINE)


async def opened(talk: Talk, number: int = -1, owner: str = "ada") -> str:
    delivery = talk.store.deliveries[number]
    header = open_header([identity(owner)], delivery.header)
    return open_payload(header, delivery.payload).decode()


async def test_a_message_is_sealed_to_its_owner_with_trace_fields_in_front() -> None:
    talk = Talk()
    client = await talk.greeted()
    assert codes(await client.envelope()) == ["250 2.1.0", "250 2.1.5"]
    assert (await client.line("DATA")).startswith("354 ")
    assert codes(await client.say(MAIL + b".\r\n")) == ["250 2.0.0"]
    text = await opened(talk)
    assert text.endswith(MAIL.decode())
    # RFC 5322 §2.2.3: where a field is folded is not its meaning.
    trace = text.removesuffix(MAIL.decode()).replace("\r\n\t", " ")
    assert trace.startswith("Return-Path: <cleo@example.no>\r\nReceived: from mail.example.no ([192.0.2.25])")
    assert "by mx.is-1.example with ESMTP id" in trace
    assert "for <ada@example.is>; Sun, 22 Nov 2026" in trace
    assert talk.store.deliveries[0].arrived == NOW
    assert talk.store.deliveries[0].special_use == "\\Inbox"
    summary = open_header([identity("ada")], talk.store.deliveries[0].header).summary
    assert (summary.subject, summary.size, summary.verdict) == ("Tides", len(text), "none")


async def test_ehlo_says_what_is_offered() -> None:
    talk = Talk()
    client = talk.client()
    assert await client.read() == "220 mx.is-1.example ESMTP\r\n"
    said = await client.line("EHLO mail.example.no")
    assert said.splitlines() == [
        "250-mx.is-1.example",
        "250-PIPELINING",
        "250-SIZE 52428800",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-ENHANCEDSTATUSCODES",
        "250-CHUNKING",
        "250-LIMITS RCPTMAX=100",
        "250 HELP",
    ]
    assert await client.line("HELO mail.example.no") == "250 mx.is-1.example\r\n"


async def test_commands_that_bring_no_mail() -> None:
    client = await Talk().greeted()
    said = await client.line(
        "NOOP", "NOOP anything", "VRFY ada@example.is", "EXPN list", "HELP", "RSET", "RSET x", "ETRN x", "XYZZY"
    )
    assert codes(said) == [
        "250 2.0.0", "250 2.0.0", "252 2.0.0", "502 5.5.1", "214 2.0.0", "250 2.0.0", "501 5.5.4", "502 5.5.1", "500 5.5.2",
    ]  # fmt: skip
    assert await client.line("quit") == "221 2.0.0 Bye\r\n"
    assert client.wire.closed


ORDERS = [
    (["MAIL FROM:<c@example.no>"], ["503 5.5.1"]),
    (["RCPT TO:<ada@example.is>"], ["503 5.5.1"]),
    (["DATA"], ["503 5.5.1"]),
    (["RSET", "DATA"], ["250 2.0.0", "503 5.5.1"]),
    (["EHLO x", "RCPT TO:<ada@example.is>", "DATA"], ["250", "503 5.5.1", "503 5.5.1"]),
    (["EHLO x", "MAIL FROM:<>", "MAIL FROM:<>"], ["250", "250 2.1.0", "503 5.5.1"]),
    (["EHLO x", "MAIL FROM:<>", "DATA"], ["250", "250 2.1.0", "503 5.5.1"]),
    (["EHLO x", "MAIL FROM:<>", "RSET", "RCPT TO:<ada@example.is>"], ["250", "250 2.1.0", "250 2.0.0", "503 5.5.1"]),
    (["EHLO x", "MAIL FROM:<>", "EHLO x", "RCPT TO:<ada@example.is>"], ["250", "250 2.1.0", "250", "503 5.5.1"]),
    (["EHLO x", "MAIL FROM:<>", "RCPT TO:<ada@example.is>", "DATA x"], ["250", "250 2.1.0", "250 2.1.5", "501 5.5.4"]),
    (["EHLO", "EHLO a b", "HELO "], ["501 5.5.4", "501 5.5.4", "501 5.5.4"]),
]  # fmt: skip


@pytest.mark.parametrize(("commands", "expected"), ORDERS)
async def test_order_of_commands(commands: list[str], expected: list[str]) -> None:
    client = Talk().client()
    await client.read()
    assert codes(await client.line(*commands)) == expected


async def test_pipelined_commands_are_answered_together_in_order() -> None:
    talk = Talk()
    client = await talk.greeted()
    said = await client.line(
        "MAIL FROM:<c@example.no>", "RCPT TO:<nobody@example.is>", "RCPT TO:<ada@example.is>", "DATA"
    )
    assert codes(said) == ["250 2.1.0", "550 5.1.1", "250 2.1.5", "354"]
    # RFC 2920 §3.1: the next transaction may stand right behind the dot.
    said = await client.say(MAIL + b".\r\nMAIL FROM:<>\r\nRCPT TO:<ben@example.is>\r\nQUIT\r\n")
    assert codes(said) == ["250 2.0.0", "250 2.1.0", "250 2.1.5", "221 2.0.0"]


async def test_pipelining_works_whatever_the_blocks_are() -> None:
    talk = Talk()
    client = await talk.greeted()
    script = b"MAIL FROM:<c@example.no>\r\nRCPT TO:<ada@example.is>\r\nDATA\r\n" + MAIL + b".\r\nQUIT\r\n"
    for position in range(len(script)):
        client.session.data_received(script[position : position + 1])
    assert codes(await client.read()) == ["250 2.1.0", "250 2.1.5", "354", "250 2.0.0", "221 2.0.0"]
    assert (await opened(talk)).endswith(MAIL.decode())


async def test_each_mailbox_gets_a_file_of_its_own() -> None:
    talk = Talk()
    client = await talk.greeted()
    assert codes(await client.send(MAIL, "ada@example.is", "ben@example.is", "ada+tides@example.is")) == ["250 2.0.0"]
    assert [delivery.mailbox_id for delivery in talk.store.deliveries] == [1, 2]
    assert talk.store.commits == [2]
    first, second = talk.store.deliveries
    # A fresh file key each: nothing in one file can be found in the other.
    assert first.header != second.header
    assert first.payload[:16] != second.payload[:16]
    # A blind copy stays blind.
    assert "ben@" not in await opened(talk, 0)
    assert "for <ben@example.is>" in await opened(talk, 1, "ben")


async def test_recipients_that_cannot_have_mail() -> None:
    talk = Talk()
    talk.host(HostedDomain("closed.example", 3, suspended=True))
    talk.add("late@example.is", route("ben", 8, state=MailboxState.SUSPENDED))
    talk.add("soon@example.is", replace(ADA, mailbox_id=9, state=MailboxState.INVITED, public_key=None, invited_at=NOW))
    talk.add("never@example.is", replace(ADA, mailbox_id=9, state=MailboxState.INVITED, public_key=None))
    talk.add("full@example.is", replace(ADA, mailbox_id=10, room=0))
    client = await talk.greeted()
    said = await client.envelope(
        "nobody@example.is", "ada@example.org", "x@closed.example", "late@example.is",
        "soon@example.is", "never@example.is", "full@example.is",
    )  # fmt: skip
    assert codes(said) == [
        "250 2.1.0", "550 5.1.1", "550 5.7.1", "450 4.2.1", "450 4.2.1", "450 4.2.1", "550 5.2.1", "452 4.2.2",
    ]  # fmt: skip
    assert codes(await client.line("DATA")) == ["503 5.5.1"]


async def test_postmaster_needs_no_domain() -> None:
    talk = Talk()
    client = await talk.greeted()
    assert codes(await client.send(MAIL, "Postmaster")) == ["250 2.0.0"]
    assert talk.store.deliveries[0].mailbox_id == ADA.mailbox_id


async def test_demo_recipients_play_their_failures() -> None:
    talk = Talk()
    for number, name in enumerate(["temperror", "permerror", "full", "slow"], 20):
        talk.add(f"{name}@example.is", replace(ADA, mailbox_id=number, simulate=Simulate(name)))
    client = await talk.greeted()
    said = await client.envelope(*(f"{name}@example.is" for name in ("temperror", "permerror", "full", "slow")))
    assert codes(said) == ["250 2.1.0", "451 4.3.0", "550 5.7.1", "452 4.2.2", "250 2.1.5"]
    await client.line("DATA")
    assert codes(await client.say(MAIL + b".\r\n")) == ["250 2.0.0"]
    assert talk.slept == [talk.limits.simulated_delay]


async def test_size_is_judged_at_mail_at_rcpt_and_while_it_streams() -> None:
    talk = Talk(SmtpLimits(message=10_000))
    talk.add("small@example.is", replace(ADA, room=100, limit=150))
    client = await talk.greeted()
    assert codes(await client.line("MAIL FROM:<c@example.no> SIZE=10001")) == ["552 5.3.4"]
    assert codes(await client.line("MAIL FROM:<c@example.no> SIZE=120", "RCPT TO:<small@example.is>")) == [
        "250 2.1.0",
        "452 4.2.2",
    ]
    await client.line("RSET")
    assert codes(await client.line("MAIL FROM:<c@example.no> SIZE=200", "RCPT TO:<small@example.is>"))[1:] == [
        "552 5.2.3"
    ]
    await client.line("RSET")
    # A client that announces less than it sends is refused all the same, where it expects an answer.
    assert codes(await client.send(b"Subject: x\r\n\r\n" + b"y" * 10_000 + b"\r\n")) == ["552 5.3.4"]
    assert codes(await client.send()) == ["250 2.0.0"]


async def test_smtputf8() -> None:
    talk = Talk()
    talk.add("sæunn@example.is", ADA)
    client = await talk.greeted()
    assert codes(await client.envelope("sæunn@example.is"))[1:] == ["553 5.6.7"]
    await client.line("RSET")
    said = await client.line("MAIL FROM:<þór@example.no> SMTPUTF8", "RCPT TO:<sæunn@example.is>", "DATA")
    assert codes(said) == ["250 2.1.0", "250 2.1.5", "354"]
    assert codes(await client.say("Subject: sól\r\n\r\nskín\r\n.\r\n")) == ["250 2.0.0"]
    text = await opened(talk)
    assert text.startswith("Return-Path: <þór@example.no>\r\n")
    # RFC 6531 §4.3
    assert "with UTF8SMTP id" in text.replace("\r\n\t", " ")


async def test_dsn_parameters_are_understood() -> None:
    client = await Talk().greeted()
    said = await client.line(
        "MAIL FROM:<c@example.no> RET=HDRS ENVID=a1",
        "RCPT TO:<ada@example.is> NOTIFY=NEVER ORCPT=rfc822;ada@example.is",
    )
    assert codes(said) == ["250 2.1.0", "250 2.1.5"]


async def test_the_null_sender_may_write() -> None:
    talk = Talk()
    client = await talk.greeted()
    await client.envelope(sender="")
    await client.line("DATA")
    assert codes(await client.say(MAIL + b".\r\n")) == ["250 2.0.0"]
    assert (await opened(talk)).startswith("Return-Path: <>\r\n")


async def test_helo_knows_no_extensions_but_delivers() -> None:
    talk = Talk()
    client = talk.client()
    await client.read()
    await client.line("HELO old.example.no")
    assert codes(await client.line("MAIL FROM:<c@example.no> SIZE=1")) == ["555 5.5.4"]
    assert codes(await client.send()) == ["250 2.0.0"]
    assert "with SMTP id" in await opened(talk)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Subject: x\r\n\r\nbare\nlf\r\n", "554 5.6.0"),
        (b"Subject: x\r\n\r\nbare\rcr\r\n", "554 5.6.0"),
        (b"Subject: x\0y\r\n\r\nbody\r\n", "554 5.6.0"),
        (b"Subject: x\r\n\r\nbody\0\r\n", "250 2.0.0"),
        (b"X: " + b"y" * 300_000 + b"\r\n\r\nbody\r\n", "554 5.6.0"),
        (b"X: y\r\n" * 2001 + b"\r\nbody\r\n", "554 5.6.0"),
        (b"Received: from a by b; now\r\n" * 101 + b"\r\nbody\r\n", "554 5.4.6"),
        (b"Received: from a by mx.is-1.example with SMTP; now\r\n" * 6 + b"\r\nbody\r\n", "554 5.4.6"),
        (b"Received: from a by mx.is-1.example with SMTP; now\r\n" * 5 + b"\r\nbody\r\n", "250 2.0.0"),
        (b"Subject: x\r\n\r\n" + b"long" * 30_000 + b"\r\n", "250 2.0.0"),
        (b"", "250 2.0.0"),
        (b"\r\n", "250 2.0.0"),
        (b"no header at all\r\n", "250 2.0.0"),
        (bytes(range(14, 256)) * 40 + b"\r\n", "250 2.0.0"),
        (b"Subject: \xff\xfe 8 bit\r\n\r\n\xff\r\n", "250 2.0.0"),
    ],
)
async def test_strange_content(content: bytes, expected: str) -> None:
    talk = Talk()
    client = await talk.greeted()
    await client.envelope()
    await client.line("DATA")
    assert codes(await client.say(content + b".\r\n")) == [expected]
    assert len(talk.store.deliveries) == (expected == "250 2.0.0")
    # Whatever it was, the session goes on.
    assert codes(await client.send()) == ["250 2.0.0"]


async def test_ten_thousand_recipients_take_little_memory_and_lose_none() -> None:
    talk = Talk()
    client = await talk.greeted()
    await client.line("MAIL FROM:<list@example.no>")
    said = ""
    for start in range(0, 10_000, 100):
        said += await client.line(*(f"RCPT TO:<ada+{n}@example.is>" for n in range(start, start + 100)))
        for _ in range(10):
            await settle()
        said += await client.read()
    assert codes(said) == ["250 2.1.5"] * 100 + ["452 4.5.3"] * 9_900
    assert client.session._dialogue._envelope is not None
    assert len(client.session._dialogue._envelope.recipients) == 100
    await client.line("DATA")
    assert codes(await client.say(MAIL + b".\r\n")) == ["250 2.0.0"]
    assert len(talk.store.deliveries) == 1
    assert len(talk.metrics.counts) < 10


async def test_a_session_of_mistakes_is_closed() -> None:
    talk = Talk(SmtpLimits(errors=3))
    client = await talk.greeted()
    said = await client.line(*["XYZZY"] * 5)
    assert codes(said) == ["500 5.5.2"] * 3 + ["421 4.7.0"]
    assert client.wire.closed


async def test_temporary_refusals_and_mail_that_arrives_are_no_mistakes() -> None:
    talk = Talk(SmtpLimits(errors=2))
    talk.add("full@example.is", replace(ADA, room=0))
    client = await talk.greeted()
    for _ in range(4):
        said = await client.envelope("nobody@example.is", *["full@example.is"] * 5, "ada@example.is")
        assert codes(said)[-1] == "250 2.1.5"
        await client.line("DATA")
        assert codes(await client.say(MAIL + b".\r\n")) == ["250 2.0.0"]


async def test_a_session_that_brings_no_mail_is_closed() -> None:
    client = await Talk(SmtpLimits(idle_commands=4)).greeted()
    assert codes(await client.line(*["NOOP"] * 5)) == ["250 2.0.0"] * 3 + ["421 4.7.0"]


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST / HTTP/1.1", "CONNECT mx:25 HTTP/1.1", "Host: mx.example"])
async def test_a_browser_is_shown_out(line: str) -> None:
    talk = Talk()
    client = talk.client()
    await client.read()
    assert codes(await client.line(line, "MAIL FROM:<x@example.no>")) == ["421 4.7.0"]
    assert client.wire.closed


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"NOOP\n", "500 5.5.2"),
        (b"NO\0OP\r\n", "500 5.5.2"),
        (b"NOOP\t\r\n", "500 5.5.2"),
        (b"NOOP \xff\xfe\r\n", "500 5.5.2"),
        (b"\r\n", "500 5.5.2"),
        (b"NOOP " + b"x" * 3000 + b"\r\n", "500 5.5.2"),
        (b" NOOP\r\n", "500 5.5.2"),
    ],
)
async def test_lines_that_are_no_commands(raw: bytes, expected: str) -> None:
    client = await Talk().greeted()
    assert codes(await client.say(raw + b"NOOP\r\n")) == [expected, "250 2.0.0"]


async def test_a_line_without_an_end_ends_the_session() -> None:
    talk = Talk()
    client = await talk.greeted()
    said = ""
    for _ in range(40):
        if not client.wire.closed:
            said += await client.say(b"x" * 4096)
    assert codes(said) == ["421 4.7.0"]
    assert not talk.floor.sessions


async def test_connections_of_one_source_and_of_all_are_counted() -> None:
    talk = Talk(SmtpLimits(connections=4, connections_per_source=2))
    first, second, third = (talk.client("198.51.100.7") for _ in range(3))
    assert codes(await third.read()) == ["421 4.7.0"]
    assert third.wire.closed
    assert (await talk.client("198.51.100.8").read()).startswith("220 ")
    await first.line("QUIT")
    assert (await talk.client("198.51.100.7").read()).startswith("220 ")
    # Loopback has no limit of its own, but the total holds.
    assert (await talk.client("127.0.0.1").read()).startswith("220 ")
    assert codes(await talk.client("127.0.0.1").read()) == ["421 4.7.0"]
    assert second.session in talk.floor.sessions


async def test_connections_by_time_are_counted() -> None:
    talk = Talk(SmtpLimits(connections_rate=2))
    for expected in ("220", "220", "421 4.7.0"):
        client = talk.client("2001:db8:1:2:aaaa::1")
        assert codes(await client.read()) == [expected]
        client.vanish()
    assert codes(await talk.client("2001:db8:1:2:bbbb::9").read()) == ["421 4.7.0"]
    assert codes(await talk.client("2001:db8:1:3::1").read()) == ["220"]


class TestChunking:
    """RFC 3030 without BINARYMIME."""

    async def begin(self, talk: Talk) -> Client:
        client = await talk.greeted()
        await client.envelope()
        return client

    async def test_chunks_make_a_message(self) -> None:
        talk = Talk()
        client = await self.begin(talk)
        said = await client.say(
            b"BDAT 20\r\n" + MAIL[:20] + b"BDAT %d LAST\r\n" % (len(MAIL) - 20) + MAIL[20:] + b"NOOP\r\n"
        )
        assert codes(said) == ["250 2.0.0", "250 2.0.0", "250 2.0.0"]
        assert (await opened(talk)).endswith(MAIL.decode())

    async def test_an_empty_last_chunk(self) -> None:
        talk = Talk()
        client = await self.begin(talk)
        said = await client.say(b"BDAT %d\r\n" % len(MAIL) + MAIL + b"BDAT 0 LAST\r\n")
        assert codes(said) == ["250 2.0.0", "250 2.0.0"]
        assert len(talk.store.deliveries) == 1

    async def test_dots_and_commands_inside_a_chunk_are_content(self) -> None:
        talk = Talk()
        client = await self.begin(talk)
        content = b"Subject: x\r\n\r\n.\r\nQUIT\r\n..\r\n"
        assert codes(await client.say(b"BDAT %d LAST\r\n" % len(content) + content)) == ["250 2.0.0"]
        assert (await opened(talk)).endswith(content.decode())

    async def test_the_octets_of_a_refused_chunk_are_no_commands(self) -> None:
        talk = Talk()
        client = await talk.greeted()
        said = await client.say(b"BDAT 6\r\nQUIT\r\nMAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        assert codes(said) == ["503 5.5.1", "250 2.1.0", "503 5.5.1", "250 2.0.0"]
        assert not client.wire.closed

    async def test_pipelined_after_refused_recipients(self) -> None:
        talk = Talk()
        client = await talk.greeted()
        said = await client.say(b"MAIL FROM:<>\r\nRCPT TO:<nobody@example.is>\r\nBDAT 6 LAST\r\nQUIT\r\nRSET\r\n")
        assert codes(said) == ["250 2.1.0", "550 5.1.1", "503 5.5.1", "250 2.0.0"]

    async def test_only_chunks_after_a_chunk(self) -> None:
        talk = Talk()
        client = await self.begin(talk)
        said = await client.say(
            b"BDAT 2\r\nx\nRCPT TO:<ben@example.is>\r\nDATA\r\nMAIL FROM:<>\r\nRSET\r\nMAIL FROM:<>\r\n"
        )
        assert codes(said) == ["250 2.0.0", "503 5.5.1", "503 5.5.1", "503 5.5.1", "250 2.0.0", "250 2.1.0"]

    async def test_bare_newlines_are_refused_in_chunks_too(self) -> None:
        talk = Talk()
        client = await self.begin(talk)
        said = await client.say(b"BDAT 3\r\na\r\nBDAT 3\r\nb\nxBDAT 1 LAST\r\n\n")
        assert codes(said) == ["250 2.0.0", "250 2.0.0", "554 5.6.0"]
        assert not talk.store.deliveries

    async def test_too_large_in_pieces(self) -> None:
        talk = Talk(SmtpLimits(message=100))
        client = await self.begin(talk)
        said = await client.say(
            b"BDAT 60\r\n" + b"a" * 60 + b"BDAT 60\r\n" + b"b" * 60 + b"BDAT 1 LAST\r\nc" + b"MAIL FROM:<>\r\n"
        )
        assert codes(said) == ["250 2.0.0", "552 5.3.4", "503 5.5.1", "250 2.1.0"]
        assert talk.floor.budget.used == 0

    async def test_a_count_nobody_can_read_ends_the_session(self) -> None:
        client = await self.begin(Talk())
        assert codes(await client.say(b"BDAT ten LAST\r\nMAIL FROM:<>\r\n")) == ["501 5.5.4"]
        assert client.wire.closed

    async def test_a_count_beyond_reason_ends_the_session(self) -> None:
        client = await self.begin(Talk())
        assert codes(await client.say(b"BDAT 99999999999 LAST\r\nMAIL FROM:<>\r\n")) == ["552 5.3.4"]
        assert client.wire.closed

    async def test_chunks_that_are_given_up_free_their_memory(self) -> None:
        talk = Talk()
        client = await self.begin(talk)
        await client.say(b"BDAT 1000\r\n" + b"a" * 1000)
        assert talk.floor.budget.used == 1000
        await client.line("RSET")
        assert talk.floor.budget.used == 0


async def test_a_catch_all_takes_unknown_names_unless_the_domain_is_closed() -> None:
    talk = Talk()
    talk.host(replace(EXAMPLE_IS, name="open.example", catch_all=(BEN,)))
    talk.host(replace(EXAMPLE_IS, name="closed.example", catch_all=(BEN,), suspended=True))
    client = await talk.greeted()
    assert codes(await client.envelope("anyone@open.example", "anyone@closed.example"))[1:] == [
        "250 2.1.5",
        "450 4.2.1",
    ]
