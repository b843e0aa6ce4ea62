"""What could not be forwarded stays with the owner who wanted it forwarded, and its first sender hears nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mailhost.outbound.mxwalk import Later, NoMail
from mailhost.outbound.transport import Answer, Verdict
from mailhost.outbox import Passing
from mailhost.ports import INBOX, MailboxFull
from tests.office import LETTER, Office

SENDER = "SRS0=aaaaaa=aa=other.test=cleo@example.is"


async def forward(office: Office, passing: Passing = Passing.ONLY) -> None:
    await office.put("ada@elsewhere.test", sender=SENDER, passing=passing)


@pytest.mark.parametrize(("verdict", "reason"), [(Verdict.DENY, "egress_denied"), (Verdict.HOLD, "egress_held")])
async def test_the_owner_gets_the_whole_message_with_the_reason_on_top(verdict: Verdict, reason: str) -> None:
    office = Office()
    office.rule = lambda *_: verdict
    await forward(office)
    await office.work()
    [text] = office.notices()
    assert text.endswith(LETTER.decode())
    assert "Skerry-Not-Forwarded: Sun, 22 Nov 2026 10:30:12 +0000; for ada@elsewhere.test" in text.replace(
        "\r\n\t", " "
    )
    assert "Nobody knows where it stands." in text.replace("\r\n\t", " ")
    assert [d.special_use for d in office.talk.store.deliveries] == [INBOX]
    assert office.counts.told() == {reason: 1}


@pytest.mark.parametrize("passing", [Passing.COPY, Passing.ONLY])
async def test_a_refusal_is_counted_and_told_to_no_stranger(passing: Passing) -> None:
    office = Office()
    office.network.answers = {"ada@elsewhere.test": Answer(550, "5.1.1", "gone")}
    await forward(office, passing)
    await office.work()
    assert office.counts.told() == {"refused_by_host": 1}
    assert len(office.notices()) == (passing is Passing.ONLY)
    assert {d.mailbox_id for d in office.talk.store.deliveries} <= {1}
    assert not office.outbox.items


async def test_a_delay_is_nobodys_news_and_after_five_days_it_comes_back() -> None:
    office = Office()
    office.walk = Later("dns_failed")
    await forward(office)
    for _ in range(61):
        await office.work()
        office.later(hours=2)
    await office.work()
    [text] = office.notices()
    assert text.endswith(LETTER.decode())
    assert not office.outbox.items


async def test_without_room_it_waits_and_is_not_lost() -> None:
    office = Office()
    office.walk = NoMail("null_mx")
    office.talk.store.failures = [MailboxFull([1])]
    await forward(office)
    await office.work()
    assert office.notices() == []
    assert len(office.outbox.items) == 1
    office.later(hours=5)
    office.walk = NoMail("null_mx")
    await office.work()
    assert len(office.notices()) == 1
    assert office.counts.told() == {"null_mx": 1}


async def test_what_arrives_is_nobodys_news() -> None:
    office = Office()
    await forward(office)
    await office.work()
    assert office.network.sent == [("mx.other.test", SENDER, ("ada@elsewhere.test",), False)]
    assert office.notices() == []
    assert office.counts.told() == {}
    office.later(seconds=timedelta(days=9).total_seconds())
    await office.work()
    assert office.notices() == []
