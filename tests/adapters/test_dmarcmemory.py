"""DMARC's outcomes in the database: counted across processes, noise to a thief, gone when the day is reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from mailhost.adapters import dmarcmemory
from mailhost.adapters.dmarcmemory import MAX_KINDS, DatabaseDmarcCounts
from mailhost.mailauth.reports import AuthResult, Row
from mailhost.mailauth.resolver import Txt
from mailhost.models import DmarcSeen, Domain
from mailhost.ports import StoreUnavailable
from mailhost.reports.dmarccounts import Published, Seen
from mailhost.wiring.dmarcreports import send
from tests.adapters.conftest import NOW, Cell
from tests.fakedns import FakeDns
from tests.fakes import MemoryOutbox

TODAY = NOW.date()
TOMORROW = TODAY + timedelta(days=1)
PUBLISHED = Published("other.test", "reject", "none", strict_spf=True)
RESULTS = (AuthResult("dkim", "other.test", "pass", "s1"), AuthResult("spf", "other.test", "fail"))
ROW = Row("192.0.2.66", 1, "pass", True, False, "other.test", "bounces.other.test", ("other",), RESULTS)
SEEN = Seen(TODAY, PUBLISHED, ROW)


def counts(cell: Cell) -> DatabaseDmarcCounts:
    return DatabaseDmarcCounts(cell.shop.writer, cell.shop.readers, key=b"k" * 32)


async def test_outcomes_are_counted_across_processes_and_name_nobody(cell: Cell) -> None:
    for _ in range(2):
        made = counts(cell)
        for _ in range(3):
            made.observe(SEEN)
        made.observe(replace(SEEN, row=replace(ROW, source="2001:db8::1")))
        await made.flush()
        await made.flush()
    assert await made.before(TODAY) == []
    assert sorted(count for _, count in await made.before(TOMORROW)) == [2, 6]
    assert (SEEN, 6) in await made.before(TOMORROW)
    rows = await cell.shop.readers.run(lambda: str(list(DmarcSeen.objects.values_list())).encode())
    for secret in (b"other", b"192.0.2", b"bounces", b"dkim"):
        assert secret not in rows
    await made.forget(TOMORROW)
    assert await made.before(TOMORROW) == []


async def test_only_domains_that_were_switched_on_are_counted_for(cell: Cell) -> None:
    made = counts(cell)
    await made.look()
    assert not made.wanted({"example.is"})
    ours = Domain.objects.filter(name="example.is")
    await cell.shop.readers.run(lambda: ours.update(sends_dmarc_reports=True))
    await made.look()
    assert made.wanted({"example.is", "other.test"})
    assert not made.wanted({"other.test"})


async def test_what_nobody_reports_goes_after_two_days(cell: Cell) -> None:
    made = counts(cell)
    made.observe(SEEN)
    await made.flush()
    made.observe(replace(SEEN, day=TODAY + timedelta(days=3)))
    await made.flush()
    assert [one.day for one, _ in await made.before(TODAY + timedelta(days=9))] == [TODAY + timedelta(days=3)]


async def test_what_could_not_be_written_is_written_next_time(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    made = counts(cell)
    made.observe(SEEN)

    async def fails(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(cell.shop.writer, "change", fails)
        with pytest.raises(StoreUnavailable):
            await made.flush()
    made.observe(SEEN)
    await made.flush()
    assert await made.before(TOMORROW) == [(SEEN, 2)]


@pytest.mark.slow  # a flood
async def test_a_flood_fills_neither_memory_nor_table(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    made = counts(cell)
    for number in range(MAX_KINDS + 10):
        made.observe(replace(SEEN, row=replace(ROW, header_from=f"n{number}.test")))
    assert len(made._counted) == MAX_KINDS
    monkeypatch.setattr(dmarcmemory, "MAX_ROWS", 7)
    await made.flush()
    assert await cell.shop.readers.run(DmarcSeen.objects.count) == 7


async def test_days_that_are_over_are_reported_to_those_who_ask_and_then_forgotten(cell: Cell) -> None:
    made = counts(cell)
    made.observe(SEEN)
    made.observe(replace(SEEN, published=replace(PUBLISHED, domain="silent.test")))
    made.observe(replace(SEEN, day=TOMORROW))
    await made.flush()
    around = SimpleNamespace(
        settings=SimpleNamespace(hostname="mx.is-1.example"), secrets=SimpleNamespace(correspondent=b"k" * 32)
    )
    dns = FakeDns({"_dmarc.other.test": [Txt(b"v=DMARC1; p=none; rua=mailto:dmarc@other.test")]})
    outbox = MemoryOutbox()
    later = NOW + timedelta(days=1)
    assert await send(around, cell.shop, outbox, dns, later) == 1  # type: ignore[arg-type]
    [row] = outbox.items.values()
    assert (row.item.sender, row.item.author) == ("", "postmaster@example.is")
    assert row.item.recipients[0].address == "dmarc@other.test"
    assert b"Subject: Report Domain: other.test Submitter: mx.is-1.example" in row.content
    assert [one.day for one, _ in await made.before(TOMORROW + timedelta(days=1))] == [TOMORROW], "today is not over"
    assert await send(around, cell.shop, outbox, dns, later) == 0  # type: ignore[arg-type]
