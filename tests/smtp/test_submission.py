"""Submission as a dialogue: who may log in, who may send as whom, and what becomes of the message."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from mailhost.limits import FailedLogins, SmtpLimits
from mailhost.ports import Account, Allowance, StoreUnavailable
from mailhost.routing import RouteCache
from mailhost.seal import open_header, open_payload
from mailhost.smtp.floor import Floor
from mailhost.smtp.submission import Desk
from mailhost.submit import Submitter
from mailhost.wishes.forwarding import srs_of
from mailhost.wishes.returns import ReturnDesk
from tests.fakes import MemoryGrants, MemoryLogins, MemoryLostAnswers, MemoryOutbox, MemoryTally
from tests.people import ADA, BEN, identity
from tests.smtp.talk import HOST, Client, Talk
from tests.smtp.test_session import codes

LETTER = (
    b"From: Ada <ada@example.is>\r\nTo: cleo@other.test\r\nBcc: ben@example.is\r\nUser-Agent: Secret/1.0\r\n"
    b"X-Originating-IP: 192.0.2.25\r\nSubject: Tides\r\n\r\nHigh at noon.\r\n"
)


class Office(Talk):
    """`Talk` with a submission port; `secure` connections are under TLS from their first octet."""

    def __init__(
        self, limits: SmtpLimits | None = None, allowance: Allowance | None = None, **made: Callable[..., ReturnDesk]
    ) -> None:
        super().__init__(limits, **made)
        self.add("sales@example.is", ADA)
        self.add("team@example.is", ADA, BEN)
        self.logins = MemoryLogins(Account(1, 1, "ada@example.is", 1))
        self.tally = MemoryTally()
        self.outbox = MemoryOutbox(self.tally)
        self.grants = MemoryGrants()
        self.lost = MemoryLostAnswers()
        routes = RouteCache(self.directory, lambda: self.clock)
        submitter = Submitter(
            hostname=HOST,
            routes=routes,
            receiver=self.house.receiver,  # type: ignore[arg-type]
            queue=self.outbox,
            tally=self.tally,
            grants=self.grants,
            lost_answers=self.lost,
            key=b"k" * 32,
            now=lambda: self.now,
            limits=self.limits,
            allowance=allowance or Allowance(),
            opaque_id=lambda: "0" * 32,
        )
        desk = Desk(self.logins, submitter, FailedLogins(5, 60, now=lambda: self.clock))
        self.users = Floor(replace(self.house, desk=desk), b"f" * 16)

    async def secure(self, peer: str = "192.0.2.25") -> Client:
        client = Client(self.users, peer, sslcontext=object())
        await client.greet()
        return client

    async def ada(self) -> Client:
        client = await self.secure()
        assert codes(await client.line("AUTH PLAIN " + plain("ada@example.is", "right"))) == ["235 2.7.0"]
        return client

    def sent(self) -> bytes:
        [row] = self.outbox.items.values()
        return row.content


def plain(user: str, password: str, acting_as: str = "") -> str:
    return base64.b64encode(f"{acting_as}\0{user}\0{password}".encode()).decode()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_passwords_travel_under_tls_only() -> None:
    client = Client(Office().users, "192.0.2.25")
    assert "AUTH" not in await client.greet()
    assert codes(await client.line("AUTH PLAIN " + plain("ada@example.is", "right"))) == ["530 5.7.0"]
    assert codes(await client.line("MAIL FROM:<ada@example.is>")) == ["530 5.7.0"]


async def test_under_tls_auth_is_offered_and_the_mx_never_offers_it() -> None:
    office = Office()
    client = await office.secure()
    assert "250-AUTH PLAIN LOGIN\r\n" in await client.line("EHLO laptop")
    mx = office.client()
    assert "AUTH" not in await mx.greet()
    assert codes(await mx.line("AUTH PLAIN " + plain("ada@example.is", "right"))) == ["502 5.5.1"]


@pytest.mark.parametrize(
    "lines",
    [
        ["AUTH PLAIN " + plain("ada@example.is", "right")],
        ["AUTH PLAIN", plain("ADA@example.is", "right", "ada@EXAMPLE.is")],
        ["AUTH LOGIN", b64("ada@example.is"), b64("right")],
        ["auth login " + b64("ada@example.is"), b64("right")],
    ],
)
async def test_four_ways_to_log_in(lines: list[str]) -> None:
    client = await Office().secure()
    answers = [await client.line(line) for line in lines]
    assert all(answer.startswith("334 ") for answer in answers[:-1])
    assert codes(answers[-1]) == ["235 2.7.0"]
    assert codes(await client.line("AUTH PLAIN " + plain("ada@example.is", "right"))) == ["503 5.5.1"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("AUTH PLAIN " + plain("ada@example.is", "wrong"), "535 5.7.8"),
        ("AUTH PLAIN " + plain("nobody@example.is", "right"), "535 5.7.8"),
        ("AUTH PLAIN " + plain("ada@example.is", "right", "ben@example.is"), "535 5.7.8"),
        ("AUTH PLAIN =", "501 5.5.2"),
        ("AUTH PLAIN !!!!", "501 5.5.2"),
        ("AUTH PLAIN " + b64("no zero bytes"), "501 5.5.2"),
        ("AUTH PLAIN " + b64("x" * 1100), "501 5.5.2"),
        ("AUTH PLAIN " + base64.b64encode(b"\0\xff\0\xff").decode(), "501 5.5.2"),
        ("AUTH CRAM-MD5", "504 5.5.4"),
        ("AUTH", "504 5.5.4"),
    ],
)
async def test_what_is_no_login(line: str, code: str) -> None:
    client = await Office().secure()
    assert codes(await client.line(line)) == [code]
    assert codes(await client.line("MAIL FROM:<ada@example.is>")) == ["530 5.7.0"]


async def test_a_login_can_be_cancelled_and_a_challenge_answered_with_noise() -> None:
    client = await Office().secure()
    await client.line("AUTH LOGIN")
    assert codes(await client.line("*")) == ["501 5.7.0"]
    await client.line("AUTH PLAIN")
    assert codes(await client.say(b"\xff\xfe\r\n")) == ["500 5.5.2"]
    await client.line("AUTH PLAIN")
    assert codes(await client.line("x" * 3000)) == ["500 5.5.2"]
    assert codes(await client.line("NOOP")) == ["250 2.0.0"]


async def test_five_wrong_passwords_a_minute_close_the_door_for_the_source_only() -> None:
    office = Office()
    client = await office.secure()
    for _ in range(5):
        await client.line("AUTH PLAIN " + plain("ada@example.is", "wrong"))
    assert codes(await client.line("AUTH PLAIN " + plain("ada@example.is", "right"))) == ["454 4.7.0"]
    elsewhere = await office.secure("198.51.100.1")
    assert codes(await elsewhere.line("AUTH PLAIN " + plain("ada@example.is", "right"))) == ["235 2.7.0"]
    office.clock = 61
    assert codes(await client.line("AUTH PLAIN " + plain("ada@example.is", "right"))) == ["235 2.7.0"]


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("ada@example.is", "250 2.1.0"),
        ("Ada+bills@Example.IS", "250 2.1.0"),
        ("sales@example.is", "250 2.1.0"),
        ("team@example.is", "250 2.1.0"),
        ("", "250 2.1.0"),
        ("ben@example.is", "553 5.7.1"),
        ("nobody@example.is", "553 5.7.1"),
        ("ada@other.test", "553 5.7.1"),
    ],
)
async def test_the_sender_is_an_address_of_the_login(sender: str, code: str) -> None:
    client = await (Office()).ada()
    assert codes(await client.line(f"MAIL FROM:<{sender}> AUTH=<>")) == [code]


async def test_a_catch_all_lets_nobody_send_as_anybody() -> None:
    office = Office()
    office.host(replace(office.directory.domains["example.is"], catch_all=(ADA,)))
    client = await office.ada()
    assert codes(await client.line("MAIL FROM:<anything@example.is>")) == ["553 5.7.1"]


async def letter(office: Office, content: bytes, *recipients: str) -> str:
    client = await office.ada()
    await client.envelope(*recipients, sender="ada@example.is")
    await client.line("DATA")
    return codes(await client.say(content + b".\r\n"))[0]


async def test_a_message_is_prepared_and_split() -> None:
    office = Office()
    assert await letter(office, LETTER, "cleo@other.test", "ben@example.is", "mo@third.test") == "250 2.0.0"
    assert [row.item.recipients[0].address for row in office.outbox.items.values()] == [
        "cleo@other.test",
        "mo@third.test",
    ]
    [delivery] = office.store.deliveries
    here = open_payload(open_header([identity("ben")], delivery.header), delivery.payload)
    there = next(iter(office.outbox.items.values())).content
    for text in (here, there):
        assert b"Message-ID: <" + b"0" * 32 + b"@example.is>\r\n" in text
        assert b"Date: Sun, 22 Nov 2026 10:30:12 +0000\r\n" in text
        for secret in (b"Bcc", b"Secret/1.0", b"192.0.2.25", b"mail.example.no"):
            assert secret not in text
    assert there.startswith(b"Received: from example.is by mx.is-1.example with ESMTPSA")
    assert b"cleo@other.test" not in there.partition(b"From:")[0], "a copy names no other recipient"


async def test_what_the_client_wrote_itself_stays() -> None:
    office = Office()
    own = b"Message-ID: <mine@laptop>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0100\r\n" + LETTER
    await letter(office, own, "cleo@other.test")
    assert b"Message-ID: <mine@laptop>\r\n" in office.sent()
    assert office.sent().count(b"Date:") == 1


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (b"From: ada+x@example.is\r\n", "250 2.0.0"),
        (b"From: ben@example.is\r\n", "550 5.7.1"),
        (b"From: ada@example.is, ben@example.is\r\n", "550 5.7.1"),
        (b"From: Ada\r\n", "550 5.7.1"),
        (b"Sender: ada@example.is\r\n", "550 5.6.0"),
        (b"From: cleo@other.test\r\nResent-From: ada@example.is\r\n", "250 2.0.0"),
        (b"From: ben@example.is\r\nResent-From: ada@example.is\r\n", "550 5.7.1"),
        (b"From: ada@example.is\r\nFrom: ben@example.is\r\n", "550 5.7.1"),
    ],
)
async def test_every_author_is_an_address_of_the_login(field: bytes, code: str) -> None:
    assert await letter(Office(), field + b"Subject: x\r\n\r\nx\r\n", "cleo@other.test") == code


async def test_local_recipients_never_leave_and_are_checked_like_any_others() -> None:
    office = Office()
    client = await office.ada()
    answers = await client.envelope("nobody@example.is", "cleo@example.no", "x@[192.0.2.1]", sender="ada@example.is")
    assert codes(answers) == ["250 2.1.0", "550 5.1.1", "250 2.1.5", "550 5.1.2"]
    await client.line("DATA")
    assert codes(await client.say(LETTER + b".\r\n")) == ["250 2.0.0"]
    assert not office.outbox.items


async def test_the_way_back_of_another_forwarder_is_an_address_like_any_other() -> None:
    def returns(office: Office, routes: RouteCache) -> ReturnDesk:
        return ReturnDesk(hostname=HOST, routes=routes, queue=MemoryOutbox(), srs=srs_of(b"c" * 32))

    office = Office(returns=returns)
    back = "SRS0=h4ff=TY=first.test=cleo@forwarder.test"
    assert await letter(office, LETTER, back) == "250 2.0.0"
    [row] = office.outbox.items.values()
    assert [one.address for one in row.item.recipients] == [back]
    client = await office.ada()
    await client.line("MAIL FROM:<ada@example.is>")
    assert codes(await client.line("RCPT TO:<SRS0=h4ff=TY=first.test=cleo@example.is>")) == ["550 5.1.1"]


async def test_a_session_whose_login_ended_is_closed_at_its_next_message() -> None:
    office = Office()
    client = await office.ada()
    for _ in range(2):
        assert codes(await client.line("MAIL FROM:<ada@example.is>")) == ["250 2.1.0"]
        await client.line("RSET")
    office.logins.ended = {1}
    assert codes(await client.line("MAIL FROM:<>", "NOOP")) == ["421 4.7.0"]
    assert client.wire.is_closing()
    again = await office.secure()
    assert codes(await again.line("MAIL FROM:<ada@example.is>")) == ["530 5.7.0"], "nobody logged in: nothing ended"


async def test_without_a_database_a_message_waits_and_the_session_stays() -> None:
    office = Office()
    client = await office.ada()

    async def gone(account: Account) -> bool:
        raise StoreUnavailable

    good, office.logins.still_good = office.logins.still_good, gone  # type: ignore[method-assign]
    assert codes(await client.line("MAIL FROM:<ada@example.is>")) == ["451 4.3.0"]
    office.logins.still_good = good  # type: ignore[method-assign]
    assert codes(await client.line("MAIL FROM:<ada@example.is>")) == ["250 2.1.0"]


async def test_limits_of_the_day() -> None:
    office = Office(allowance=Allowance(mailbox=3, mailbox_new=2, tenant=100, tenant_new=100))
    assert await letter(office, LETTER, "a@other.test", "b@other.test", "c@other.test") == "450 4.7.1"
    assert await letter(office, LETTER, "a@other.test", "b@other.test") == "250 2.0.0"
    assert await letter(office, LETTER, "c@other.test") == "450 4.7.1"
    assert await letter(office, LETTER, "a@other.test") == "250 2.0.0"
    assert await letter(office, LETTER, "a@other.test") == "450 4.7.1"
    assert office.tally.counts.total() == 3


@pytest.mark.parametrize("own", [LETTER, b"Message-ID: <mine@laptop>\r\n" + LETTER])
async def test_when_the_queue_fails_the_second_try_stores_nothing_twice(own: bytes) -> None:
    office = Office()
    office.outbox.failure = StoreUnavailable()
    assert await letter(office, own, "ben@example.is", "cleo@other.test") == "451 4.3.0"
    office.outbox.failure = None
    office.now += timedelta(minutes=5)  # another Date for who gave none
    assert await letter(office, own, "ben@example.is", "cleo@other.test") == "250 2.0.0"
    assert len(office.store.deliveries) == 1
    assert len(office.outbox.items) == 1


@pytest.mark.parametrize("subject", ["[consent] Tides", "Tides"])
async def test_consent_is_noted_and_neither_who_is_here_nor_who_is_elsewhere_sees_it(subject: str) -> None:
    office = Office()
    written = LETTER.replace(b"Subject: Tides", b"Subject: " + subject.encode())
    assert await letter(office, written, "cleo@other.test", "ben@example.is") == "250 2.0.0"
    [row] = office.outbox.items.values()
    assert row.item.consent is subject.startswith("[consent]")
    [here] = [delivery for delivery in office.store.deliveries if delivery.mailbox_id == BEN.mailbox_id]
    for text in (office.sent(), open_payload(open_header([identity("ben")], here.header), here.payload)):
        assert b"\r\nSubject: Tides\r\n" in bytes(text)
        assert b"[consent]" not in bytes(text)
