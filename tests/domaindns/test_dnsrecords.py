"""The records of a hosted domain: complete, importable, and checked with advice a person can follow."""

from dataclasses import replace
from ipaddress import IPv4Address

import dns.rdatatype
import dns.zone
import pytest

from mailhost.domaindns.dnscheck import EFFECTS, Check, Status, check_all
from mailhost.domaindns.dnsrecords import (
    EXPLANATIONS,
    DomainChoices,
    Hosting,
    Purpose,
    Record,
    RecordType,
    records,
    report_permission,
    zone_file,
)
from mailhost.mailauth import dmarc_record, spf_record
from mailhost.mailauth.resolver import A, Caa, Cname, Mx, Rdata, Srv, Tlsa, Txt
from mailhost.message.address import BadAddress
from tests.fakedns import FakeDns

HOSTING = Hosting(
    mail_hosts=("mx1.is-1.skerry.example", "mx2.is-1.skerry.example"),
    client_host="mail.is-1.skerry.example",
    web_host="web.is-1.skerry.example",
    spf_name="_spf.is-1.skerry.example",
    dkim_zone="dkim.is-1.skerry.example",
    reports="dmarc@reports.skerry.example",
    tls_reports="tls@reports.skerry.example",
    certificate_authority="letsencrypt.org",
    tlsa=(Tlsa(3, 1, 1, bytes(range(32))),),
)
CHOICES = DomainChoices("f3a9", "20250102T10")
RECORDS = records("example.is", HOSTING, CHOICES)


def test_the_list_is_complete_and_in_the_order_to_add_it() -> None:
    assert [(one.host, one.type) for one in RECORDS if one.required] == [
        ("_skerry", "TXT"),
        ("@", "MX"),
        ("@", "MX"),
        ("@", "TXT"),
        ("s1._domainkey", "CNAME"),
        ("s2._domainkey", "CNAME"),
        ("s3._domainkey", "CNAME"),
        ("_dmarc", "TXT"),
    ]
    assert {one.purpose for one in RECORDS} == set(Purpose)
    assert all(one.name == "example.is" or one.name.endswith(".example.is") or one.ours for one in RECORDS)


def test_every_purpose_is_explained() -> None:
    assert set(EXPLANATIONS) == set(EFFECTS) == set(Purpose)
    assert all(one.explanation.endswith(".") for one in RECORDS)


def test_what_we_ask_for_is_valid_by_our_own_reading() -> None:
    by_purpose = {one.purpose: one.value for one in RECORDS}
    spf_record.parse_record(by_purpose[Purpose.SPF].encode())
    policy = dmarc_record.parse_record(by_purpose[Purpose.DMARC].encode())
    assert policy is not None
    assert policy.reports == ("dmarc@reports.skerry.example",)


def test_what_a_cell_does_not_offer_is_not_asked_for() -> None:
    plain = replace(HOSTING, tls_reports="", certificate_authority="", tlsa=(), reports="")
    purposes = {one.purpose for one in records("example.is", plain, DomainChoices("x"))}
    assert purposes.isdisjoint({Purpose.MTA_STS, Purpose.TLS_RPT, Purpose.CAA, Purpose.DANE})


def test_international_domains_are_in_ascii() -> None:
    assert records("münchen.example", HOSTING, CHOICES)[0].name == "_skerry.xn--mnchen-3ya.example"
    with pytest.raises(BadAddress):
        records("no domain", HOSTING, CHOICES)
    with pytest.raises(ValueError, match="too long"):
        records(".".join(["a" * 60] * 4), HOSTING, CHOICES)


def test_the_zone_file_is_read_by_dnspython() -> None:
    text = zone_file("example.is", RECORDS)
    whole = text + "@ IN SOA ns.example.is. hostmaster.example.is. 1 2 3 4 5\n@ IN NS ns.example.is.\n"
    zone = dns.zone.from_text(whole, origin="example.is.", relativize=False)
    found = {
        (str(name).rstrip("."), dns.rdatatype.to_text(data.rdtype), data.to_text())
        for name, _, data in zone.iterate_rdatas()
    }
    for one in RECORDS:
        value = f'"{one.value}"' if one.type is RecordType.TXT else one.value
        imported = not one.ours and one.type is not RecordType.CAA
        assert ((one.name, one.type.value, value) in found) == imported, one


def test_long_and_quoted_text_survives_the_zone_file() -> None:
    value = 'v=x "quoted" back\\slash ' + "y" * 400
    one = Record("t", "t.example.is", RecordType.TXT, value, Purpose.SPF)
    soa = "@ IN SOA ns.example.is. h.example.is. 1 2 3 4 5\n@ IN NS ns.example.is.\n"
    zone = dns.zone.from_text(zone_file("example.is", [one]) + soa, origin="example.is.")
    (data,) = zone.find_rdataset("t", "TXT")
    assert b"".join(data.strings).decode() == value


def test_reports_about_a_domain_need_our_permission() -> None:
    permission = report_permission("example.is", HOSTING)
    assert permission is not None
    assert (permission.name, permission.value) == ("example.is._report._dmarc.reports.skerry.example", "v=DMARC1;")
    assert report_permission("reports.skerry.example", HOSTING) is None


# Comparison.


def perfect() -> FakeDns:
    dns = FakeDns()
    for one in RECORDS:
        dns.add(one.name, _rdata(one))
    dns.authentic.update(one.name for one in RECORDS if one.ours)
    return dns


def _rdata(one: Record) -> Rdata:
    words = one.value.split()
    match one.type:
        case RecordType.TXT:
            return Txt(one.value.encode())
        case RecordType.MX:
            return Mx(int(words[0]), words[1])
        case RecordType.CNAME:
            return Cname(one.value)
        case RecordType.SRV:
            return Srv(int(words[0]), int(words[1]), int(words[2]), words[3])
        case RecordType.TLSA:
            return Tlsa(int(words[0]), int(words[1]), int(words[2]), bytes.fromhex(words[3]))
        case RecordType.CAA:
            return Caa(0, "issue", "letsencrypt.org")


async def checks(dns: FakeDns) -> dict[str, Check]:
    """By host; of records that share a host, the worst."""
    found: dict[str, Check] = {}
    for check in await check_all(RECORDS, dns):
        key = f"{check.record.host} {check.record.type}"
        if key not in found or found[key].status is Status.OK:
            found[key] = check
    return found


async def test_a_right_domain_needs_nothing() -> None:
    results = await check_all(RECORDS, perfect())
    assert [one.record for one in results] == list(RECORDS)
    assert {one.status for one in results} == {Status.OK}
    assert not any(one.cause or one.effect or one.step for one in results)


async def test_an_empty_domain_is_told_what_to_add() -> None:
    for check in await check_all(RECORDS, FakeDns()):
        if check.record.type is RecordType.CAA:
            # RFC 8659: without any record every authority may issue.
            assert check.status is Status.OK
            continue
        assert check.status is Status.MISSING
        assert check.effect == EFFECTS[check.record.purpose]
        assert check.record.value in check.step


async def test_a_silent_dns_is_no_verdict() -> None:
    dns = perfect()
    dns.fail.update(one.name for one in RECORDS)
    for check in await check_all(RECORDS, dns):
        assert (check.status, check.effect, check.step) == (Status.UNKNOWN, "", "")


CASES: list[tuple[str, list[Rdata], str, Status, str, str]] = [
    ("_skerry", [Txt(b"skerry-ownership=old")], "_skerry TXT", Status.WRONG, "another one", "skerry-ownership=f3a9"),
    (
        "@",
        [Mx(10, "mx1.is-1.skerry.example"), Mx(20, "mx2.is-1.skerry.example"), Mx(5, "mail.old.example.")],
        "@ MX",
        Status.WRONG,
        "also goes to mail.old.example",
        "Remove the MX record for mail.old.example",
    ),
    (
        "@",
        [Mx(10, "mx1.is-1.skerry.example")],
        "@ MX",
        Status.WRONG,
        "not this one",
        "Add the MX record 20 mx2.is-1.skerry.example.",
    ),
    ("@", [Mx(0, ".")], "@ MX", Status.WRONG, "also goes to .", "then remove"),
    (
        "@",
        [Txt(b"v=spf1 include:_spf.other.example mx -all")],
        "@ TXT",
        Status.WRONG,
        "not in it",
        "v=spf1 include:_spf.other.example mx include:_spf.is-1.skerry.example -all",
    ),
    (
        "@",
        [Txt(b"v=spf1 mx redirect=x.example")],
        "@ TXT",
        Status.WRONG,
        "not in it",
        "mx include:_spf.is-1.skerry.example redirect=x.example",
    ),
    ("@", [Txt(b"v=spf1 mx"), Txt(b"v=spf1 a")], "@ TXT", Status.WRONG, "several", "Keep one"),
    ("@", [Txt(b"v=spf1 a:192.0.2.1 ~all")], "@ TXT", Status.WRONG, "mistake", "Replace it"),
    ("@", [Txt(b"v=spf1 +all")], "@ TXT", Status.WRONG, "+all", "~all"),
    ("@", [Txt(b"v=spf1 a include:_SPF.is-1.skerry.example -all")], "@ TXT", Status.OK, "", ""),
    (
        "s1._domainkey",
        [Cname("s1.other.example")],
        "s1._domainkey CNAME",
        Status.WRONG,
        "elsewhere",
        "s1.example.is.dkim",
    ),
    ("s1._domainkey", [Txt(b"v=DKIM1; p=x")], "s1._domainkey CNAME", Status.WRONG, "fixed record", "proxy"),
    ("mta-sts", [A(IPv4Address("192.0.2.1"))], "mta-sts CNAME", Status.WRONG, "fixed record", "proxy"),
    ("_dmarc", [Txt(b"v=DMARC1; p=reject")], "_dmarc TXT", Status.OK, "", ""),
    ("_dmarc", [Txt(b"v=DMARC1; p=none")], "_dmarc TXT", Status.ADVICE, "only watches", "p=quarantine"),
    ("_dmarc", [Txt(b"v=DMARC1; p=reject; t=y"), Txt(b"hello")], "_dmarc TXT", Status.OK, "", ""),
    ("_dmarc", [Txt(b"v=DMARC1; p=x")], "_dmarc TXT", Status.WRONG, "nothing valid", "Keep one"),
    ("_dmarc", [Txt(b"v=DMARC1; p=none"), Txt(b"v=DMARC1; p=none")], "_dmarc TXT", Status.WRONG, "several", "Keep one"),
    ("_mta-sts", [Txt(b"v=STSv1; id=1")], "_mta-sts TXT", Status.ADVICE, "changed", "20250102T10"),
    ("_mta-sts", [Txt(b"v=STSv1")], "_mta-sts TXT", Status.WRONG, "id= is missing", "Replace"),
    ("_mta-sts", [Txt(b"v=STSv1; id")], "_mta-sts TXT", Status.WRONG, "mistake", "Replace"),
    ("_smtp._tls", [Txt(b"v=TLSRPTv1; rua=mailto:me@example.is")], "_smtp._tls TXT", Status.OK, "", ""),
    ("_smtp._tls", [Txt(b"v=TLSRPTv1;rua=a"), Txt(b"v=TLSRPTv1;rua=b")], "_smtp._tls TXT", Status.WRONG, "several", ""),
    ("_imaps._tcp", [Srv(5, 5, 993, "MAIL.is-1.skerry.example")], "_imaps._tcp SRV", Status.OK, "", ""),
    ("_imaps._tcp", [Srv(0, 1, 993, "imap.old.example")], "_imaps._tcp SRV", Status.WRONG, "elsewhere", "mail.is-1"),
    ("@", [Caa(0, "issue", "other.example")], "@ CAA", Status.WRONG, "forbid", "letsencrypt.org"),
    ("@", [Caa(0, "iodef", "mailto:x@example.is")], "@ CAA", Status.OK, "", ""),
    ("@", [Caa(0, "issue", "LetsEncrypt.org; validationmethods=dns-01")], "@ CAA", Status.OK, "", ""),
]


@pytest.mark.parametrize(("host", "records_there", "key", "status", "cause", "step"), CASES)
async def test_each_difference_has_a_cause_an_effect_and_a_next_step(
    host: str, records_there: list[Rdata], key: str, status: Status, cause: str, step: str
) -> None:
    dns = perfect()
    name = "example.is" if host == "@" else f"{host}.example.is"
    kinds = tuple({type(one) for one in records_there}) + ((Cname,) if host != "@" else ())
    others = [one for one in dns.zone[name] if not isinstance(one, kinds)]
    dns.replace(name, *others, *records_there)
    check = (await checks(dns))[key]
    assert check.status is status, check
    assert cause in check.cause
    assert step in check.step
    assert bool(check.effect) == (status is not Status.OK)


async def test_a_name_typed_with_the_domain_is_recognised() -> None:
    dns = perfect()
    dns.replace("_dmarc.example.is")
    dns.add("_dmarc.example.is.example.is", Txt(b"v=DMARC1; p=none"))
    check = (await checks(dns))["_dmarc TXT"]
    assert check.status is Status.WRONG
    assert "twice" in check.cause
    assert check.step == "Edit it and enter only _dmarc as its name."


async def test_dane_without_dnssec_is_only_advice() -> None:
    dns = perfect()
    dns.authentic.clear()
    dane = [one for one in await check_all(RECORDS, dns) if one.record.purpose is Purpose.DANE]
    assert [one.status for one in dane] == [Status.ADVICE, Status.ADVICE]
    dns.replace("_25._tcp.mx1.is-1.skerry.example", Tlsa(3, 1, 1, bytes(32)))
    dane = [one for one in await check_all(RECORDS, dns) if one.record.purpose is Purpose.DANE]
    assert [one.status for one in dane] == [Status.WRONG, Status.ADVICE]
