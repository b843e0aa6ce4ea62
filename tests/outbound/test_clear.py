"""A host that offers no TLS: how often that is seen before its author hears that nothing can be sent there."""

from __future__ import annotations

from mailhost.outbound.transport import Answer
from tests.office import Office


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
