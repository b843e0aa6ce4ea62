"""A host that has had enough (421) is left alone, and one message that it does not like stops no other."""

from __future__ import annotations

from datetime import timedelta

from mailhost.dispatch import BACKOFF
from mailhost.outbound.transport import Answer
from tests.office import Office
from tests.people import NOW

ENOUGH = Answer(421, "4.7.0", "too much mail from you, try again later")


async def test_a_host_that_has_had_enough_is_not_asked_for_each_message() -> None:
    office = Office()
    office.network.answers = {"cleo@other.test": ENOUGH}
    for _ in range(30):
        await office.put("cleo@other.test")
    asked = 0
    for failures in range(3):
        await office.work()
        tried, asked = len(office.network.sent) - asked, len(office.network.sent)
        assert tried <= 10, "two in a row on each of a few connections"
        assert office.outbox.failures[b"other.test"] == failures + 1
        office.later(minutes=BACKOFF[failures] / timedelta(minutes=1))
    office.network.answers = {}
    await office.work()
    assert not office.outbox.items
    assert office.notices() == []


async def test_messages_that_are_always_answered_so_stand_in_no_other_message_s_way() -> None:
    office = Office()
    office.network.answers = {"cleo@other.test": ENOUGH}
    for number in range(6):
        await office.put("cleo@other.test" if number < 4 else "mo@other.test")
    for failures in range(3):
        await office.work()
        office.later(minutes=BACKOFF[failures] / timedelta(minutes=1))
    assert {row.item.recipients[0].address for row in office.outbox.items.values()} == {"cleo@other.test"}


async def test_one_message_that_is_answered_so_stops_no_other() -> None:
    office = Office()
    office.network.answers = {"cleo@other.test": ENOUGH}
    for number in range(9):
        await office.put("cleo@other.test" if number % 3 == 0 else "mo@other.test")
    await office.work()
    assert {row.item.recipients[0].address for row in office.outbox.items.values()} == {"cleo@other.test"}
    assert {row.due for row in office.outbox.items.values()} == {NOW + BACKOFF[0]}
    assert office.outbox.failures[b"other.test"] == 0
