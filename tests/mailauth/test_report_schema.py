"""Reports that we send fit the schema that RFC 9990 publishes (appendix A), whatever was found about the mail."""

from __future__ import annotations

import gzip
from datetime import date
from email import message_from_bytes
from itertools import product
from pathlib import Path

import pytest

from mailhost.mailauth.dkim import DkimStatus
from mailhost.mailauth.report_writing import NAMESPACE
from mailhost.mailauth.reports import AuthResult, Row, parse_report
from mailhost.mailauth.spf import SpfResult
from mailhost.reports.dmarccounts import _DISPOSITIONS, Published, Seen
from mailhost.reports.dmarcreports import message, reports
from mailhost.reports.reportletter import Submitter
from tests.mailauth.schema import Schema
from tests.people import NOW

SCHEMA = Schema((Path(__file__).parent.parent / "vectors" / "dmarc" / "aggregate-report.xsd").read_bytes())
US = Submitter("mx.is-1.example", "postmaster@example.is")
DAY = date(2026, 11, 21)
EVERYTHING = Published("other.test", "reject", "quarantine", "none", strict_dkim=True, strict_spf=True, testing=True)
RESULTS = (
    *(AuthResult("dkim", "other.test", status, "s1") for status in DkimStatus),
    AuthResult("spf", "other.test", "pass"),
)
ROW = Row("192.0.2.1", 1, "pass", True, False, "other.test", "", (), RESULTS)


def sent(published: Published, *rows: Row) -> bytes:
    """The XML of the report that leaves."""
    [(found, report)] = reports([(Seen(DAY, published, row), 3) for row in rows], US)
    mail = message_from_bytes(message(found, report, US, "dmarc@other.test", word="w" * 32, now=NOW))
    attachment = mail.get_payload()[1].get_payload(decode=True)  # type: ignore[index,union-attr]
    assert parse_report(attachment).rows == report.rows  # type: ignore[arg-type]
    return gzip.decompress(attachment)  # type: ignore[arg-type]


@pytest.mark.parametrize("published", [EVERYTHING, Published("other.test", "none")], ids=["everything", "little"])
def test_whatever_was_found_about_mail_is_told_in_the_schemas_order_and_words(published: Published) -> None:
    found = [
        Row(source, 1, done, False, False, "other.test", sender, reasons, results)
        for source, done, sender, reasons, results in product(
            ("192.0.2.1", "2001:db8::1", "::1"),
            _DISPOSITIONS.values(),
            ("", "bounces.other.test"),
            ((), ("local_policy",), ("policy_test_mode",)),
            ((), *((AuthResult("spf", "other.test", result),) for result in SpfResult)),
        )
    ]
    assert SCHEMA.problems(sent(published, ROW, *found)) == []


def test_names_of_strangers_do_not_leave_the_schema() -> None:
    hostile = AuthResult("dkim", "a<b>&é.test", "pass", "]]>")
    assert (
        SCHEMA.problems(sent(EVERYTHING, Row("192.0.2.1", 1, "pass", True, True, "o.test", "", (), (hostile,)))) == []
    )


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        (b"<p>reject</p>", b"", "policy_published has 0 times p"),
        (b"<p>reject</p>", b"<p>refuse</p>", "p: 'refuse'"),
        (b"<count>3</count>", b"<count>3</count><count>3</count>", "row has 2 times count"),
        (b"<count>3</count>", b"<count>three</count>", "count: 'three'"),
        (
            b"<disposition>pass</disposition><dkim>pass</dkim>",
            b"<dkim>pass</dkim><disposition>pass</disposition>",
            "order",
        ),
        (b"<np>none</np>", b"<pct>100</pct>", "policy_published has pct"),
        (NAMESPACE.encode(), b"urn:other", "the root is"),
    ],
)
def test_the_check_sees_what_is_wrong(old: bytes, new: bytes, wrong: str) -> None:
    text = sent(EVERYTHING, ROW)
    assert old in text
    assert any(wrong in problem for problem in SCHEMA.problems(text.replace(old, new)))
