"""What is counted for others' DMARC reports: mail to domains that take part, from authors who ask, and how it ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from mailhost.mailauth.resolver import A, Ptr, Txt
from mailhost.outcomes import Reason
from mailhost.reports.dmarccounts import Seen
from tests.people import ADA, BEN
from tests.reputation.court import BOT, LETTER, LIST, MAIL_HOST, Court, reverse, signed, world


class Counted:
    """`dmarccounts.DmarcCounts` of one domain."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def wanted(self, domains: Collection[str]) -> bool:
        return "example.is" in domains

    def observe(self, seen: Seen) -> None:
        self.seen.append(seen)


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def court(counted: Counted) -> Court:
    dns = world()
    dns.replace("_dmarc.demo.test", Txt(b"v=DMARC1; p=reject; sp=none; adkim=s; rua=mailto:dmarc@demo.test"))
    return Court(dns, dmarc=counted)


async def test_what_passed_is_told_with_how_it_passed(court: Court, counted: Counted) -> None:
    await court.rule(signed())
    [one] = counted.seen
    assert (one.published.domain, one.published.policy, one.published.subdomains) == ("demo.test", "reject", "none")
    assert one.published.strict_dkim
    row = one.row
    assert (row.source, row.disposition, row.aligned_dkim, row.aligned_spf) == (MAIL_HOST, "pass", True, True)
    assert (row.header_from, row.envelope_from, row.reasons) == ("demo.test", "demo.test", ())
    assert [(found.method, found.domain, found.selector, found.result) for found in row.results] == [
        ("dkim", "demo.test", "s1", "pass"),
        ("spf", "demo.test", "", "pass"),
    ]


async def test_a_refused_forgery_is_told_as_rejected(court: Court, counted: Counted) -> None:
    court.list(BOT, LIST)
    assert await court.reason(LETTER, peer=BOT) is Reason.FORGED
    [one] = counted.seen
    assert (one.row.source, one.row.disposition, one.row.reasons) == (BOT, "reject", ())
    assert not one.row.passed


async def test_what_comes_again_is_told_when_it_is_settled(court: Court, counted: Counted) -> None:
    court.dns.add(reverse("192.0.2.77"), Ptr("relay.list.test"))
    court.dns.add("relay.list.test", A(IPv4Address("192.0.2.77")))
    assert await court.reason(LETTER, peer="192.0.2.77", helo="relay.list.test") is Reason.GREYLISTED
    assert counted.seen == []
    court.later(minutes=5)
    assert await court.reason(LETTER, peer="192.0.2.77", helo="relay.list.test") is Reason.OK
    [one] = counted.seen
    assert (one.row.disposition, one.row.reasons) == ("quarantine", ("local_policy",))


async def test_domains_that_take_no_part_are_told_of_by_nobody(court: Court, counted: Counted) -> None:
    await court.rule(signed(), replace(BEN, address="ben@harbour.test"), to="ben@harbour.test")
    assert counted.seen == []
    await court.rule(signed(), ADA)
    assert len(counted.seen) == 1


@pytest.mark.parametrize("record", ["v=DMARC1; p=reject", "v=DMARC1; p=reject; rua=https://demo.test/", ""])
async def test_who_asks_for_no_reports_is_not_counted(record: str, counted: Counted) -> None:
    dns = world()
    dns.replace("_dmarc.demo.test", Txt(record.encode()))
    await Court(dns, dmarc=counted).rule(signed())
    assert counted.seen == []


async def test_a_dns_that_does_not_answer_is_nothing_to_report(court: Court, counted: Counted) -> None:
    court.dns.fail.add("_dmarc.demo.test")
    await court.rule(signed())
    assert counted.seen == []
