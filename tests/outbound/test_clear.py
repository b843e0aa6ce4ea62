"""A host that offers no TLS: how often that is seen before its author hears that nothing can be sent there."""

from __future__ import annotations

from mailhost.outbound.transport import Answer
from tests.office import BACKUP, MX, Office


async def test_a_host_without_tls_gives_way_to_one_of_the_domain_that_has_it() -> None:
    office = Office()
    office.network.clear = {MX}
    await office.put("cleo@other.test")
    await office.put("cleo@other.test", sealed=True)
    await office.work()
    assert [name for name, *_ in office.network.sent] == [BACKUP.name] * 2
    assert not office.outbox.items


async def test_where_no_host_has_it_the_first_gets_what_may_go_in_clear() -> None:
    office = Office()
    office.network.clear = {MX, BACKUP}
    await office.put("cleo@other.test", sealed=True)
    await office.work()
    assert [name for name, *_ in office.network.sent] == [MX.name]
    assert len(office.network.connected) == office.network.closed


async def test_what_something_else_put_off_is_not_ended_by_the_first_sight_of_no_tls() -> None:
    office = Office()
    office.network.answers = {"cleo@other.test": Answer(451, "4.7.1", "not known yet")}
    await office.put("cleo@other.test")
    for _ in range(3):
        await office.work()
        office.later(hours=1)
    office.network.secure = False
    await office.work()
    [row] = office.outbox.items.values()
    assert (row.item.reason, office.notices()) == ("tls_required", []), "a bad moment, or somebody in between"
    office.later(hours=1)
    await office.work()
    assert not office.outbox.items
    assert "Status: 5.7.10" in office.notices()[-1]
