"""DMARC: records, the walk up the DNS, alignment, and the policy that follows (RFC 9989)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth.dkim import DkimResult, DkimStatus
from mailhost.mailauth.dmarc import DmarcResult, DmarcStatus, NoAuthor, author_domain, evaluate, names_of_walk
from mailhost.mailauth.dmarc_record import Policy, is_dmarc, parse_record, write_record
from mailhost.mailauth.resolver import A, Rdata, Txt
from mailhost.mailauth.spf import SpfOutcome, SpfResult
from mailhost.message.headers import Headers
from tests.fakedns import FakeDns

NONE, PASS, FAIL, TEMPERROR = DmarcStatus.NONE, DmarcStatus.PASS, DmarcStatus.FAIL, DmarcStatus.TEMPERROR
NO_SPF = SpfOutcome(SpfResult.NONE)


def spf(domain: str, result: SpfResult = SpfResult.PASS) -> SpfOutcome:
    return SpfOutcome(result, domain)


def dkim(*domains: str, status: DkimStatus = DkimStatus.PASS) -> list[DkimResult]:
    return [DkimResult(status, domain) for domain in domains]


def is_suffix(name: str) -> bool:
    return name in {"com", "is", "test", "example", "uk", "co.uk"}


def zone(**policies: str) -> FakeDns:
    """Records by domain, dots written as double underscores."""
    return FakeDns({f"_dmarc.{name.replace('__', '.')}": [Txt(text.encode())] for name, text in policies.items()})


async def dmarc(
    domain: str, dns: FakeDns, by_spf: SpfOutcome = NO_SPF, by_dkim: Sequence[DkimResult] = ()
) -> DmarcResult:
    return await evaluate(domain, by_spf, by_dkim, dns, is_suffix)


# Records.


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("v=DMARC1; p=reject", Policy.REJECT),
        ("v=DMARC1;p=quarantine;", Policy.QUARANTINE),
        ("v = DMARC1 ; p = NONE", Policy.NONE),
        ("v=DMARC1; future=tag; p=reject", Policy.REJECT),
        ("v=DMARC1; p=reject; adkim=lax; rua", Policy.REJECT),
        ("v=DMARC1; rua=mailto:d@example.is", Policy.NONE),
        ("v=DMARC1; p=refuse; rua=mailto:d@example.is", Policy.NONE),
        ("v=DMARC1; p=reject; sp=refuse; rua=mailto:d@example.is", Policy.NONE),
        ("v=DMARC1; p=reject; p=none", Policy.REJECT),
        ("v=DMARC1", None),
        ("v=DMARC1; p=refuse", None),
        ("v=DMARC1; p=refuse; rua=https://example.is", None),
        ("v=DMARC1; p=reject; np=maybe", None),
    ],
)
def test_a_record_is_read_as_forgivingly_as_the_rfc_says(text: str, policy: Policy | None) -> None:
    assert is_dmarc(text.encode())
    record = parse_record(text.encode())
    assert (record.policy if record else None) == policy


@pytest.mark.parametrize(
    "text", ["", "v=DMARC2; p=none", "p=none; v=DMARC1", "v=dmarc1; p=none", "v=DMARC10", "v=spf1"]
)
def test_other_records_are_not_dmarc(text: str) -> None:
    assert not is_dmarc(text.encode())


def test_all_tags_are_understood() -> None:
    text = (
        b"v=DMARC1; p=none; sp=quarantine; np=reject; adkim=s; aspf=s; psd=n; t=y;"
        b" rua=mailto:a@example.is!10m, https://x , mailto:b@demo.test; ruf=mailto:c@example.is"
    )
    record = parse_record(text)
    assert record is not None
    assert (record.subdomains, record.missing_subdomains) == (Policy.QUARANTINE, Policy.REJECT)
    assert (record.strict_dkim, record.strict_spf, record.testing, record.psd) == (True, True, True, "n")
    assert record.reports == ("a@example.is", "b@demo.test")
    assert record.failure_reports == ("c@example.is",)


def test_our_own_record_reads_back() -> None:
    record = parse_record(write_record(Policy.QUARANTINE, reports="dmarc@example.is", testing=True).encode())
    assert record is not None
    assert (record.policy, record.testing, record.reports) == (Policy.QUARANTINE, True, ("dmarc@example.is",))


@given(st.binary(max_size=120))
def test_rubbish_is_no_record_or_a_record(data: bytes) -> None:
    parse_record(data)
    parse_record(b"v=DMARC1;" + data)
    is_dmarc(data)


def test_an_endless_record_is_none() -> None:
    assert parse_record(b"v=DMARC1; p=reject; " + b"x" * 5000) is None


# The author.


@pytest.mark.parametrize(
    ("header", "domain"),
    [
        ("From: ada@example.is", "example.is"),
        ('From: "Bank <b@bank.example>" <ada@EXAMPLE.is>', "example.is"),
        ("From: ada@example.is, Ben <ben@example.is>", "example.is"),
        ("From: áda@münchen.example", "xn--mnchen-3ya.example"),
        ("From: team: ada@example.is;", "example.is"),
    ],
)
def test_the_author_has_one_domain(header: str, domain: str) -> None:
    assert author_domain(Headers(header.encode() + b"\r\n")) == domain


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("To: ada@example.is", "no From"),
        ("From: ada@example.is\r\nFrom: eve@demo.test", "more than one From"),
        ("From: ada@example.is, eve@demo.test", "several domains"),
        ("From: team:;", "no address"),
        ("From: nobody", "no address"),
        ("From: ada@example..is", "no address"),
        ("From:", "no address"),
    ],
)
def test_a_message_without_one_author_domain_says_why(header: str, problem: str) -> None:
    with pytest.raises(NoAuthor, match=problem):
        author_domain(Headers(header.encode() + b"\r\n"))


# The walk.


def test_the_walk_of_the_rfc() -> None:
    assert names_of_walk("a.b.c.d.e.f.g.h.i.j.mail.example.com") == [
        "a.b.c.d.e.f.g.h.i.j.mail.example.com",
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    assert names_of_walk("a.mail.example.com") == ["a.mail.example.com", "mail.example.com", "example.com", "com"]
    assert len(names_of_walk("a.b.c.d.e.f.example.com")) == 8
    assert names_of_walk("com") == ["com"]


@pytest.mark.parametrize(
    ("dns", "author", "signer", "aligned"),
    [
        # RFC 9989 §4.10.2: the record with the fewest labels names the organisational domain.
        (zone(mail__example__com="v=DMARC1;p=none", example__com="v=DMARC1;p=none"), "a.mail.example.com", "x.example.com", True),
        # psd=n ends the walk at a department that stands for itself.
        (zone(mail__example__com="v=DMARC1;p=none;psd=n", example__com="v=DMARC1;p=none"), "a.mail.example.com", "example.com", False),
        (zone(mail__example__com="v=DMARC1;p=none;psd=n", example__com="v=DMARC1;p=none"), "a.mail.example.com", "b.mail.example.com", True),
        # psd=y: one label below.
        (zone(com="v=DMARC1;p=reject;psd=y"), "a.mail.example.com", "example.com", True),
        (zone(com="v=DMARC1;p=reject;psd=y"), "a.mail.example.com", "other.com", False),
        # A suffix that forgets psd=y does not make everyone below it one organisation.
        (zone(co__uk="v=DMARC1;p=none"), "bank.co.uk", "eve.co.uk", False),
        (zone(co__uk="v=DMARC1;p=none"), "mail.bank.co.uk", "bank.co.uk", True),
        # Strict alignment walks nowhere.
        (zone(example__com="v=DMARC1;p=none;adkim=s"), "example.com", "mail.example.com", False),
        (zone(example__com="v=DMARC1;p=none"), "example.com", "example.com", True),
        (zone(example__com="v=DMARC1;p=none"), "example.com", "notexample.com", False),
    ],
)  # fmt: skip
async def test_alignment_follows_the_organisational_domain(
    dns: FakeDns, author: str, signer: str, aligned: bool
) -> None:
    found = await dmarc(author, dns, by_dkim=dkim(signer))
    assert found.status is (PASS if aligned else FAIL)
    assert found.aligned_dkim == ((signer,) if aligned else ())
    by_spf = await dmarc(author, dns, spf(signer))
    if "adkim" not in str(dns.zone):
        assert by_spf.status is found.status


async def test_an_exact_match_asks_one_question() -> None:
    dns = zone(mail__example__com="v=DMARC1; p=reject")
    assert (await dmarc("mail.example.com", dns, by_dkim=dkim("mail.example.com"))).status is PASS
    assert dns.asked == [("_dmarc.mail.example.com", Txt)]


# Policy.

FULL = "v=DMARC1; p=reject; sp=quarantine; np=none"


@pytest.mark.parametrize(
    ("record", "author", "exists", "policy"),
    [
        (FULL, "example.is", False, Policy.REJECT),
        (FULL, "mail.example.is", True, Policy.QUARANTINE),
        (FULL, "ghost.example.is", False, Policy.NONE),
        ("v=DMARC1; p=reject; sp=none", "ghost.example.is", False, Policy.NONE),
        ("v=DMARC1; p=reject", "mail.example.is", True, Policy.REJECT),
        ("v=DMARC1; p=reject; t=y", "example.is", True, Policy.QUARANTINE),
        ("v=DMARC1; p=quarantine; t=y", "example.is", True, Policy.NONE),
        ("v=DMARC1; p=quarantine; pct=0", "example.is", True, Policy.NONE),
        ("v=DMARC1; p=quarantine; pct=50", "example.is", True, Policy.QUARANTINE),
        ("v=DMARC1; p=quarantine; pct=0; t=n", "example.is", True, Policy.QUARANTINE),
    ],
)
async def test_the_policy_for_a_failure(record: str, author: str, exists: bool, policy: Policy) -> None:
    dns = zone(example__is=record)
    if exists:
        from ipaddress import IPv4Address

        address: Rdata = A(IPv4Address("192.0.2.1"))
        dns.add(author, address)
    found = await dmarc(author, dns, spf("demo.test"))
    assert (found.status, found.policy, found.record_domain) == (FAIL, policy, "example.is")


async def test_a_registry_speaks_for_domains_without_a_record() -> None:
    dns = zone(example="v=DMARC1; p=reject; sp=quarantine; psd=y")
    found = await dmarc("bank.example", dns)
    assert (found.status, found.policy, found.record_domain) == (FAIL, Policy.QUARANTINE, "example")


async def test_without_a_record_there_is_no_dmarc() -> None:
    assert (await dmarc("example.is", FakeDns(), spf("example.is"))).status is NONE
    two = FakeDns({"_dmarc.example.is": [Txt(b"v=DMARC1; p=reject"), Txt(b"v=DMARC1; p=none")]})
    assert (await dmarc("example.is", two)).status is NONE
    other = FakeDns({"_dmarc.example.is": [Txt(b"hello"), Txt(b"v=DMARC1; p=reject")]})
    assert (await dmarc("example.is", other)).status is FAIL


async def test_failures_of_spf_and_dkim_do_not_count() -> None:
    dns = zone(example__is="v=DMARC1; p=reject")
    for result in (SpfResult.FAIL, SpfResult.SOFTFAIL, SpfResult.NEUTRAL, SpfResult.PERMERROR):
        assert (await dmarc("example.is", dns, spf("example.is", result))).status is FAIL
    for status in (DkimStatus.FAIL, DkimStatus.POLICY, DkimStatus.NEUTRAL, DkimStatus.PERMERROR):
        assert (await dmarc("example.is", dns, by_dkim=dkim("example.is", status=status))).status is FAIL


async def test_silence_of_the_dns_is_temporary_only_where_it_matters() -> None:
    dns = zone(example__is="v=DMARC1; p=reject")
    unknown = spf("mail.example.is", SpfResult.TEMPERROR)
    assert (await dmarc("example.is", dns, unknown)).status is TEMPERROR
    assert (await dmarc("example.is", dns, unknown, dkim("example.is"))).status is PASS
    assert (await dmarc("example.is", dns, spf("demo.test", SpfResult.TEMPERROR))).status is FAIL
    late = dkim("example.is", status=DkimStatus.TEMPERROR)
    assert (await dmarc("example.is", dns, by_dkim=late)).status is TEMPERROR
    dns.fail.add("_dmarc.example.is")
    found = await dmarc("example.is", dns, spf("Example.is."), dkim("mail.example.is"))
    assert (found.status, found.aligned_spf, found.aligned_dkim) == (TEMPERROR, "example.is", ())


async def test_hostile_domains_of_signatures_do_no_harm() -> None:
    dns = zone(example__is="v=DMARC1; p=reject")
    for name in ("", ".", "..", "is", "x" * 300, "exa mple.is", "[192.0.2.1]", "EXAMPLE.is."):
        found = await dmarc("example.is", dns, by_dkim=dkim(name))
        assert found.status is (PASS if name == "EXAMPLE.is." else FAIL)


async def test_the_public_suffix_list_serves_as_the_guard() -> None:
    from publicsuffixlist import PublicSuffixList

    real = PublicSuffixList(accept_unknown=False, only_icann=True).is_public
    assert [real(name) for name in ("co.uk", "uk", "bank.co.uk", "github.io", "bar.test")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    dns = zone(co__uk="v=DMARC1; p=none")
    for signer, status in (("eve.co.uk", FAIL), ("mail.bank.co.uk", PASS)):
        assert (await evaluate("bank.co.uk", NO_SPF, dkim(signer), dns, real)).status is status
