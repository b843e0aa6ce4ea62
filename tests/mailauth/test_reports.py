"""DMARC aggregate reports: both forms of the schema, and everything a stranger might send in their place."""

import gzip
import io
import zipfile
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth import reports
from mailhost.mailauth.archive import MAX_REPORT, BadArchive, unpack
from mailhost.mailauth.reports import MAX_RESULTS, MAX_TEXT, AuthResult, BadReport, Row, parse_report

RECORD = """
  <record>
    <row>
      <source_ip>192.0.2.123</source_ip>
      <count>123</count>
      <policy_evaluated>
        <disposition>quarantine</disposition><dkim>fail</dkim><spf>pass</spf>
        <reason><type>local_policy</type><comment>list</comment></reason>
        <reason><type>mailing_list</type></reason>
      </policy_evaluated>
    </row>
    <identifiers>
      <header_from>Example.IS</header_from><envelope_from>bounce.example.is</envelope_from>
    </identifiers>
    <auth_results>
      <dkim><domain>demo.test</domain><selector>s1</selector><result>fail</result></dkim>
      <dkim><domain>other.test</domain><result>pass</result></dkim>
      <spf><domain>bounce.example.is</domain><scope>mfrom</scope><result>pass</result></spf>
    </auth_results>
  </record>
"""
REPORT = f"""<?xml version="1.0" encoding="UTF-8"?>
<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">
  <version>1.0</version>
  <report_metadata>
    <org_name>Receiver &amp; Sons</org_name>
    <email>reports@receiver.example</email>
    <report_id>3v98abbp8ya9n3va8yr8oa3ya</report_id>
    <date_range><begin>1735689600</begin><end>1735775999</end></date_range>
  </report_metadata>
  <policy_published>
    <domain>example.is</domain><p>quarantine</p><sp>none</sp><testing>n</testing>
    <discovery_method>treewalk</discovery_method>
  </policy_published>
{RECORD}
</feedback>
"""


def zipped(data: bytes, *more: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name in ("report.xml", *more):
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress, zipped])
def test_a_report_is_read_in_every_packing(pack: object) -> None:
    report = parse_report(pack(REPORT.encode()))  # type: ignore[operator]
    assert (report.organisation, report.domain, report.policy) == ("Receiver & Sons", "example.is", "quarantine")
    assert report.begin == datetime(2025, 1, 1, tzinfo=UTC)
    assert report.rows == (
        Row(
            "192.0.2.123",
            123,
            "quarantine",
            aligned_dkim=False,
            aligned_spf=True,
            header_from="example.is",
            envelope_from="bounce.example.is",
            reasons=("local_policy", "mailing_list"),
            results=(
                AuthResult("dkim", "demo.test", "fail", "s1"),
                AuthResult("dkim", "other.test", "pass"),
                AuthResult("spf", "bounce.example.is", "pass"),
            ),
        ),
    )
    assert report.rows[0].passed


def test_the_older_form_without_a_namespace_is_read_alike() -> None:
    old = REPORT.replace(' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"', "").replace(
        "<testing>n</testing>", "<pct>100</pct>"
    )
    assert parse_report(old.encode()) == parse_report(REPORT.encode())


def test_extensions_are_passed_over() -> None:
    extended = REPORT.replace(
        "</record>", '<x:more xmlns:x="urn:x"><x:row><x:count>7</x:count></x:row></x:more></record>'
    )
    assert parse_report(extended.encode()).rows == parse_report(REPORT.encode()).rows


def bomb(entities: int = 9) -> str:
    definitions = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(entities))
    return f"<!DOCTYPE feedback [{definitions}]><feedback>&e{entities - 1};</feedback>"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("", "not XML"),
        ("no", "not XML"),
        ("<html/>", "root"),
        ("<feedback/>", "no domain"),
        (REPORT[:-20], "not XML"),
        (bomb(), "document type"),
        ('<!DOCTYPE x SYSTEM "http://evil.example/x.dtd"><feedback/>', "document type"),
        ("<feedback>" + "<a>" * 100, "deep"),
        (REPORT.replace("192.0.2.123", "mail.example"), "address"),
        (REPORT.replace("<count>123", "<count>-1"), "number"),
        (REPORT.replace("<count>123", "<count>99999999999999999999"), "number"),
        (REPORT.replace("1735689600", "99999999999999"), "number"),
        (REPORT.replace("1735689600", ""), "number"),
        (REPORT.replace("<spf><domain>", "<spf/>" * MAX_RESULTS + "<spf><domain>"), "results"),
    ],
    ids=range(14),
)
def test_what_is_no_report_is_refused(data: str, problem: str) -> None:
    with pytest.raises(BadReport, match=problem):
        parse_report(data.encode())


def test_the_number_of_rows_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "MAX_ROWS", 10)
    assert len(parse_report(REPORT.replace(RECORD, RECORD * 10).encode()).rows) == 10
    with pytest.raises(BadReport, match="rows"):
        parse_report(REPORT.replace(RECORD, RECORD * 11).encode())


def test_the_number_of_elements_is_bounded_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result that says nothing takes four octets of the file and a hundred of memory."""
    monkeypatch.setattr(reports, "MAX_ELEMENTS", REPORT.count("<") - REPORT.count("</") - REPORT.count("<?"))
    assert parse_report(REPORT.encode()).rows
    for place in ("</feedback>", "</record>", "</auth_results>", "</policy_evaluated>"):
        with pytest.raises(BadReport, match="elements"):
            parse_report(REPORT.replace(place, "<x/>" + place, 1).encode())


def test_texts_are_cut_and_made_harmless() -> None:
    report = parse_report(REPORT.replace("Receiver", "x" * 5000 + "&#9;").encode())
    assert len(report.organisation) == MAX_TEXT
    tab = parse_report(REPORT.replace("Receiver", "a&#10;b").encode())
    assert tab.organisation.startswith("a b")


@given(st.binary(max_size=80))
def test_rubbish_raises_nothing_else(data: bytes) -> None:
    for form in (data, b"<feedback>" + data, gzip.compress(data), b"PK\x03\x04" + data):
        try:
            parse_report(form)
        except BadReport:
            continue


# Archives.


def test_bombs_end_at_the_limit() -> None:
    zeros = b"\0" * 5000
    for packed in (gzip.compress(zeros), zipped(zeros), zeros):
        assert unpack(packed, 5000) == zeros
        with pytest.raises(BadArchive, match="longer"):
            unpack(packed, 4999)


@pytest.mark.slow  # inflates it
def test_a_real_bomb_takes_little_memory() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(200)), packer.flush()])
    assert len(packed) < 300_000
    with pytest.raises(BadArchive, match="longer"):
        unpack(packed, MAX_REPORT)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(b"hello")[:-5],
        b"\x1f\x8b" + b"x" * 20,
        zipped(b"hello")[:-10],
        zipped(b"hello").replace(b"report.xml", b"../etc/xml")[:40],
        zipped(b"hello", "second.xml"),
        zipped(b"hello", method=zipfile.ZIP_BZIP2),
        zipped(b"hello", method=zipfile.ZIP_LZMA),
        b"PK\x03\x04",
    ],
    ids=range(8),
)
def test_damaged_and_strange_archives_are_refused(data: bytes) -> None:
    with pytest.raises(BadArchive):
        unpack(data)


@pytest.mark.parametrize("place", ["</report_metadata>", "</identifiers>", "</spf>"])
def test_a_file_of_a_million_names_is_no_report(place: str) -> None:
    names = "".join(f"<n{number}/>" for number in range(reports.MAX_NAMES + 1))
    with pytest.raises(BadReport, match="different elements"):
        parse_report(REPORT.replace(place, names + place, 1).encode())
