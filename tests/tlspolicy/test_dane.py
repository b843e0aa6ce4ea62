"""DANE: what the DNS demands, and which certificate chains keep it (RFC 7672)."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailhost.mailauth.resolver import DnsAnswer, DnsFailure, Lookup, NoData, NoSuchName, Tlsa
from mailhost.tlspolicy.dane import MAX_RECORDS, Demand, demand, match, record_for, selected, usable

NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOST, DOMAIN = "mx1.example.is", "example.is"


@dataclass(frozen=True)
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def issue(
    name: str,
    by: Issued | None = None,
    *,
    authority: bool = False,
    names: tuple[str, ...] = (),
    begin: datetime = NOW - DAY,
    end: datetime = NOW + 30 * DAY,
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
    return Issued(builder.sign(by.key if by else key, hashes.SHA256()), key)


@cache
def root() -> Issued:
    return issue("Root", authority=True)


@cache
def middle() -> Issued:
    return issue("Middle", root(), authority=True)


@cache
def leaf() -> Issued:
    return issue(HOST, middle(), names=(HOST,))


def chain(*parts: Issued) -> list[x509.Certificate]:
    return [one.certificate for one in parts or (leaf(), middle(), root())]


def ta(issued: Issued, selector: int = 1, matching: int = 1) -> Tlsa:
    return tlsa(issued, 2, selector, matching)


def tlsa(issued: Issued, usage: int, selector: int, matching: int) -> Tlsa:
    data = selected(issued.certificate, selector)
    if matching:
        data = (hashlib.sha256 if matching == 1 else hashlib.sha512)(data).digest()
    return Tlsa(usage, selector, matching, data)


def keeps(certificates: list[x509.Certificate], *records: Tlsa, names: tuple[str, ...] = (HOST, DOMAIN)) -> bool:
    return match(certificates, records, names, now=NOW).ok


# Demands.

RECORD = Tlsa(3, 1, 1, bytes(32))


@pytest.mark.parametrize(
    ("answer", "signed_path", "expected"),
    [
        (DnsAnswer((RECORD,), authentic=True), True, Demand.MATCH),
        (DnsAnswer((RECORD,), authentic=False), True, Demand.NOTHING),
        (DnsAnswer((RECORD,), authentic=True), False, Demand.NOTHING),
        (DnsAnswer((Tlsa(1, 1, 1, bytes(32)),), authentic=True), True, Demand.TLS),
        (NoSuchName(authentic=True), True, Demand.NOTHING),
        (NoData(), True, Demand.NOTHING),
        (DnsFailure("bogus"), True, Demand.UNKNOWN),
        (DnsFailure("bogus"), False, Demand.NOTHING),
    ],
)
def test_what_the_dns_demands(answer: Lookup[Tlsa], signed_path: bool, expected: Demand) -> None:
    assert demand(answer, signed_path=signed_path) is expected


def test_only_some_records_are_usable() -> None:
    good = [Tlsa(3, 1, 1, bytes(32)), Tlsa(2, 0, 2, bytes(64)), Tlsa(3, 0, 0, b"x")]
    bad = [
        Tlsa(0, 1, 1, bytes(32)),
        Tlsa(1, 1, 1, bytes(32)),
        Tlsa(4, 1, 1, bytes(32)),
        Tlsa(3, 2, 1, bytes(32)),
        Tlsa(3, 1, 3, bytes(32)),
        Tlsa(3, 1, 1, bytes(31)),
        Tlsa(3, 1, 2, bytes(32)),
    ]
    assert usable(good + bad) == tuple(good)
    assert len(usable([RECORD] * 1000)) == MAX_RECORDS


# End entities.


@pytest.mark.parametrize(("selector", "matching"), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)])
def test_the_hosts_own_certificate_or_key_matches(selector: int, matching: int) -> None:
    assert keeps(chain(), tlsa(leaf(), 3, selector, matching))
    assert not keeps(chain(), tlsa(root(), 3, selector, matching))


def test_for_an_end_entity_neither_name_nor_dates_matter() -> None:
    old = issue("whatever", begin=NOW - 90 * DAY, end=NOW - 60 * DAY)
    assert keeps(chain(old), tlsa(old, 3, 1, 1), names=("other.example",))


def test_one_matching_record_is_enough() -> None:
    found = match(chain(), [RECORD, record_for(leaf().certificate)], [HOST], now=NOW)
    assert found.record == record_for(leaf().certificate)


def test_our_own_record_is_3_1_1() -> None:
    record = record_for(leaf().certificate)
    public = (
        leaf()
        .key.public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert record == Tlsa(3, 1, 1, hashlib.sha256(public).digest())


# Authorities.


@pytest.mark.parametrize("authority", [middle, root])
@pytest.mark.parametrize(("selector", "matching"), [(0, 0), (0, 1), (1, 1), (1, 2)])
def test_an_authority_in_the_chain_vouches(authority: type, selector: int, matching: int) -> None:
    assert keeps(chain(), ta(authority(), selector, matching))


def test_an_authority_vouches_for_the_host_or_the_domain_only() -> None:
    assert keeps(chain(), ta(root()), names=(HOST,))
    for_domain = issue("x", middle(), names=(DOMAIN,))
    assert keeps(chain(for_domain, middle(), root()), ta(root()))
    wildcard = issue("x", middle(), names=("*.example.is",))
    assert keeps(chain(wildcard, middle(), root()), ta(root()), names=(HOST,))
    assert not keeps(chain(wildcard, middle(), root()), ta(root()), names=("a.b.example.is",))
    other = match(chain(), [ta(root())], ["mx.demo.test"], now=NOW)
    assert other.problem == "the certificate is for another name"


def test_the_common_name_counts_only_without_alternatives() -> None:
    plain = issue(HOST, middle())
    assert keeps(chain(plain, middle(), root()), ta(root()))
    both = issue(HOST, middle(), names=("other.example",))
    assert not keeps(chain(both, middle(), root()), ta(root()))


def test_a_chain_out_of_its_time_does_not_hold() -> None:
    late = issue(HOST, middle(), names=(HOST,), end=NOW - timedelta(seconds=1))
    assert match(chain(late, middle(), root()), [ta(root())], [HOST], now=NOW).problem.endswith("out of its time")
    early = issue(HOST, middle(), names=(HOST,), begin=NOW + DAY)
    assert not keeps(chain(early, middle(), root()), ta(root()))


def test_a_chain_of_strangers_does_not_hold() -> None:
    forged = issue(HOST, issue("Middle", authority=True), names=(HOST,))
    found = match(chain(forged, middle(), root()), [ta(root())], [HOST], now=NOW)
    assert found.problem == "a certificate of the chain was not issued by the next"


def test_a_host_cannot_play_the_authority() -> None:
    # A certificate issued by another host's, which is no authority.
    forged = issue("mx.bank.example", leaf(), names=("mx.bank.example",))
    found = match(chain(forged, leaf(), middle()), [ta(middle())], ["mx.bank.example"], now=NOW)
    assert found.problem == "a certificate of the chain is no authority"


def test_an_authority_that_is_not_sent_is_not_found() -> None:
    found = match(chain(leaf(), middle()), [ta(root())], [HOST], now=NOW)
    assert found.problem == "no record matches the certificate"


def test_no_certificate_is_no_match() -> None:
    assert match([], [RECORD], [HOST], now=NOW).problem == "the host showed no certificate"
    assert not keeps(chain(), replace(RECORD, usage=1))
