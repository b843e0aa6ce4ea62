"""Dispatch over a queue, a network and a clock in memory: each recipient comes to one end, and its author knows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailhost.dispatch import BACKOFF, backoff
from mailhost.limits import DispatchLimits
from mailhost.message.headers import read_headers
from mailhost.outbound.mxwalk import Later, NoMail, Target, Targets, Walk
from mailhost.outbound.notices import WHY
from mailhost.outbound.transport import Answer, Verdict
from mailhost.outbox import Claim, Item, TlsNeed
from mailhost.ports import MailboxFull, StoreUnavailable
from mailhost.tlspolicy.requirement import Barred
from mailhost.tlspolicy.tlsrpt import ResultType
from tests.office import BACKUP, LETTER, MX, Office
from tests.patience import PATIENCE, eventually
from tests.people import ADA, NOW


async def test_recipients_of_one_domain_share_a_transaction_and_messages_a_connection() -> None:
    office = Office()
    await office.put("cleo@other.test", "mo@other.test")
    await office.put("cleo@other.test")
    await office.work()
    assert office.network.sent == [
        ("mx.other.test", "ada@example.is", ("cleo@other.test", "mo@other.test"), False),
        ("mx.other.test", "ada@example.is", ("cleo@other.test",), False),
    ]
    assert office.network.connected == ["mx.other.test"]
    assert office.network.closed == 1
    assert not office.outbox.items
    assert not office.outbox.claims
    assert office.notices() == []


async def test_much_mail_opens_a_few_connections_and_no_more() -> None:
    office = Office()
    for _ in range(90):
        await office.put("cleo@other.test")
    await office.work()
    assert len(office.network.sent) == 90
    assert len(office.network.connected) == DispatchLimits().connections


async def test_each_recipient_comes_to_its_own_end() -> None:
    office = Office()
    await office.put("cleo@other.test", "gone@other.test", "full@other.test")
    office.network.answers = {
        "gone@other.test": Answer(550, "5.1.1", "no such user"),
        "full@other.test": Answer(452, "4.2.2", "full"),
    }
    await office.work()
    [row] = office.outbox.items.values()
    assert [forward.address for forward in row.item.recipients] == ["full@other.test"]
    assert row.item.reason == "deferred_by_host"
    assert row.due == NOW + BACKOFF[0]
    [notice] = office.notices()
    assert "Final-Recipient: rfc822; gone@other.test\r\nAction: failed\r\nStatus: 5.1.1\r\n" in notice
    assert "What mx.other.test answered: 550 5.1.1 no such user" in notice
    assert "cleo@other.test" not in notice
    assert "High at noon" not in notice


async def test_the_next_host_is_tried_when_the_first_is_down() -> None:
    office = Office()
    office.network.down = {MX}
    await office.put("cleo@other.test")
    await office.work()
    assert office.network.connected == ["mx.other.test", "backup.other.test"]
    assert not office.outbox.items


async def test_a_dead_destination_waits_as_a_whole_and_ever_longer() -> None:
    office = Office()
    office.network.down = {MX, BACKUP}
    for _ in range(3):
        await office.put("cleo@other.test")
    for failures in range(4):
        await office.work()
        tried = len(office.network.connected)
        assert tried == 2 * (failures + 1)
        assert office.outbox.failures[b"other.test"] == failures + 1
        await office.put("mo@other.test")
        await office.work()
        assert len(office.network.connected) == tried, "new mail for a dead host waits with the old"
        office.later(seconds=backoff(failures).total_seconds())
    office.network.down = set()
    await office.work()
    assert not office.outbox.items
    assert office.outbox.failures[b"other.test"] == 0


async def test_a_connection_that_breaks_in_the_middle_keeps_the_message() -> None:
    office = Office()
    office.network.breaks = "closed"
    await office.put("cleo@other.test")
    await office.work()
    [row] = office.outbox.items.values()
    assert (row.item.reason, row.item.attempts) == ("closed", 1)
    office.network.breaks = ""
    office.later(minutes=1)
    await office.work()
    assert not office.outbox.items


@pytest.mark.parametrize(
    ("reason", "status"), [("null_mx", "5.1.10"), ("no_such_domain", "5.1.2"), ("private_target", "5.4.4")]
)
async def test_what_the_dns_says_for_certain_ends_at_once(reason: str, status: str) -> None:
    office = Office()
    office.walk = NoMail(reason)
    await office.put("cleo@other.test")
    await office.work()
    assert not office.outbox.items
    assert f"Status: {status}" in office.notices()[0]
    assert not office.network.connected


async def test_what_the_dns_does_not_say_waits_is_told_of_and_ends_after_five_days() -> None:
    office = Office()
    office.walk = Later("dns_failed")
    await office.put("cleo@other.test")
    for _ in range(60):
        await office.work()
        office.later(hours=2)
    delayed = [text for text in office.notices() if "Action: delayed" in text]
    failed = [text for text in office.notices() if "Action: failed" in text]
    assert (len(delayed), len(failed)) == (1, 0)
    assert "Will-Retry-Until: Fri, 27 Nov 2026" in delayed[0]
    office.later(hours=2)
    await office.work()
    assert not office.outbox.items
    assert "Status: 4.4.7" in office.notices()[-1]
    assert "name servers of this domain do not answer" in office.notices()[-1].replace("\r\n", " ")


async def test_the_null_sender_is_never_answered_and_never_wishes_are_kept() -> None:
    office = Office()
    office.network.answers = {"gone@other.test": Answer(550, "", "no")}
    await office.put("gone@other.test", sender="")
    await office.put("gone@other.test", notify="NEVER")
    await office.put("gone@other.test", notify="DELAY")
    await office.work()
    assert office.notices() == []
    assert not office.outbox.items


async def test_a_notice_that_finds_no_room_now_is_written_later() -> None:
    office = Office()
    office.network.answers = {"gone@other.test": Answer(550, "", "no")}
    await office.put("gone@other.test")
    office.talk.store.failures = [MailboxFull({1})]
    await office.work()
    assert next(iter(office.outbox.items.values())).item.reason == "notice_waits"
    office.later(minutes=1)
    await office.work()
    assert len(office.notices()) == 1
    assert not office.outbox.items


async def test_a_host_without_tls_gets_nothing_readable() -> None:
    office = Office()
    office.network.secure = False
    await office.put("cleo@other.test")
    for _ in range(4):
        await office.work()
        office.later(hours=1)
    assert office.network.sent == []
    assert not office.outbox.items
    assert "offers no encryption" in office.notices()[0]
    await office.put("cleo@other.test", sealed=True)
    await office.work()
    assert len(office.network.sent) == 1, "what only its reader can read may go in clear"


async def test_loopback_is_no_wire() -> None:
    office = Office()
    office.network.secure = False
    office.walk = Targets((Target("relay", "127.0.0.1", 2600),))
    await office.put("cleo@other.test")
    await office.work()
    assert len(office.network.sent) == 1


async def test_one_host_that_must_not_have_it_stops_it_for_all() -> None:
    office = Office()
    office.rule = lambda target, _secure, _sealed: Verdict.DENY if target == BACKUP else Verdict.ALLOW
    await office.put("cleo@other.test")
    await office.work()
    assert office.network.connected == []
    said = " ".join(office.notices()[0].split())
    assert "policy does not let readable mail go" in said
    assert f"Nobody knows where it stands. This is on record as decision {'d' * 32}." in said


async def test_a_relay_is_no_way_round_a_policy() -> None:
    office = Office()
    relay = Target("relay.test", "93.184.215.99")
    office.walk = Targets((relay,), beyond=(MX,))
    office.rule = lambda target, _secure, _sealed: Verdict.DENY if target == MX else Verdict.ALLOW
    await office.put("cleo@other.test")
    await office.work()
    assert office.network.connected == []
    assert "policy does not let readable mail go" in " ".join(office.notices()[0].split())
    office.rule = lambda _target, _secure, _sealed: Verdict.ALLOW
    await office.put("cleo@other.test")
    await office.work()
    assert office.network.connected == ["relay.test"], "asked about, and never called"


async def test_smtputf8_is_asked_for_only_where_it_is_needed() -> None:
    office = Office()
    await office.put("cleo@other.test", smtputf8=True)
    await office.put("ćleo@other.test", smtputf8=True)
    await office.put("cleo@other.test", smtputf8=True, content="Subject: Tides\r\n\r\nHátt.\r\n".encode())
    await office.put("cleo@other.test", smtputf8=True, content="Subject: Hátt\r\n\r\nHigh.\r\n".encode())
    await office.put("ćleo@other.test")
    await office.work()
    sent = [utf8 for *_, utf8 in office.network.sent]
    assert sent == [False, True, False, True, True], "a body asks for 8BITMIME only, an address for it always"


async def test_a_store_that_fails_stops_nothing_else() -> None:
    office = Office()
    stop = asyncio.Event()
    running = asyncio.create_task(office.dispatcher.run(stop))

    async def fails(*_: object, **__: object) -> None:
        raise StoreUnavailable

    done, office.outbox.done = office.outbox.done, fails  # type: ignore[method-assign]
    await office.put("cleo@other.test")
    await asyncio.to_thread(eventually, lambda: office.talk.metrics.counts["queue_attempts", "store_unavailable"])
    office.outbox.done = done  # type: ignore[method-assign]
    await office.put("mo@third.test")

    def gone() -> bool:
        return all(row.item.recipients[0].domain != "third.test" for row in list(office.outbox.items.values()))

    await asyncio.to_thread(eventually, gone, lambda: "the other destination was stopped too")
    stop.set()
    await asyncio.wait_for(running, PATIENCE)


async def test_a_fault_waits_ever_longer_and_its_author_hears_in_the_end() -> None:
    office = Office()

    async def fault(_domain: str) -> Walk:
        raise RuntimeError

    office.dispatcher._find = fault
    await office.put("cleo@other.test")
    for days in (0, 0, 0.2, 0.001, 5):
        office.later(days=days)
        for claim in await office.outbox.claim(now=office.now, lease=timedelta(seconds=30), destinations=9, items=9):
            await office.dispatcher._safely(claim)
        if not days:
            assert office.talk.metrics.counts["queue_attempts", "fault"] == 1, "not at once again"
            assert office.outbox.failures[b"other.test"] == 1
    assert [("delayed" in one, "not delivered" in one) for one in office.notices()] == [(True, False), (False, True)]
    assert not office.outbox.items


@pytest.mark.parametrize("where", ["policy", "content", "answers", "end"])
async def test_a_message_that_trips_dispatch_waits_alone(where: str) -> None:
    office = Office()
    for _ in range(3):
        await office.put("cleo@other.test")
    bad = min(office.outbox.items)
    sent, meets = office.network.sent, {"policy": office.dispatcher._leaving, "answers": office.dispatcher}
    owner, name = (
        meets.get(where, office.outbox),
        {"policy": "shares", "answers": "_answered", "end": "done"}.get(where, where),
    )
    before = getattr(owner, name)

    async def trips(*given: Any) -> Any:
        if any(isinstance(one, Item) and one.id == bad for one in given):
            raise RuntimeError
        return await before(*given)

    setattr(owner, name, trips)
    await office.dispatcher._safely(*await _claimed(office))
    [row] = office.outbox.items.values()
    assert (row.item.id, row.item.attempts, row.item.reason, row.due) == (bad, 1, "fault", NOW + BACKOFF[0])
    assert len(sent) == (2 if where in {"policy", "content"} else 3)
    assert office.talk.metrics.counts["queue_attempts", "fault"] == 1
    assert office.outbox.failures[b"other.test"] == 0, "its destination is well"
    assert not office.outbox.claims


async def test_a_connection_that_somebody_tripped_on_serves_nobody_else() -> None:
    office = Office()
    for content in (b"Subject: bad\r\n\r\n", LETTER, LETTER):
        await office.put("cleo@other.test", content=content)

    def heard(content: bytes) -> None:
        if b"bad" in content:
            raise RuntimeError

    office.network.heard = heard
    await office.work()
    assert len(office.network.sent) == 2
    assert len(office.network.connected) == office.network.closed == 2
    assert [row.item.reason for row in office.outbox.items.values()] == ["fault"]


async def test_a_notice_that_trips_dispatch_sends_nothing_twice() -> None:
    office = Office()
    office.network.answers = {"gone@other.test": Answer(550, "5.1.1", "no such user")}

    async def trips(mailbox_id: int) -> str:
        raise RuntimeError

    tongue, office.links.language = office.links.language, trips  # type: ignore[method-assign]
    await office.put("cleo@other.test", "gone@other.test")
    await office.work()
    [row] = office.outbox.items.values()
    assert [forward.address for forward in row.item.recipients] == ["gone@other.test"]
    office.links.language = tongue  # type: ignore[method-assign]
    office.later(minutes=1)
    await office.work()
    assert [recipients for _, _, recipients, _ in office.network.sent][1:] == [("gone@other.test",)]
    assert len(office.notices()) == 1
    assert not office.outbox.items


async def _claimed(office: Office) -> Sequence[Claim]:
    return await office.outbox.claim(now=office.now, lease=timedelta(seconds=30), destinations=9, items=9)


def test_the_pauses_grow_and_the_last_one_stays() -> None:
    assert list(BACKOFF) == sorted(BACKOFF)
    assert backoff(0) == timedelta(minutes=1)
    assert backoff(1000) == timedelta(hours=4)


async def test_when_the_store_fails_for_one_connection_the_others_end_under_the_claim() -> None:
    office = Office()
    for _ in range(40):
        await office.put("cleo@other.test")
    done, failures = office.outbox.done, [1]

    async def fails_once(item: Item) -> None:
        if failures and failures.pop():
            raise StoreUnavailable("locked")
        await done(item)

    office.outbox.done = fails_once  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await office.work()
    sent = len(office.network.sent)
    await asyncio.sleep(0.01)
    assert len(office.network.sent) == sent
    assert office.network.closed == len(office.network.connected)


async def test_an_author_whose_message_is_lost_hears_of_it() -> None:
    office = Office()
    await office.put("cleo@other.test")

    async def gone(_item: Item) -> None:
        return None

    office.outbox.content = gone  # type: ignore[method-assign,assignment]
    await office.work()
    assert not office.outbox.items
    [notice] = office.notices()
    assert "Action: failed\r\nStatus: 5.3.0\r\n" in notice


async def test_no_answer_about_a_certificate_is_no_refusal_of_requiretls() -> None:
    office = Office()
    office.requirement = Barred("dane_unknown", ResultType.DNSSEC_INVALID, passing=True)
    await office.put("cleo@other.test", tls=TlsNeed.REQUIRED)
    await office.work()
    [row] = office.outbox.items.values()
    assert row.item.reason == "dane_unknown"
    assert office.notices() == []


async def test_what_is_overdue_is_looked_for_now_and_then() -> None:
    office = Office()
    asked: list[bool] = []
    claim = office.outbox.claim

    async def remembering(*, overdue: bool = True, **more: Any) -> Sequence[Claim]:
        asked.append(overdue)
        if len(asked) == 3:
            office.later(seconds=DispatchLimits().overdue.total_seconds())
        if len(asked) == 5:
            office.later(days=-1)
        if len(asked) == 7:
            stop.set()
        return await claim(overdue=overdue, **more)

    office.outbox.claim = remembering  # type: ignore[method-assign]
    stop = asyncio.Event()
    office.dispatcher._limits = replace(DispatchLimits(), poll=0.001)
    await office.dispatcher.run(stop)
    assert asked == [True, False, False, True, False, True, False], "a clock that is put back hides nothing"


async def test_what_policy_stops_is_told_even_where_nobody_sent_it() -> None:
    office = Office()
    office.rule = lambda _target, _secure, _sealed: Verdict.DENY
    await office.put("reports@other.test", sender="")
    await office.work()
    assert not office.outbox.items
    [told] = office.notices()
    assert "Final-Recipient: rfc822; reports@other.test" in told
    assert "policy does not let readable mail go" in " ".join(told.split())


async def test_what_its_host_refuses_is_not_told_to_the_null_sender() -> None:
    office = Office()
    office.network.answers = {"reports@other.test": Answer(550, "5.1.1", "no such user")}
    await office.put("reports@other.test", sender="")
    await office.work()
    assert not office.outbox.items
    assert office.notices() == []


def test_every_reason_that_can_stop_mail_has_words_for_its_author() -> None:
    root = Path(__file__).resolve().parents[1] / "mailhost"
    made = re.compile(r'(?:ConnectionFailed|Later|NoMail|Barred|Unreachable)\(\s*"([a-z_]+)"')
    returned = re.compile(r'return "([a-z_]+)"')
    found = {reason for path in root.rglob("*.py") for reason in made.findall(path.read_text())}
    found |= set(returned.findall((root / "smtp" / "client.py").read_text()))
    assert len(found) > 15
    assert found - set(WHY) <= {"store_unavailable"}, "this one is ours and passes"


@pytest.mark.parametrize(
    ("walk", "words"),
    [
        (NoMail("null_mx"), "takes no mail"),
        (NoMail("no_such_domain"), "does not exist"),
        (NoMail("no_address"), "names no host"),
        (NoMail("private_target"), "not on the internet"),
        (NoMail("points_here"), "to this very mail host"),
    ],
)
async def test_what_the_dns_says_for_good_goes_back_with_its_reason(walk: NoMail, words: str) -> None:
    office = Office()
    office.walk = walk
    await office.put("cleo@other.test")
    await office.work()
    assert not office.outbox.items
    [told] = office.notices()
    assert words in " ".join(told.split())
    assert office.network.connected == []


@pytest.mark.parametrize("reason", ["dns_failed", "no_resolver"])
async def test_what_the_dns_does_not_say_is_never_a_bounce(reason: str) -> None:
    office = Office()
    office.walk = Later(reason)
    await office.put("cleo@other.test")
    await office.work()
    [row] = office.outbox.items.values()
    assert row.item.reason == reason
    assert office.notices() == []


async def test_a_notice_is_in_its_authors_language_and_programs_read_the_same() -> None:
    office = Office()
    office.network.answers = {"gone@other.test": Answer(550, "5.1.1", "no such user")}
    office.links.languages[ADA.mailbox_id] = "xx"
    await office.put("gone@other.test")
    await office.work()
    [notice] = office.notices()
    assert read_headers(notice.encode()).text(b"subject") == "¡Your message was not delivered!"
    assert "¡Your message could not be delivered to:!" in notice
    assert f"    ¡{WHY['refused_by_host'][1]}!" in notice
    assert "Final-Recipient: rfc822; gone@other.test\r\nAction: failed\r\nStatus: 5.1.1\r\n" in notice
