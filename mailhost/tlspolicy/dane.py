"""DANE for SMTP: the certificate of a mail host, named in the signed DNS (RFC 7672, RFC 6698, RFC 7671).

    _25._tcp.mx.example.is.  TLSA  3 1 1 <SHA-256 of the host's public key>
                             TLSA  2 1 1 <SHA-256 of the public key of an authority in its chain>

In: what the DNS said about TLSA, and later the chain a host showed. Out: `demand` says what to ask of a connection,
`match` whether the chain keeps it. Only answers that a validating resolver vouches for count (`authentic`), and only
those of a resolver on loopback ever are.

Usages 0 and 1 rest on public authorities, which have no place between mail hosts (RFC 7672 §3.1.3); they count as
unusable. For usage 3 name and dates of the certificate do not matter, the record alone vouches for the key; for usage
2 the chain must lead to the authority, be in its time, and be for the host or the domain (RFC 7672 §3.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hmac import compare_digest
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from mailhost.mailauth.resolver import DnsAnswer, DnsFailure, Lookup, Tlsa

# RFC 6698 §2.1.1: DANE-TA and DANE-EE.
TRUST_ANCHOR, END_ENTITY = 2, 3
# RFC 6698 §2.1.3: exact, SHA-256, SHA-512, with the length of their data.
_DIGEST_LENGTH = {1: 32, 2: 64}
# Records of one host that are looked at: a key and its successor, for two authorities, with room to spare.
MAX_RECORDS = 50
# Certificates of one chain that are looked at.
MAX_CHAIN = 10


class Demand(StrEnum):
    """What the DNS asks of a connection to one mail host (RFC 7672 §2.2)."""

    NOTHING = "nothing"  # no signed records: another policy may apply
    TLS = "tls"  # signed records of which none is usable: encrypt, without checking who it is
    MATCH = "match"  # encrypt, and `match` the chain
    UNKNOWN = "unknown"  # the DNS did not answer: do not deliver to this host now


def usable(records: Collection[Tlsa]) -> tuple[Tlsa, ...]:
    """The records that SMTP can use (RFC 7672 §3.1)."""
    return tuple(
        one
        for one in list(records)[:MAX_RECORDS]
        if one.usage in {TRUST_ANCHOR, END_ENTITY}
        and one.selector in {0, 1}
        and (one.matching == 0 or len(one.data) == _DIGEST_LENGTH.get(one.matching))
    )


def demand(answer: Lookup[Tlsa], *, signed_path: bool) -> Demand:
    """What to ask of a host. `signed_path`: the MX records and the host's addresses were authentic (RFC 7672 §2.2.1,
    §2.2.2); without that a TLSA record proves nothing."""
    if not signed_path:
        return Demand.NOTHING
    match answer:
        case DnsFailure():
            # RFC 7672 §2.1.2: a failure may be an attack that hides the records.
            return Demand.UNKNOWN
        case DnsAnswer(records, True, _):
            return Demand.MATCH if usable(records) else Demand.TLS
    return Demand.NOTHING


@dataclass(frozen=True, slots=True)
class Match:
    """Whether a chain keeps what the records ask. `record` is the one that vouched, `problem` why none did."""

    ok: bool
    record: Tlsa | None = None
    problem: str = ""


def match(
    chain: Sequence[x509.Certificate], records: Collection[Tlsa], names: Collection[str], *, now: datetime
) -> Match:
    """Judge the chain a host showed, its own certificate first.

    `names` are the host and the domain mail is for (RFC 7672 §3.2.2), in A-labels.
    """
    if not chain:
        return Match(False, problem="the host showed no certificate")
    problem = "no record matches the certificate"
    for one in usable(records):
        if one.usage == END_ENTITY and _matches(chain[0], one):
            # RFC 7672 §3.1.1: nothing else in the certificate is looked at.
            return Match(True, one)
        if one.usage == TRUST_ANCHOR and (found := _anchor(chain, one)) is not None:
            problem = _path_problem(chain[: found + 1], names, now)
            if not problem:
                return Match(True, one)
    return Match(False, problem=problem)


def _matches(certificate: x509.Certificate, record: Tlsa) -> bool:
    data = selected(certificate, record.selector)
    if record.matching:
        data = (hashlib.sha256 if record.matching == 1 else hashlib.sha512)(data).digest()
    return compare_digest(data, record.data)


def selected(certificate: x509.Certificate, selector: int) -> bytes:
    """The part of a certificate that a record is about (RFC 6698 §2.1.2): 0 all of it, 1 its public key."""
    if selector == 0:
        return certificate.public_bytes(serialization.Encoding.DER)
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def record_for(certificate: x509.Certificate) -> Tlsa:
    """The record to publish for a certificate of our own: 3 1 1 (RFC 7672 §3.1.1)."""
    return Tlsa(END_ENTITY, 1, 1, hashlib.sha256(selected(certificate, 1)).digest())


def _anchor(chain: Sequence[x509.Certificate], record: Tlsa) -> int | None:
    """Where in the chain the authority of a usage 2 record stands.

    We differ from RFC 7671 §5.2.2: an authority that the host does not send, known only by a full key or certificate
    in the record, is not used; hosts must send it (RFC 7672 §3.1.2).
    """
    for index, certificate in enumerate(chain[:MAX_CHAIN]):
        if _matches(certificate, record):
            return index
    return None


def _path_problem(path: Sequence[x509.Certificate], names: Collection[str], now: datetime) -> str:
    """Why the path from the host to the authority does not hold, empty if it does."""
    for certificate in path:
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return "a certificate of the chain is out of its time"
    for child, parent in pairwise(path):
        if not _is_authority(parent):
            return "a certificate of the chain is no authority"
        try:
            child.verify_directly_issued_by(parent)
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
            return "a certificate of the chain was not issued by the next"
    if not any(_is_for(path[0], name) for name in names):
        return "the certificate is for another name"
    return ""


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _is_for(certificate: x509.Certificate, name: str) -> bool:
    """RFC 7672 §3.2.3: subject alternative names, the common name only where there are none."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = list(alternatives.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, ValueError):
        found = []
    if not found:
        found = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    name = name.lower().removesuffix(".")
    _, dot, parent = name.partition(".")
    # RFC 6125 §6.4.3: a wildcard stands for the whole leftmost label.
    return any(one.lower() == name or (dot and one.lower() == f"*.{parent}") for one in found)
