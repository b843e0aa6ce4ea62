"""What is remembered about other domains' TLS: it comes back as it was, ends by itself, and names nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from mailhost.adapters.tlsmemory import MAX_KINDS, DatabasePolicyCache, DatabaseTlsCounts
from mailhost.mailauth.resolver import Txt
from mailhost.models import Domain, StsPolicy, TlsSessions
from mailhost.outbox import TlsNeed
from mailhost.ports import StoreUnavailable
from mailhost.reports.tlscounts import Session
from mailhost.tlspolicy.mtasts import Cached, Mode
from mailhost.tlspolicy.mtasts import Policy as StsRules
from mailhost.tlspolicy.requirement import Policy
from mailhost.tlspolicy.tlsrpt import PolicyType, Report, ResultType, parse_report
from mailhost.wiring.tlsreports import send
from tests.adapters.conftest import NOW, Cell
from tests.fakedns import FakeDns
from tests.fakes import MemoryOutbox

POLICY = Cached(StsRules(Mode.ENFORCE, ("mx.other.test",), timedelta(days=7)), "1", NOW, NOW)
TODAY = NOW.date()


def cache(cell: Cell, key: bytes = b"k" * 32) -> DatabasePolicyCache:
    return DatabasePolicyCache(cell.shop.writer, cell.shop.readers, key=key)


def counts(cell: Cell) -> DatabaseTlsCounts:
    return DatabaseTlsCounts(cell.shop.writer, cell.shop.readers, key=b"k" * 32)


def session(domain: str = "other.test", result: ResultType | None = None) -> Session:
    return Session(
        TODAY, domain, Policy(PolicyType.STS, ("mode: enforce",), ("mx.other.test",)), "mx.other.test", result
    )


def everything(*models: type[StsPolicy | TlsSessions]) -> bytes:
    rows = [row for model in models for row in model._default_manager.values_list()]
    return b"".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for row in rows for v in row)


async def test_a_policy_comes_back_as_it_was(cell: Cell) -> None:
    assert await cache(cell).get("other.test") is None
    await cache(cell).put("other.test", POLICY)
    await cache(cell).put("other.test", POLICY.tried_in_vain(NOW + timedelta(hours=1)))
    assert await cache(cell).get("other.test") == POLICY.tried_in_vain(NOW + timedelta(hours=1))
    assert await cache(cell).get("third.test") is None
    assert await cache(cell, b"o" * 32).get("other.test") is None, "another cell's secret opens nothing"
    text = await cell.shop.readers.run(everything, StsPolicy)
    assert b"other" not in text


async def test_a_policy_goes_when_its_age_is_over(cell: Cell) -> None:
    await cache(cell).put("other.test", POLICY)
    await cache(cell).sweep(now=NOW + timedelta(days=7))
    assert await cache(cell).get("other.test") is not None
    await cache(cell).sweep(now=NOW + timedelta(days=9))
    assert await cache(cell).get("other.test") is None


async def test_sessions_are_counted_across_processes_and_name_nobody(cell: Cell) -> None:
    for _ in range(2):
        made = counts(cell)
        for _ in range(3):
            made.observe(session())
        made.observe(session(result=ResultType.CERTIFICATE_EXPIRED))
        await made.flush()
        await made.flush()
    made = counts(cell)
    assert await made.before(TODAY) == []
    found = dict(await made.before(TODAY + timedelta(days=1)))
    assert found == {session(): 6, session(result=ResultType.CERTIFICATE_EXPIRED): 2}
    assert b"other" not in await cell.shop.readers.run(everything, TlsSessions)
    await made.forget(TODAY + timedelta(days=1))
    assert await made.before(TODAY + timedelta(days=1)) == []


async def test_what_could_not_be_written_is_written_next_time(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    made = counts(cell)
    made.observe(session())

    async def fails(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(cell.shop.writer, "change", fails)
        with pytest.raises(StoreUnavailable):
            await made.flush()
    made.observe(session())
    await made.flush()
    assert dict(await made.before(TODAY + timedelta(days=1))) == {session(): 2}


async def test_days_that_are_over_are_reported_to_those_who_ask_and_then_forgotten(cell: Cell) -> None:
    made = counts(cell)
    for domain in ("other.test", "silent.test"):
        made.observe(session(domain, ResultType.CERTIFICATE_EXPIRED))
    made.observe(replace(session(), day=TODAY + timedelta(days=1)))
    await made.flush()
    around = SimpleNamespace(
        settings=SimpleNamespace(hostname="mx.is-1.example"), secrets=SimpleNamespace(correspondent=b"k" * 32)
    )
    dns = FakeDns({"_smtp._tls.other.test": [Txt(b"v=TLSRPTv1; rua=mailto:tls@reports.test,https://other.test/r")]})
    outbox = MemoryOutbox()
    tomorrow = NOW + timedelta(days=1)
    posted: list[tuple[str, Report]] = []

    async def post(site: str, packed: bytes) -> bool:
        posted.append((site, parse_report(packed)))
        return True

    sent = await send(around, cell.shop, outbox, dns, tomorrow, post=post)  # type: ignore[arg-type]
    assert sent == 2
    [(site, report)] = posted
    assert (site, [one.domain for one in report.policies]) == ("https://other.test/r", ["other.test"])
    [row] = outbox.items.values()
    assert (row.item.sender, row.item.tls) == ("", TlsNeed.NONE)
    assert row.item.recipients[0].address == "tls@reports.test"
    assert b"TLS-Report-Domain: other.test\r\n" in row.content
    assert b"silent.test" not in row.content
    assert len(await made.before(TODAY + timedelta(days=2))) == 1, "today is not over"
    assert await send(around, cell.shop, outbox, dns, tomorrow, post=post) == 0  # type: ignore[arg-type]


async def test_sessions_count_for_domains_that_report_and_for_all_where_the_cell_does(cell: Cell) -> None:
    made = counts(cell)
    await made.look()
    assert not made.wanted({"example.is"})
    ours = Domain.objects.filter(name="example.is")
    await cell.shop.readers.run(lambda: ours.update(sends_tls_reports=True))
    await made.look()
    assert made.wanted({"example.is", "example.no"})
    assert not made.wanted({"example.no", ""})
    assert DatabaseTlsCounts(cell.shop.writer, cell.shop.readers, key=b"k" * 32, everyone=True).wanted({"example.no"})
    await cell.shop.readers.run(lambda: ours.update(verified=None))
    await made.look()
    assert not made.wanted({"example.is"})


async def test_a_flood_of_domains_is_not_kept_in_memory(cell: Cell) -> None:
    made = counts(cell)
    for number in range(MAX_KINDS + 10):
        made.observe(session(f"n{number}.test"))
    assert len(made._counted) == MAX_KINDS
