"""Answering for somebody who is away: once, to the envelope sender, from nobody, with nothing of the message in it."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.mailauth.arc import NO_CHAIN
from mailhost.mailauth.dkim import DkimResult, DkimStatus
from mailhost.mailauth.dmarc import DmarcResult, DmarcStatus
from mailhost.mailauth.spf import SpfOutcome, SpfResult
from mailhost.mailauth.verdict import Findings
from mailhost.message.address import parse_address
from mailhost.message.headers import Headers
from mailhost.outbox import TlsNeed
from mailhost.ports import StoreUnavailable
from mailhost.rules.away import Away, Why
from mailhost.rules.rule import Rule, action, condition
from mailhost.rules.standing import Standing, from_text, to_text
from mailhost.wishes.answering import Answerer, written
from mailhost.wishes.forwarding import Arrived, ErrandLimits
from tests.people import ADA, NOW
from tests.post import Post
from tests.smtp.talk import MAIL
from tests.wishes.test_forwarding import Doubting

AWAY = Away("I am at sea until the herring come.\nÁda")


def post(wish: Away = AWAY, *rules: Rule, **made: Any) -> Post:
    found = Post(*rules, **made)
    found.book.standing[ADA.mailbox_id] = Standing(rules, wish)
    return found


def read(content: bytes) -> EmailMessage:
    found = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


async def test_a_person_gets_one_answer_from_nobody_at_their_envelope_address() -> None:
    at = post()
    assert (await at.arrive(MAIL)).startswith("250")
    assert (await at.arrive(MAIL)).startswith("250")
    [(item, content)] = at.waiting()
    assert (item.sender, item.author, item.recipients[0].address) == ("", "", "cleo@example.no")
    assert (item.tenant_id, item.mailbox_id) == (ADA.tenant_id, ADA.mailbox_id)
    found = read(content)
    assert (found["from"], found["to"]) == ("ada@example.is", "cleo@example.no")
    assert (found["subject"], found["auto-submitted"]) == ("Auto: Tides", "auto-replied (vacation)")
    assert (found["in-reply-to"], found["references"]) == ("<1@example.no>", "<1@example.no>")
    assert found.get_content().replace("\r\n", "\n") == AWAY.text + "\n"
    assert b"High at noon" not in content
    assert len(at.talk.store.deliveries) == 2
    assert at.metrics.counts["answers", "answer"] == at.metrics.counts["answers", "answered_lately"] == 1


async def test_an_answer_travels_as_safely_as_what_it_answers() -> None:
    at = post()
    client = Client("192.0.2.25", "mail.example.no", "ESMTPS")
    to = [Recipient(parse_address("ada@example.is"), at.talk.directory.addresses["ada@example.is"])]
    envelope = Envelope(parse_address("cleo@example.no"), client, recipients=to, requiretls=True)
    assert (await at.talk.house.receiver.message(envelope, bytearray(MAIL))).code == 250
    assert at.waiting()[0][0].tls is TlsNeed.REQUIRED


@pytest.mark.parametrize(
    ("spf", "signers", "answered"),
    [
        (SpfResult.PASS, [], True),
        (SpfResult.NONE, [], True),
        (SpfResult.FAIL, [], False),
        (SpfResult.SOFTFAIL, ["bank.example"], False),
        (SpfResult.FAIL, ["example.no"], True),
        (SpfResult.FAIL, ["mail.example.no"], True),
    ],
)
async def test_a_name_that_somebody_took_is_not_answered(spf: SpfResult, signers: list[str], *, answered: bool) -> None:
    at = post()
    made = Answerer(queue=at.outbox, memory=at.memory, counts=at.counts, limits=ErrandLimits(), key=b"a" * 32)
    sender = parse_address("cleo@example.no")
    found = Findings(
        SpfOutcome(spf, "example.no"),
        tuple(DkimResult(DkimStatus.PASS, signer) for signer in signers),
        NO_CHAIN,
        DmarcResult(DmarcStatus.NONE, "example.no"),
    )
    message = Arrived(Envelope(sender, Client("192.0.2.25", "mail.example.no", "ESMTPS")), MAIL, found)
    why = await made.answer(ADA, parse_address(ADA.address), message, AWAY, junk=False, now=at.now)
    assert (why is Why.ANSWER) is answered
    assert bool(at.waiting()) is answered


async def test_after_its_days_and_for_a_new_answer_somebody_is_answered_again() -> None:
    at = post(replace(AWAY, days=3))
    await at.arrive(MAIL)
    at.talk.now += timedelta(days=2)
    await at.arrive(MAIL)
    assert len(at.waiting()) == 1
    at.talk.now += timedelta(days=1)
    await at.arrive(MAIL)
    assert len(at.waiting()) == 2
    at.book.standing[ADA.mailbox_id] = Standing((), Away("I am in the mountains."))
    await at.arrive(MAIL)
    assert len(at.waiting()) == 3


async def test_whom_it_answered_is_remembered_as_a_digest_only() -> None:
    at = post()
    await at.arrive(MAIL)
    [digest] = at.memory.kept
    assert len(digest) == 16
    assert b"cleo" not in digest


@pytest.mark.parametrize("sender", ["", "noreply@example.no", "ada@example.is"])
async def test_programs_and_the_owner_are_not_answered(sender: str) -> None:
    at = post()
    await at.arrive(MAIL, sender=sender)
    assert at.waiting() == []


async def test_junk_is_not_answered_and_what_a_rule_discards_neither() -> None:
    at = post(AWAY, judge=Doubting())
    await at.arrive(MAIL)
    assert at.waiting() == []
    gone = Rule("x", (condition("subject", "contains", "tides"),), (action("discard"),))
    at = post(AWAY, gone)
    await at.arrive(MAIL)
    assert at.waiting() == []
    assert at.talk.store.deliveries == []


async def test_what_is_forwarded_instead_of_kept_is_answered() -> None:
    on = Rule("x", (condition("subject", "contains", "tides"),), (action("discard"), action("forward", "a@else.test")))
    at = post(AWAY, on)
    await at.arrive(MAIL)
    assert sorted(item.recipients[0].address for item, _ in at.waiting()) == ["a@else.test", "cleo@example.no"]


async def test_it_speaks_under_the_name_it_was_called_by_without_the_sub_address() -> None:
    at = post()
    at.talk.add("sales@example.is", replace(ADA, wishes=1))
    await at.arrive(MAIL.replace(b"ada@", b"sales@"), "sales+x@example.is")
    assert read(at.waiting()[0][1])["from"] == "sales@example.is"


async def test_a_day_has_its_limit() -> None:
    at = post(AWAY, limits=ErrandLimits(answers=2))
    for name in ("a", "b", "c"):
        await at.arrive(MAIL, sender=f"{name}@example.no")
    assert len(at.waiting()) == 2
    assert at.metrics.counts["answers", "answers_over_limit"] == 1


async def test_an_answer_that_cannot_be_written_down_holds_up_no_mail() -> None:
    at = post()
    at.outbox.failure = StoreUnavailable("x")
    assert (await at.arrive(MAIL)).startswith("250")
    assert len(at.talk.store.deliveries) == 1
    assert at.metrics.counts["answers", "not_queued"] == 1


async def test_without_room_to_remember_nobody_is_answered() -> None:
    at = post()
    at.memory.full = True
    await at.arrive(MAIL)
    assert at.waiting() == []
    assert at.metrics.counts["answers", "no_memory"] == 1


@given(st.binary(max_size=120), st.text("aé\u202e\t", max_size=30))
def test_no_strangers_subject_writes_fields_of_its_own(subject: bytes, own: str) -> None:
    headers = Headers(b"Subject: " + subject.replace(b"\n", b"\n ") + b"\r\nMessage-ID: <x@y>\r\n\r\n")
    wish = Away("x", subject=own if own.isprintable() else "")
    content = written(
        wish, parse_address("ada@example.is"), parse_address("cleo@example.no"), headers, message_id="m@h", now=NOW
    )
    header = content.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in header.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert len(names) == len(set(names)) == 11
    assert all(b"\r" not in line and b"\n" not in line for line in header.split(b"\r\n"))


def test_wishes_are_kept_together() -> None:
    both = Standing((Rule("x", (condition("junk", "yes"),), (action("discard"),)),), AWAY)
    assert from_text(to_text(both)) == both
    assert Standing((), AWAY).in_force
    assert not Standing((), replace(AWAY, off=True)).in_force
