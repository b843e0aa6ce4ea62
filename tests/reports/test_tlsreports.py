"""What other domains are told: their own sessions of one day, in the form that they can read."""

from __future__ import annotations

from datetime import date
from email import message_from_bytes, policy

from mailhost.reports.reportletter import Submitter
from mailhost.reports.tlscounts import Session
from mailhost.reports.tlsreports import message, reports
from mailhost.tlspolicy.requirement import Policy
from mailhost.tlspolicy.tlsrpt import PolicyType, ResultType, parse_report
from tests.people import NOW

US = Submitter("mx.is-1.example", "postmaster@example.is")
DAY = date(2026, 11, 21)
STS = Policy(PolicyType.STS, ("version: STSv1", "mode: enforce"), ("mx.other.test",))
COUNTED = [
    (Session(DAY, "other.test", STS, "mx.other.test"), 40),
    (Session(DAY, "other.test", STS, "mx.other.test", ResultType.CERTIFICATE_EXPIRED), 2),
    (Session(DAY, "other.test", Policy(), "mx.other.test"), 1),
    (Session(DAY, "third.test", Policy(), "mx.third.test", ResultType.STARTTLS_NOT_SUPPORTED), 5),
]


def test_a_domain_hears_of_its_own_sessions_by_policy() -> None:
    (domain, report), (other, _) = reports(COUNTED, US)
    assert (domain, other) == ("other.test", "third.test")
    assert report.begin.isoformat() == "2026-11-21T00:00:00+00:00"
    assert report.end.isoformat() == "2026-11-21T23:59:59+00:00"
    by_sts, without = report.policies
    assert (by_sts.type, by_sts.successes, by_sts.failures) == (PolicyType.STS, 40, 2)
    assert (by_sts.policy, by_sts.hosts) == (STS.lines, STS.hosts)
    [failure] = by_sts.details
    assert (failure.result, failure.sessions, failure.receiving_host) == (
        ResultType.CERTIFICATE_EXPIRED,
        2,
        "mx.other.test",
    )
    assert (without.type, without.successes, without.failures) == (PolicyType.NO_POLICY, 1, 0)


def test_the_message_carries_the_report_and_nothing_about_anybody_else() -> None:
    [(domain, report), _] = reports(COUNTED, US)
    text = message(domain, report, US, "tls@other.test", word="w" * 32, now=NOW)
    assert b"third.test" not in text
    found = message_from_bytes(text, policy=policy.SMTP)
    assert found.get_content_type() == "multipart/report"
    assert found["TLS-Report-Domain"] == "other.test"
    assert found["TLS-Required"] == "No"
    assert found["Subject"].startswith("Report Domain: other.test Submitter: mx.is-1.example Report-ID: <")
    words, packed = found.iter_parts()
    assert "other.test" in words.get_content()
    assert packed.get_content_type() == "application/tlsrpt+gzip"
    assert (packed.get_filename() or "").startswith("mx.is-1.example!other.test!")
    assert parse_report(packed.get_content()) == report


def test_nothing_counted_is_nothing_reported() -> None:
    assert reports([], US) == []
