"""Reports that we write are read by our own reader, whatever strangers' names hold."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth.report_writing import NAMESPACE, write_report
from mailhost.mailauth.reports import AuthResult, Report, Row, parse_report

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)
SIGNED = (AuthResult("dkim", "other.test", "pass", "s1"), AuthResult("spf", "bounces.other.test", "fail"))
PASSED = Row("192.0.2.1", 40, "pass", True, False, "other.test", "bounces.other.test", (), SIGNED)
FAILED = Row("2001:db8::7", 2, "quarantine", False, False, "other.test", "", ("local_policy",))
REPORT = Report(
    "mx.is-1.example",
    "postmaster@example.is",
    "2026-11-20.other.test",
    BEGIN,
    BEGIN + timedelta(days=1, seconds=-1),
    "other.test",
    "reject",
    "none",
    (PASSED, FAILED),
)


def test_what_is_written_is_read_back() -> None:
    assert parse_report(write_report(REPORT)) == REPORT


def test_the_same_report_is_the_same_bytes() -> None:
    assert write_report(REPORT) == write_report(REPORT)


def test_elements_stand_in_the_order_and_namespace_of_the_schema() -> None:
    text = gzip.decompress(write_report(REPORT, [("adkim", "r"), ("testing", "n")])).decode()
    assert f'<feedback xmlns="{NAMESPACE}">' in text
    names = ("version", "report_metadata", "policy_published", "record>")
    places = [text.index(f"<{name}") for name in names]
    assert places == sorted(places)
    assert "<p>reject</p><sp>none</sp><adkim>r</adkim><testing>n</testing></policy_published>" in text
    assert "<reason><type>local_policy</type></reason>" in text


@given(st.text(max_size=60), st.text(max_size=600), st.text(max_size=60))
def test_no_name_breaks_a_report(selector: str, domain: str, header_from: str) -> None:
    row = replace(PASSED, header_from=header_from, results=(AuthResult("dkim", domain, "fail", selector),))
    [read] = parse_report(write_report(replace(REPORT, rows=(row,)))).rows
    assert read.count == PASSED.count
    assert [one.method for one in read.results] == ["dkim"]


def test_markup_in_a_name_stays_a_name() -> None:
    hostile = "x</domain></dkim><!ENTITY a 'b'>&a;"
    row = replace(PASSED, results=(AuthResult("dkim", hostile, "fail", "s1"),))
    [read] = parse_report(write_report(replace(REPORT, rows=(row,)))).rows
    assert read.results[0].domain == hostile.lower()
