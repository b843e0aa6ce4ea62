"""Recipients that are too many for one transaction go in the next, at once (RFC 5321 §4.5.3.1.10)."""

from __future__ import annotations

from mailhost.outbound.transport import Answer
from tests.office import Office

PEOPLE = tuple(f"p{number}@other.test" for number in range(25))


async def test_a_host_that_takes_ten_at_a_time_gets_them_ten_at_a_time() -> None:
    office = Office()
    office.network.most = 10
    office.network.answers = {"p3@other.test": Answer(550, "5.1.1", "no such user")}
    await office.put(*PEOPLE)
    await office.work()
    assert [recipients for _, _, recipients, _ in office.network.sent] == [PEOPLE, PEOPLE[10:], PEOPLE[20:]]
    assert len(office.network.connected) == 1
    assert not office.outbox.items
    [notice] = office.notices()
    assert notice.count("Final-Recipient") == 1


async def test_who_was_taken_is_not_sent_to_again_when_the_host_then_hangs_up() -> None:
    office = Office()
    office.network.most = 10
    office.network.breaks_after = 1
    await office.put(*PEOPLE)
    await office.work()
    [row] = office.outbox.items.values()
    assert tuple(each.address for each in row.item.recipients) == PEOPLE[10:]
    assert row.item.reason == "deferred_by_host"


async def test_who_is_told_so_and_was_alone_waits() -> None:
    office = Office()
    office.network.answers = {"p0@other.test": Answer(452, "", "not now")}
    await office.put("p0@other.test", "p1@other.test")
    await office.work()
    assert len(office.network.sent) == 2, "asked once more, and no further"
    [row] = office.outbox.items.values()
    assert [each.address for each in row.item.recipients] == ["p0@other.test"]
