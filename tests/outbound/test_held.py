"""Held mail: it goes back to its author and to nobody else, says why, and leaves nothing in the queue."""

from __future__ import annotations

from dataclasses import replace

from mailhost.dispatch import BACKOFF
from mailhost.limits import SmtpLimits
from mailhost.message.headers import read_headers
from mailhost.message.submitted import prepared
from mailhost.outbound.transport import Verdict
from mailhost.ports import HELD_FOLDER, MailboxFull, MailboxState
from mailhost.seal import open_header, open_payload
from tests.office import LETTER, MX, Office
from tests.people import ADA, BEN, NOW, identity


def holding() -> Office:
    office = Office()
    office.rule = lambda *_: Verdict.HOLD
    return office


def copies(office: Office) -> list[bytes]:
    return [
        bytes(open_payload(open_header([identity("ada")], delivery.header), delivery.payload))
        for delivery in office.talk.store.deliveries
        if delivery.special_use == HELD_FOLDER
    ]


def said(office: Office) -> list[str]:
    """The notices, each on one line."""
    return [" ".join(text.split()) for text in office.notices() if "multipart/report" in text]


async def test_held_mail_lies_whole_in_its_authors_folder_and_nowhere_else() -> None:
    office = holding()
    await office.put("cleo@other.test", "blind@other.test")
    await office.work()
    assert office.network.connected == []
    assert not office.outbox.items
    [copy] = copies(office)
    assert copy.endswith(LETTER)
    headers = read_headers(copy)
    assert b"; for cleo@other.test, blind@other.test" in b" ".join((headers.first(b"skerry-held") or b"").split())
    assert b"d" * 32 in (headers.first(b"skerry-held-because") or b"")
    assert {delivery.mailbox_id for delivery in office.talk.store.deliveries} == {ADA.mailbox_id}
    assert office.talk.metrics.counts["queue_attempts", "held"] == 1


async def test_the_notice_names_the_addresses_the_reason_the_decision_and_the_way_out_but_nothing_written() -> None:
    office = holding()
    await office.put("cleo@other.test")
    await office.work()
    [notice] = said(office)
    for expected in (
        "Final-Recipient: rfc822; cleo@other.test",
        "Action: failed Status: 5.7.1",
        "in the folder Held of your mailbox",
        "Nobody knows where it stands.",
        f"This is on record as decision {'d' * 32}.",
        "Seal it for its reader",
        "send it again",
    ):
        assert expected in notice, expected
    assert "High at noon" not in notice


async def test_what_is_sent_again_carries_no_trace_of_having_been_held_and_is_asked_about_anew() -> None:
    office = holding()
    await office.put("cleo@other.test")
    await office.work()
    [copy] = copies(office)
    again = prepared(copy, message_id="x@example.is", date=NOW)
    assert b"skerry" not in again.lower().split(b"\r\n\r\n")[0]
    assert again.endswith(b"\r\n\r\nHigh at noon.\r\n")
    office.rule = lambda *_: Verdict.ALLOW
    await office.put("cleo@other.test")
    await office.work()
    assert [sent[2] for sent in office.network.sent] == [("cleo@other.test",)]


async def test_mail_whose_author_consents_shares_no_answer_with_mail_whose_author_does_not() -> None:
    office = holding()
    await office.put("cleo@other.test")
    await office.put("mo@other.test", consent=True)
    await office.work()
    assert [sent[2] for sent in office.network.sent] == [("mo@other.test",)]
    assert len(copies(office)) == 1


async def test_it_goes_back_to_who_handed_it_in_and_not_to_others_behind_the_address() -> None:
    office = holding()
    office.talk.add("sales@example.is", ADA, BEN)
    office.talk.add("ada@example.is", ADA, BEN)
    await office.put("cleo@other.test", sender="sales@example.is")
    await office.work()
    held = [delivery for delivery in office.talk.store.deliveries if delivery.special_use == HELD_FOLDER]
    assert [delivery.mailbox_id for delivery in held] == [ADA.mailbox_id]


async def test_without_room_it_waits_and_comes_back_later() -> None:
    office = holding()
    office.talk.store.failures = [MailboxFull({ADA.mailbox_id})]
    await office.put("cleo@other.test")
    await office.work()
    [row] = office.outbox.items.values()
    assert (row.item.reason, row.due) == ("held_waits", NOW + BACKOFF[0])
    office.later(minutes=1)
    await office.work()
    assert len(copies(office)) == 1
    assert not office.outbox.items


async def test_a_mailbox_that_cannot_take_it_back_is_told_so() -> None:
    office = holding()
    await office.put("cleo@other.test")
    [row] = office.outbox.items.values()
    row.item = replace(row.item, author="gone@example.is")
    await office.work()
    assert copies(office) == []
    assert "not in the folder Held either" in said(office)[0]
    office.talk.add("ada@example.is", replace(ADA, state=MailboxState.SUSPENDED))
    office.talk.clock += 60
    await office.put("cleo@other.test")
    await office.work()
    [row] = office.outbox.items.values()
    assert row.item.reason == "held_waits", "who is switched off may be switched on again"
    assert len(said(office)) == 1, "and is told nothing meanwhile"


async def test_what_is_as_long_or_as_deep_as_may_be_submitted_comes_back_all_the_same() -> None:
    office = holding()
    letter = b"Received: by mx.example.is\r\n" * (SmtpLimits().hops + 1) + LETTER
    await office.put("cleo@other.test")
    [row] = office.outbox.items.values()
    row.content = letter
    await office.work()
    assert copies(office)[0].endswith(letter)


async def test_a_receipt_without_a_sender_is_held_without_a_notice() -> None:
    office = holding()
    await office.put("cleo@other.test", sender="")
    await office.work()
    assert len(copies(office)) == 1
    assert said(office) == []


async def test_one_host_that_is_not_known_holds_for_all() -> None:
    office = Office()
    office.rule = lambda target, _secure, _sealed: Verdict.ALLOW if target == MX else Verdict.HOLD
    await office.put("cleo@other.test")
    await office.work()
    assert office.network.connected == []
    assert len(copies(office)) == 1
