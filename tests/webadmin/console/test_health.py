"""Graphs, deliverability, DNS, keys, place and limits: what they add up, whom they leave out, and what a page costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mailhost.models import Domain, DomainCheck, ReceivedReport, ReportedMail, ReportedSessions, SendingLimit
from tests.provision import house
from tests.webadmin.console.test_pages import acts, keep_out, text, waits
from webadmin.console import health, hours, keyring
from webadmin.console.models import HourFigure

pytestmark = pytest.mark.django_db
NOW = house.NOW
HOUR = NOW.replace(minute=0, second=0, microsecond=0)


def report(domain: str, number: int, *, aligned: int = 0, unproven: int = 0, broken: int = 0, days: int = 1) -> None:
    row = ReceivedReport.objects.create(
        domain=Domain.objects.get(name=domain),
        kind="dmarc",
        day=timezone.now().date() - timedelta(days=days),
        reporter=f"reporter {number}",
        proven=True,
        digest=number.to_bytes(16, "big"),
    )
    for messages, good in ((aligned, True), (unproven, False)):
        ReportedMail.objects.create(
            report=row,
            network="192.0.2.0/24",
            disposition="none" if good else "quarantine",
            aligned_dkim=good,
            aligned_spf=False,
            messages=messages,
        )
    for sessions, result in ((10, "success"), (broken, "certificate-expired")):
        ReportedSessions.objects.create(report=row, policy="sts", result=result, sessions=sessions)


def value(name: str) -> int:
    return HourFigure.objects.get(hour=HOUR, name=name).value


def totals(ok: float, refused: float = 0) -> dict[tuple[str, str], float]:
    return {("smtp_messages", "ok"): ok, ("smtp_recipients", "spam"): refused, ("queue_attempts", "delivered"): 2 * ok}


def test_what_was_counted_since_the_last_reading_belongs_to_this_hour(mo: Client) -> None:
    hours.take(totals(1000), NOW)
    assert value("stored") == 0, "the first reading may be of weeks"
    hours.take(totals(1003, 5), NOW + timedelta(minutes=10))
    hours.take(totals(1004, 5), NOW + timedelta(minutes=20))
    assert (value("stored"), value("refused"), value("delivered")) == (4, 5, 8)


def test_a_counter_that_fell_began_anew(mo: Client) -> None:
    hours.take(totals(1000), NOW)
    hours.take(totals(7), NOW)
    assert value("stored") == 7


def test_an_hour_keeps_the_longest_queue_and_old_hours_are_forgotten(mo: Client) -> None:
    item = waits(1)
    HourFigure.objects.create(hour=HOUR - HourFigure.KEPT - timedelta(hours=1), name="queue", value=9)
    hours.take({}, NOW)
    item.delete()
    hours.take({}, NOW)
    assert value("queue") == 1
    assert HourFigure.objects.filter(value=9).count() == 0


def test_the_graphs_are_said_in_words_too(mo: Client) -> None:
    waits(1)
    hours.take({}, timezone.now())
    shown = text(mo.get("/console/"))
    assert "Mail that waits, the last 48 hours: now 1, at most 1" in shown
    assert shown.count('<svg class="chart"') == 4


def test_reports_are_added_up_by_domain_and_others_domains_are_left_out(mo: Client) -> None:
    report("example.is", 1, aligned=95, unproven=5, broken=2)
    report("example.is", 2, aligned=100)
    report("example.is", 3, aligned=10**6, days=40)
    report("example.no", 4, aligned=1)
    found = health.standings(list(health.reported(timezone.now().date())), timezone.now().date())
    one = next(standing for standing in found if standing.domain == "example.is")
    assert (one.messages, one.aligned, one.stopped, one.reporters) == (200, 195, 5, 2)
    assert (one.share, one.sessions, one.broken, one.is_good) == (98, 22, 2, False)
    keep_out("fjord")
    shown = text(mo.get("/console/deliverability/"))
    assert "example.is" in shown
    assert "example.no" not in shown
    assert "1 more belongs to a tenant" in shown


def test_the_troubled_domains_come_first(mo: Client) -> None:
    now = timezone.now()
    for name, problems in (("example.is", 0), ("example.no", 3)):
        DomainCheck.objects.create(
            domain=Domain.objects.get(name=name), checked=now, due=now, problems=problems, results=[]
        )
    shown = text(mo.get("/console/dns/"))
    assert shown.index("example.no") < shown.index("example.is")
    assert "3 problems" in shown


def test_key_files_are_named_and_never_read(mo: Client) -> None:
    secret = settings.ENVIRON.keys / "factor.key"
    secret.write_bytes(b"\x01" * 32)
    secret.chmod(0o644)
    shown = text(mo.get("/console/keys/"))
    assert "factor.key" in shown
    assert "others can read it" in shown
    secret.chmod(0o600)
    assert not any(file.open_to_others for file in keyring.files(settings.ENVIRON) if file.name == "factor.key")


def test_the_place_says_what_is_declared_and_what_proves_it(mo: Client) -> None:
    shown = text(mo.get("/console/place/"))
    assert "Country, as declared" in shown
    assert "IS" in shown


def test_a_limit_is_changed_with_a_reason_its_tenant_reads_and_taken_away_by_the_usual(mo: Client) -> None:
    path = "/console/tenants/harbour/limits/"
    assert mo.post(path, {"recipients": "10", "new": "5"}).status_code == 422
    assert mo.post(path, {"recipients": "-1", "new": "5", "why": "it sends spam"}).status_code == 422
    assert not SendingLimit.objects.exists()
    assert mo.post(path, {"recipients": "10", "new": "5", "why": "it sends spam"}).status_code == 302
    assert (SendingLimit.objects.get().recipients, SendingLimit.objects.get().new) == (10, 5)
    assert acts("harbour") == ["sending limit: it sends spam"]
    assert "harbour" in text(mo.get("/console/limits/"))
    mo.post(path, {"recipients": "5000", "new": "1000", "why": "it is fine"})
    assert not SendingLimit.objects.exists()


@pytest.mark.slow  # many domains
@pytest.mark.parametrize("page", ["deliverability/", "dns/", "limits/", "keys/", "waiting/"])
def test_a_page_costs_as_many_queries_with_many_domains_as_with_one(mo: Client, page: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert mo.get(f"/console/{page}").status_code == 200
        return len(queries)

    report("example.is", 1, aligned=1)
    tenant = Domain.objects.get(name="example.is").tenant
    mo.get("/console/")
    few = cost()
    for number in range(2, 20):
        Domain.objects.create(cell=house.CELL, tenant=tenant, name=f"isle-{number}.is", verified=NOW.date())
        report(f"isle-{number}.is", number, aligned=1)
    assert cost() == few
