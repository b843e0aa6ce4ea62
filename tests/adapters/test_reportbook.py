"""Counts of reports in the database: once each, for hosted domains, bounded, forgotten after a year."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters import reportbook
from mailhost.adapters.reportbook import DatabaseReportBook
from mailhost.models import Domain, ReceivedReport, ReportAddress, ReportedMail, ReportedSessions, Tenant
from mailhost.reports.reportmail import MailRow, Received, SessionRow
from tests.adapters.conftest import NOW, Cell

DAY = NOW.date() - timedelta(days=1)
MAIL = Received("example.is", DAY, "Large", b"1" * 16, mail=(MailRow("192.0.2.0/24", "none", True, False, 7),))
TLS = Received("example.is", DAY, "Large", b"2" * 16, sessions=(SessionRow("sts", "success", 90),))


def rows() -> tuple[int, list[int], list[int]]:
    return (
        ReceivedReport.objects.count(),
        list(ReportedMail.objects.values_list("messages", flat=True)),
        list(ReportedSessions.objects.values_list("sessions", flat=True)),
    )


@pytest.fixture
def book(cell: Cell) -> DatabaseReportBook:
    return DatabaseReportBook(cell.shop.writer, cell.shop.readers)


async def test_each_report_is_kept_once(book: DatabaseReportBook) -> None:
    assert await book.enter([MAIL, TLS], proven=True, now=NOW) == 2
    assert await book.enter([MAIL], proven=True, now=NOW) == 1
    assert await sync_to_async(rows)() == (2, [7], [90])
    kinds = await sync_to_async(lambda: set(ReceivedReport.objects.values_list("kind", "proven")))()
    assert kinds == {("dmarc", True), ("tls", True)}


async def test_what_is_about_a_domain_elsewhere_is_not_kept(book: DatabaseReportBook) -> None:
    assert await book.enter([replace(MAIL, domain="other.test")], proven=True, now=NOW) == 0
    assert await sync_to_async(rows)() == (0, [], [])


@pytest.mark.parametrize("day", [DAY - timedelta(days=40), DAY + timedelta(days=5), date(1, 1, 1)])
async def test_a_report_of_another_time_is_not_kept(book: DatabaseReportBook, day: date) -> None:
    assert await book.enter([replace(MAIL, day=day)], proven=False, now=NOW) == 0


async def test_nobody_can_fill_the_book(book: DatabaseReportBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reportbook, "MAX_A_DAY", 3)
    for number in range(6):
        assert await book.enter([replace(MAIL, digest=b"%016d" % number)], proven=False, now=NOW) == 1
    assert (await sync_to_async(rows)())[0] == 3


async def test_after_a_year_it_is_forgotten(book: DatabaseReportBook) -> None:
    await book.enter([MAIL, TLS], proven=True, now=NOW)
    later = NOW + timedelta(days=420)
    await book.enter([replace(MAIL, day=later.date(), digest=b"3" * 16)], proven=True, now=later)
    assert await sync_to_async(rows)() == (1, [7], [])


async def test_an_address_counts_for_its_tenants_domains_alone(book: DatabaseReportBook, cell: Cell) -> None:
    tenant = cell.ada.mailbox.tenant_id
    await sync_to_async(ReportAddress.objects.create)(tenant_id=tenant, address="dmarc@example.is")
    assert await book.tenants_of({"dmarc@example.is", "ben@example.is"}) == {tenant}
    assert await book.tenants_of({"ben@example.is"}) == frozenset()
    assert await book.enter([MAIL], proven=True, now=NOW, tenant=tenant) == 1
    await sync_to_async(Domain.objects.filter(name="example.is").update)(verified=None)
    assert await book.enter([TLS], proven=True, now=NOW, tenant=tenant) == 0


async def test_another_tenants_address_counts_nothing_about_it(book: DatabaseReportBook, cell: Cell) -> None:
    assert await book.enter([MAIL, TLS], proven=True, now=NOW, tenant=cell.ada.mailbox.tenant_id + 1) == 0
    assert await sync_to_async(rows)() == (0, [], [])


async def test_an_address_of_a_domain_that_is_somebody_elses_by_now_counts_nothing(
    book: DatabaseReportBook, cell: Cell
) -> None:
    def moved() -> None:
        ReportAddress.objects.create(tenant_id=cell.ada.mailbox.tenant_id, address="dmarc@example.is")
        guest = Tenant.objects.create(cell="is-1", slug="guest", name="Guest", created=NOW.date())
        Domain.objects.filter(name="example.is").update(tenant=guest)

    await sync_to_async(moved)()
    assert await book.tenants_of({"dmarc@example.is"}) == frozenset()
