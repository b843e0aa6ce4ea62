"""What other domains are told about mail in their name, and to whom such a report may go."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from email import message_from_bytes, policy

import pytest

from mailhost.mailauth.reports import AuthResult, Row, parse_report
from mailhost.mailauth.resolver import Rdata, Txt
from mailhost.reports import dmarcreports
from mailhost.reports.dmarccounts import Published, Seen
from mailhost.reports.dmarcreports import MAX_ADDRESSES, addresses, message, reports
from mailhost.reports.reportletter import Submitter
from mailhost.reports.reportmail import read
from tests.fakedns import FakeDns
from tests.people import NOW

US = Submitter("mx.is-1.example", "postmaster@example.is")
DAY = date(2026, 11, 21)
OTHER = Published("other.test", "reject", "none", strict_dkim=True)
ROW = Row("192.0.2.1", 1, "pass", True, False, "other.test", "", (), (AuthResult("dkim", "other.test", "pass", "s1"),))
FORGED = Row("198.51.100.9", 1, "quarantine", False, False, "other.test", "", ("local_policy",))


def test_a_domain_hears_of_each_of_its_days_and_of_no_other_domain() -> None:
    third = Published("third.test", "none")
    counted = [
        (Seen(DAY, OTHER, ROW), 40),
        (Seen(DAY, OTHER, FORGED), 2),
        (Seen(DAY - timedelta(days=1), OTHER, ROW), 1),
        (Seen(DAY, third, replace(ROW, header_from="third.test")), 5),
    ]
    made = [report for _, report in reports(counted, US)]
    assert [(report.domain, report.begin.date(), len(report.rows)) for report in made] == [
        ("other.test", DAY, 2),
        ("other.test", DAY - timedelta(days=1), 1),
        ("third.test", DAY, 1),
    ]
    assert [row.count for row in made[0].rows] == [40, 2]
    assert len({report.id for report in made}) == 3


def test_a_policy_that_changed_at_noon_is_reported_as_most_messages_met_it() -> None:
    counted = [(Seen(DAY, OTHER, ROW), 1), (Seen(DAY, replace(OTHER, policy="none"), ROW), 9)]
    [(published, report)] = reports(counted, US)
    assert (published.policy, report.policy) == ("none", "none")
    assert [row.count for row in report.rows] == [10]


def test_a_flood_of_forgers_makes_no_endless_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmarcreports, "MAX_ROWS", 3)
    counted = [(Seen(DAY, OTHER, replace(FORGED, source=f"192.0.2.{n}")), n) for n in range(1, 20)]
    [(_, report)] = reports(counted, US)
    assert [row.count for row in report.rows] == [19, 18, 17]


def test_the_message_carries_what_its_reader_can_count() -> None:
    [(published, report)] = reports([(Seen(DAY, OTHER, ROW), 40)], US)
    content = message(published, report, US, "dmarc@other.test", word="w" * 32, now=NOW)
    mail = message_from_bytes(content, policy=policy.SMTP)
    assert mail["From"] == "postmaster@example.is"
    assert mail["Subject"].split() == [
        *("Report", "Domain:", "other.test", "Submitter:", "mx.is-1.example"),
        *("Report-ID:", "<2026-11-21.other.test@mx.is-1.example>"),
    ]
    [attachment] = mail.iter_attachments()
    assert attachment.get_content_type() == "application/gzip"
    assert attachment.get_filename() == "mx.is-1.example!other.test!1795219200!1795305599.xml.gz"
    assert parse_report(attachment.get_content()).rows == report.rows
    [received] = read(content)
    assert (received.domain, sum(row.messages for row in received.mail)) == ("other.test", 40)


def dns(rua: str, **more: Rdata) -> FakeDns:
    made = FakeDns({"_dmarc.other.test": [Txt(f"v=DMARC1; p=reject; rua={rua}".encode())]})
    for name, record in more.items():
        made.add(name.replace("__", "."), record)
    return made


async def to(resolver: FakeDns) -> list[str]:
    return [str(one) for one in await addresses("other.test", resolver, lambda name: name in {"test", "co.test"})]


class TestWhereAReportMayGo:
    async def test_to_the_domain_itself_and_its_family(self) -> None:
        assert await to(dns("mailto:a@other.test,mailto:b@in.other.test!10m")) == ["a@other.test", "b@in.other.test"]

    async def test_elsewhere_only_where_they_say_so(self) -> None:
        asked = "mailto:a@reports.example"
        assert await to(dns(asked)) == []
        name = "other.test._report._dmarc.reports.example"
        resolver = dns(asked)
        resolver.add(name, Txt(b"v=DMARC1;"))
        assert await to(resolver) == ["a@reports.example"]
        resolver.add(name, Txt(b"v=DMARC1; rua=mailto:b@elsewhere.example"))
        assert await to(resolver) == [], "two answers are none"
        resolver.replace(name, Txt(b"v=spf1 -all"))
        assert await to(resolver) == []
        resolver.fail.add(name)
        assert await to(resolver) == []

    async def test_a_registry_is_nobodys_family(self) -> None:
        resolver = FakeDns({"_dmarc.shop.co.test": [Txt(b"v=DMARC1; p=none; rua=mailto:a@co.test")]})
        assert await addresses("shop.co.test", resolver, lambda name: name == "co.test") == []

    async def test_a_domain_cannot_have_us_write_to_many(self) -> None:
        rua = ",".join(f"mailto:a{n}@other.test" for n in range(9))
        assert len(await to(dns(rua))) == MAX_ADDRESSES

    @pytest.mark.parametrize("rua", ["", "https://other.test/r", "mailto:no", "mailto:a@[127.0.0.1]", "x" * 300])
    async def test_what_is_no_address_gets_nothing(self, rua: str) -> None:
        assert await to(dns(rua)) == []

    async def test_a_policy_that_is_gone_asks_for_nothing(self) -> None:
        assert await to(FakeDns()) == []
        failing = dns("mailto:a@other.test")
        failing.fail.add("_dmarc.other.test")
        assert await to(failing) == []
