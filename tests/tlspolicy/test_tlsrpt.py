"""TLS reports: written, read, and read from strangers (RFC 8460)."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth.resolver import DnsAnswer, NoData, Txt
from mailhost.tlspolicy.tlsrpt import (
    MAX_FAILURES,
    MAX_JSON,
    MAX_POLICIES,
    MAX_TEXT,
    MAX_VALUES,
    BadReport,
    Failure,
    PolicyReport,
    PolicyType,
    Report,
    ResultType,
    file_name,
    parse_report,
    report_addresses,
    report_sites,
    subject,
    write_report,
)

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=1, seconds=-1)
REPORT = Report(
    "Skerry",
    "postmaster@is-1.example",
    "20250101.example.is",
    BEGIN,
    END,
    (
        PolicyReport(
            PolicyType.STS,
            "example.is",
            5326,
            303,
            (Failure(ResultType.CERTIFICATE_EXPIRED, 100, "mx1.example.is"), Failure(ResultType.OTHER, 203, code="x")),
            ("version: STSv1", "mode: testing"),
            ("*.mail.example.is",),
        ),
        PolicyReport(PolicyType.NO_POLICY, "example.is", 1, 0),
    ),
)
# RFC 8460 appendix B, shortened.
SAMPLE = {
    "organization-name": "Company-X",
    "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    "policies": [
        {
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
                "policy-domain": "company-y.example",
                "mx-host": "*.mail.company-y.example",
            },
            "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "2001:db8:abcd:0012::1",
                    "receiving-mx-hostname": "mx1.mail.company-y.example",
                    "failed-session-count": 100,
                },
                {"result-type": "new-kind", "failed-session-count": 200, "additional-information": "https://x.example"},
            ],
        }
    ],
}


def test_the_sample_of_the_rfc_is_read() -> None:
    report = parse_report(json.dumps(SAMPLE).encode())
    assert (report.organisation, report.begin.isoformat()) == ("Company-X", "2016-04-01T00:00:00+00:00")
    (policy,) = report.policies
    assert (policy.type, policy.successes, policy.failures) == (PolicyType.STS, 5326, 303)
    assert policy.hosts == ("*.mail.company-y.example",)
    assert [(one.result, one.sessions) for one in policy.details] == [
        (ResultType.CERTIFICATE_EXPIRED, 100),
        (ResultType.OTHER, 200),
    ]


def test_a_report_of_ours_reads_back() -> None:
    packed = write_report(REPORT)
    assert parse_report(packed) == REPORT
    assert write_report(REPORT) == packed
    assert parse_report(gzip.decompress(packed)) == REPORT


def test_a_report_of_ours_names_no_address_of_ours() -> None:
    assert b"sending-mta-ip" not in gzip.decompress(write_report(REPORT))


def test_file_and_subject_follow_the_rfc() -> None:
    assert file_name(REPORT, "is-1.example", "example.is") == (
        "is-1.example!example.is!1735689600!1735775999!20250101.example.is.json.gz"
    )
    assert subject(REPORT, "is-1.example", "example.is") == (
        "Report Domain: example.is Submitter: is-1.example Report-ID: <20250101.example.is@is-1.example>"
    )


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([b"v=TLSRPTv1; rua=mailto:tls@example.is"], ("tls@example.is",)),
        ([b"v=TLSRPTv1;rua=https://x.example/v1, mailto:a@b.is ,mailto:c@d.is;"], ("a@b.is", "c@d.is")),
        ([b"v=TLSRPTv1; rua=mailto:a@b.is", b"v=TLSRPTv1; rua=mailto:a@b.is"], ()),
        ([b"v=TLSRPTv2; rua=mailto:a@b.is"], ()),
        ([b"v=TLSRPTv1; rua"], ()),
        ([b"v=TLSRPTv1; rua=mailto:a b@c.is"], ()),
        ([b"v=TLSRPTv1; \xff"], ()),
    ],
)
def test_the_record_names_the_addresses(texts: list[bytes], expected: tuple[str, ...]) -> None:
    assert report_addresses(DnsAnswer(tuple(map(Txt, texts)))) == expected
    assert report_addresses(NoData()) == ()


def changed(*path: Any, to: Any) -> bytes:
    whole = json.loads(json.dumps(SAMPLE))
    at = whole
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return json.dumps(whole).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b"9" * 10_000,
        gzip.compress(b" " * (MAX_JSON + 1)),
        gzip.compress(json.dumps(SAMPLE).encode())[:-20],
        changed("date-range", to=[]),
        changed("date-range", "start-datetime", to="yesterday"),
        changed("date-range", "start-datetime", to="0001-01-01T00:00:00+23:59x"),
        changed("report-id", to=7),
        changed("policies", to={"a": 1}),
        changed("policies", to=[SAMPLE["policies"][0]] * (MAX_POLICIES + 1)),  # type: ignore[index]
        changed("policies", 0, "policy", "policy-type", to="magic"),
        changed("policies", 0, "summary", "total-failure-session-count", to=-1),
        changed("policies", 0, "summary", "total-failure-session-count", to=True),
        changed("policies", 0, "summary", "total-failure-session-count", to=1e30),
        changed("policies", 0, "summary", "total-failure-session-count", to=2**60),
        changed("policies", 0, "failure-details", to=[{}] * (MAX_FAILURES + 1)),
        changed("policies", 0, "failure-details", 0, to="x"),
    ],
    ids=range(22),
)
def test_hostile_reports_are_refused(data: bytes) -> None:
    with pytest.raises(BadReport):
        parse_report(data)


@pytest.mark.parametrize("value", [[], {}, {"": 1}, 0, "x"])
def test_values_are_counted_before_any_is_made(value: object) -> None:
    """Three octets of the file may take sixty of memory."""
    with pytest.raises(BadReport, match="values"):
        parse_report(json.dumps(SAMPLE | {"more": [value] * MAX_VALUES}, separators=(",", ":")).encode())


def test_a_large_report_of_an_honest_sender_is_read() -> None:
    [policy] = SAMPLE["policies"]
    busy = policy | {"failure-details": policy["failure-details"][:1] * MAX_FAILURES}  # type: ignore[operator, index]
    report = parse_report(json.dumps(SAMPLE | {"policies": [busy] * 12}).encode())
    assert sum(len(one.details) for one in report.policies) == 12 * MAX_FAILURES


def test_texts_are_cut_and_made_harmless() -> None:
    report = parse_report(changed("organization-name", to="Evil\r\n\x1b[31m\ud800" + "x" * 10_000))
    assert report.organisation.startswith("Evil   [31m ")
    assert len(report.organisation) == MAX_TEXT


@given(st.binary(max_size=60))
def test_rubbish_raises_nothing_else(data: bytes) -> None:
    for form in (data, gzip.compress(data), b'{"policies":' + data):
        try:
            parse_report(form)
        except BadReport:
            continue


@pytest.mark.parametrize(
    ("rua", "sites"),
    [
        ("https://r.test/a,mailto:a@b.test,https://s.test", ("https://r.test/a", "https://s.test")),
        ("https://10.0.0.1/", ()),
        ("https://[::1]/", ()),
        ("https://localhost/", ()),
        ("https://r.test:8443/", ()),
        ("https://user@r.test/", ()),
        ("http://r.test/", ()),
        ("https://r.test/" + "x" * 600, ()),
        (",".join(f"https://r{n}.test/" for n in range(9)), tuple(f"https://r{n}.test/" for n in range(3))),
    ],
)
def test_a_site_is_a_name_and_a_path(rua: str, sites: tuple[str, ...]) -> None:
    assert report_sites(DnsAnswer((Txt(f"v=TLSRPTv1; rua={rua}".encode()),))) == sites
