"""What an author may ask of submission: who to be, when to leave, how safely, what to hear, and to be heard once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailhost.message.address import parse_address
from mailhost.outbox import TlsNeed
from mailhost.smtp.commands import Refused, parse_mail
from tests.people import NOW
from tests.smtp.test_session import codes
from tests.smtp.test_submission import LETTER, Office

OWN = b"Message-ID: <mine@laptop>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0100\r\n" + LETTER


async def submitted(
    office: Office, mail: str, *recipients: str, content: bytes = OWN, sender: str = "ada@example.is"
) -> str:
    client = await office.ada()
    answers = codes(await client.line(f"MAIL FROM:<{sender}>{mail}"))
    if answers != ["250 2.1.0"]:
        return answers[0]
    for recipient in recipients:
        await client.line(f"RCPT TO:{recipient}")
    await client.line("DATA")
    return codes(await client.say(content + b".\r\n"))[0]


async def test_what_is_offered_to_users_and_to_strangers() -> None:
    office = Office()
    secure = await (await office.secure()).line("EHLO laptop")
    for line in ("250-DSN", "250-REQUIRETLS", "250-FUTURERELEASE 2592000 2026-12-22T10:30:12Z"):
        assert f"{line}\r\n" in secure
    mx = await office.client().greet()
    for word in ("DSN", "REQUIRETLS", "FUTURERELEASE"):
        assert word not in mx, "REQUIRETLS counts under TLS only, the others are for users"


async def test_who_was_granted_an_address_may_send_as_it() -> None:
    office = Office()
    letter = OWN.replace(b"From: Ada <ada@example.is>", b"From: ben@example.is")
    assert await submitted(office, "", "<cleo@other.test>", sender="ben@example.is", content=letter) == "553 5.7.1"
    office.grants.pairs.add((1, "ben@example.is"))
    assert await submitted(office, "", "<cleo@other.test>", sender="ben@example.is", content=letter) == "250 2.0.0"
    assert await submitted(office, "", "<cleo@other.test>", sender="ben+x@example.is") == "553 5.7.1"


@pytest.mark.parametrize(
    ("mail", "content", "need"),
    [
        ("", OWN, TlsNeed.ORDINARY),
        (" REQUIRETLS", OWN, TlsNeed.REQUIRED),
        ("", b"TLS-Required: No\r\n" + OWN, TlsNeed.NONE),
        ("", b"TLS-Required: maybe\r\n" + OWN, TlsNeed.ORDINARY),
        (" REQUIRETLS", b"TLS-Required: No\r\n" + OWN, TlsNeed.REQUIRED),
    ],
)
async def test_how_safely_a_message_must_travel(mail: str, content: bytes, need: TlsNeed) -> None:
    office = Office()
    assert await submitted(office, mail, "<cleo@other.test>", content=content) == "250 2.0.0"
    [row] = office.outbox.items.values()
    assert row.item.tls is need


def test_requiretls_is_no_parameter_in_clear() -> None:
    assert parse_mail("FROM:<> REQUIRETLS", extended=True, tls=True).requiretls
    with pytest.raises(Refused, match="not recognised"):
        parse_mail("FROM:<> REQUIRETLS", extended=True)
    with pytest.raises(Refused, match="Wrong value"):
        parse_mail("FROM:<> REQUIRETLS=yes", extended=True, tls=True)


@pytest.mark.parametrize(
    ("parameter", "waits"),
    [
        ("HOLDFOR=3600", timedelta(hours=1)),
        ("HOLDFOR=2592000", timedelta(days=30)),
        ("HOLDUNTIL=2026-11-23T10:30:12Z", timedelta(days=1)),
        ("HOLDUNTIL=2026-11-23T12:30:12+02:00", timedelta(days=1)),
        ("HOLDFOR=0", timedelta(0)),
        ("HOLDUNTIL=2020-01-01T00:00:00Z", timedelta(0)),
    ],
)
async def test_a_message_leaves_when_it_was_asked_to(parameter: str, waits: timedelta) -> None:
    office = Office()
    assert await submitted(office, f" {parameter}", "<cleo@other.test>", "<ben@example.is>") == "250 2.0.0"
    assert {row.due for row in office.outbox.items.values()} == {NOW + waits}
    here = [row.item.recipients[0].address for row in office.outbox.items.values()]
    assert ("ben@example.is" in here) is bool(waits), "a recipient of this cell waits like any other"


@pytest.mark.parametrize(
    "parameter",
    [
        "HOLDFOR=2592001",
        "HOLDUNTIL=2027-01-23T10:30:12Z",
        "HOLDFOR=-1",
        "HOLDFOR=1234567890",
        "HOLDFOR",
        "HOLDUNTIL=tomorrow",
        "HOLDUNTIL=2026-11-23T10:30:12",
        "HOLDUNTIL",
        "HOLDFOR=60 HOLDUNTIL=2026-11-23T10:30:12Z",
    ],
)
async def test_what_cannot_wait_is_refused_before_it_is_sent(parameter: str) -> None:
    assert await submitted(Office(), f" {parameter}", "<cleo@other.test>") == "501 5.5.4"


def test_strangers_cannot_make_mail_wait() -> None:
    with pytest.raises(Refused, match="not recognised"):
        parse_mail("FROM:<> HOLDFOR=60", extended=True)


async def test_wishes_about_notices_go_with_the_message() -> None:
    office = Office()
    recipient = "<cleo@other.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;cleo@example.net"
    assert await submitted(office, " RET=hdrs ENVID=QQ31", recipient) == "250 2.0.0"
    [row] = office.outbox.items.values()
    [forward] = row.item.recipients
    assert (row.item.returns, row.item.envid) == ("HDRS", "QQ31")
    assert (forward.notify, forward.orcpt) == ("SUCCESS,DELAY", "rfc822;cleo@example.net")


async def test_who_wants_to_hear_of_arrival_here_hears_it_from_the_queue() -> None:
    office = Office()
    assert await submitted(office, "", "<ben@example.is> NOTIFY=SUCCESS", "<ada@example.is>") == "250 2.0.0"
    [row] = office.outbox.items.values()
    assert row.item.recipients[0].address == "ben@example.is"
    assert [delivery.mailbox_id for delivery in office.store.deliveries] == [1]


async def test_a_submission_whose_answer_was_lost_is_kept_once() -> None:
    office = Office()
    client = await office.ada()
    await client.envelope("ben@example.is", "cleo@other.test", sender="ada@example.is")
    await client.line("DATA")
    assert codes(await client.say(OWN + b".\r\n")) == ["250 2.0.0"]
    submission = client.session._dialogue.intake
    envelope = await _envelope(office, "ben@example.is", "cleo@other.test")
    await submission.answer_lost(envelope, bytearray(OWN))
    for _ in range(2):
        assert await submitted(office, "", "<cleo@other.test>", "<ben@example.is>") == "250 2.0.0"
    assert len(office.store.deliveries) == 2, "one retry is swallowed; an intentional repeat is not"
    assert len(office.outbox.items) == 2


async def _envelope(office: Office, *recipients: str):  # type: ignore[no-untyped-def]
    from mailhost.deliver import Client, Envelope, Recipient

    envelope = Envelope(parse_address("ada@example.is"), Client("", "", ""))
    for name in recipients:
        envelope.recipients.append(Recipient(parse_address(name), ()))
    return envelope


async def test_mail_that_is_sealed_already_is_not_touched() -> None:
    office = Office()
    sealed = (
        b"From: ada@example.is\r\nTo: cleo@other.test\r\nDate: Mon, 23 Nov 2026 09:00:00 +0100\r\n"
        b"Message-ID: <mine@laptop>\r\nContent-Type: multipart/encrypted; boundary=b\r\n\r\n \t odd  \r\n--b\r\n\r\n"
        b"-----BEGIN PGP MESSAGE-----\r\n\r\nTm9pc2U=\r\n-----END PGP MESSAGE-----\r\n--b--\r\n"
    )
    assert await submitted(office, "", "<cleo@other.test>", content=sealed) == "250 2.0.0"
    [row] = office.outbox.items.values()
    assert row.item.sealed
    assert row.content.endswith(sealed)
