"""Judged mail on its way through SMTP into the store: answers, folders, trace fields, what is removed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.limits import SmtpLimits
from mailhost.mailauth.resolver import Txt
from mailhost.message.address import parse_address
from mailhost.outcomes import Reason
from mailhost.ports import StoreUnavailable
from mailhost.seal import open_header, open_payload
from tests.people import ADA, identity
from tests.reputation.court import BOT, LETTER, LIST, MAIL_HOST, Court, signed
from tests.smtp.talk import Talk

FORGED = b"Authentication-Results: mx.is-1.example;\r\n\tdmarc=pass header.from=bank.example\r\n"


def text(talk: Talk, number: int = -1) -> bytes:
    delivery = talk.store.deliveries[number]
    return open_payload(open_header([identity("ada")], delivery.header), delivery.payload)


async def send(talk: Talk, content: bytes, peer: str) -> str:
    client = await talk.greeted(peer)
    await client.envelope("ada@example.is", sender="cleo@demo.test")
    await client.line("DATA")
    return await client.say(content + b".\r\n")


async def test_a_proven_letter_is_stored_with_our_results_above_our_trace() -> None:
    talk = Talk(judge=Court().judge)
    assert (await send(talk, signed(), MAIL_HOST)).startswith("250 ")
    assert talk.store.deliveries[0].special_use == "\\Inbox"
    head = text(talk).split(b"\r\nDKIM-Signature:")[0]
    names = [line.split(b":")[0] for line in head.split(b"\r\n") if not line.startswith(b"\t")]
    assert names == [b"Return-Path", b"Authentication-Results", b"Received"]
    assert b"Authentication-Results: mx.is-1.example; spf=pass" in head
    assert text(talk).endswith(signed())


async def test_a_forgery_from_a_listed_host_is_answered_550_and_not_stored() -> None:
    court = Court()
    court.list(BOT, LIST)
    talk = Talk(judge=court.judge)
    assert (await send(talk, LETTER, BOT)).startswith("550 5.7.26 ")
    assert talk.store.deliveries == []
    assert talk.metrics.counts["smtp_messages", "forged"] == 1


async def test_a_stranger_is_answered_451_and_taken_when_it_comes_again() -> None:
    court = Court()
    court.dns.replace("demo.test", Txt(b"v=spf1 ?all"))
    talk = Talk(judge=court.judge)
    letter = LETTER.replace(b"cleo@demo.test", b"cleo@news.test")
    assert (await send(talk, letter, BOT)).startswith("451 4.7.1 ")
    talk.now += timedelta(minutes=5)
    assert (await send(talk, letter, BOT)).startswith("250 ")
    assert talk.store.deliveries[0].special_use == "\\Inbox"


async def test_a_dns_that_fails_is_answered_451() -> None:
    court = Court()
    court.dns.fail.add("demo.test")
    assert (await send(Talk(judge=court.judge), LETTER, MAIL_HOST)).startswith("451 4.4.3 ")


async def test_junk_is_sealed_into_junk() -> None:
    court = Court()
    court.dns.replace("_dmarc.demo.test", Txt(b"v=DMARC1; p=quarantine"))
    court.dns.replace("demo.test")
    talk = Talk(judge=court.judge)
    await send(talk, LETTER, MAIL_HOST)
    talk.now += timedelta(minutes=5)
    assert (await send(talk, LETTER, MAIL_HOST)).startswith("250 ")
    assert talk.store.deliveries[0].special_use == "\\Junk"


@pytest.mark.parametrize("judged", [True, False])
async def test_results_forged_in_our_name_are_never_sealed(judged: bool) -> None:
    talk = Talk(judge=Court().judge) if judged else Talk()
    theirs = b"Authentication-Results: mx.other.example; spf=pass\r\n"
    body = b"\r\nAuthentication-Results: mx.is-1.example; a quotation\r\n"
    letter = (
        theirs + FORGED + b"From: Cleo <cleo@demo.test>\r\nauthentication-RESULTS : MX.IS-1.example.; x=y\r\n" + body
    )
    await send(talk, letter, "127.0.0.1")
    assert text(talk).endswith(theirs + b"From: Cleo <cleo@demo.test>\r\n" + body)
    assert text(talk).count(b"bank.example") == 0


async def test_without_a_judge_what_came_is_sealed_as_it_came() -> None:
    talk = Talk()
    assert (await send(talk, signed(), BOT)).startswith("250 ")
    assert text(talk).endswith(signed())
    assert b"Authentication-Results" not in text(talk)


async def test_a_message_with_a_forged_field_is_recognised_when_it_comes_again() -> None:
    talk = Talk()
    envelope = Envelope(
        None, Client(BOT, "x.test", "ESMTP"), recipients=[Recipient(parse_address(ADA.address), (ADA,))]
    )
    letter = bytearray(FORGED + LETTER)
    assert (await talk.house.receiver.message(envelope, letter)).reason is Reason.OK
    await talk.house.receiver.answer_lost(envelope, letter)
    assert (await talk.house.receiver.message(envelope, letter)).reason is Reason.OK
    assert len(talk.store.deliveries) == 1


async def test_who_has_a_message_already_does_not_get_it_twice_because_its_retry_was_put_off() -> None:
    court = Court()
    talk = Talk(SmtpLimits(sealed_batch=1), judge=court.judge)

    async def both() -> str:
        client = await talk.greeted(MAIL_HOST)
        await client.envelope("ada@example.is", "ben@example.is", sender="cleo@demo.test")
        await client.line("DATA")
        return await client.say(LETTER + b".\r\n")

    talk.store.failures = [None, StoreUnavailable("gone")]
    assert (await both()).startswith("451 4.3.0 ")
    court.dns.fail.add("demo.test")
    assert (await both()).startswith("451 4.4.3 ")
    court.dns.fail.clear()
    assert (await both()).startswith("250 ")
    assert [delivery.mailbox_id for delivery in talk.store.deliveries] == [1, 2]
