"""Verifying DKIM signatures: which domains answer for this message, unchanged? (RFC 6376 §6, RFC 8301, RFC 8463)

In: a message with CRLF line ends, a resolver, the time. Out: one `DkimResult` per signature, from the top of the
header down, with a result of RFC 8601 §2.7.1:

    pass       the domain `d` signed these fields and this body
    fail       it did not, or the message was changed, or the signature is out of its time
    policy     it may have, but it leaves room for what it did not sign (l=), which we do not accept
    neutral    the field is no signature anyone could check, or its domain says that it is only testing
    permerror  no key, an unusable or too weak key, an algorithm of the past
    temperror  the DNS did not answer

A message without signatures gives an empty list. Nothing here raises. Work is bounded: `MAX_SIGNATURES` are looked
at, the body is hashed at most once per canonicalisation, in a thread when it is large.

We differ from RFC 6376 §3.6.1 t=y: a pass of a testing domain counts as a pass, since domains forget the flag for
years; only its failures are softened to neutral.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hmac import compare_digest

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from mailhost.mailauth.canonicalization import Canonicalization, Parts
from mailhost.mailauth.dkim_key import BadKey, KeyRecord, KeyUnavailable, NoKey, fetch_key, verify_signature
from mailhost.mailauth.dkim_signature import BadSignature, Signature, parse_signature, signed_data
from mailhost.mailauth.resolver import Resolver
from mailhost.message.address import BadAddress, normal_domain
from mailhost.message.headers import Field

# Author, provider and a few lists: real mail stays below five. Each costs a DNS query and a signature check.
MAX_SIGNATURES = 8
# Clocks differ; nobody is helped by failing mail for that.
CLOCK_SKEW = timedelta(minutes=15)
# Above this, hashing the body on the event loop would be felt by other sessions.
LARGE_BODY = 256 * 1024


class DkimStatus(StrEnum):
    """RFC 8601 §2.7.1, without "none", which is the empty list."""

    PASS = "pass"  # noqa: S105  a result, not a password
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DkimResult:
    """What came of one signature. `domain` and `selector` are empty where they could not be read.

    `problem` says in English why it is not a pass; `testing` is the flag t=y of the key record; `key_bits` is the
    length of an RSA key, 0 where there was none.
    """

    status: DkimStatus
    domain: str = ""
    selector: str = ""
    algorithm: str = ""
    identity: str = ""
    b_prefix: str = ""
    problem: str = ""
    testing: bool = False
    key_bits: int = 0


type KeyAnswer = KeyRecord | NoKey | KeyUnavailable


async def verify(parts: Parts, resolver: Resolver, *, now: datetime) -> list[DkimResult]:
    """The results of the first `MAX_SIGNATURES` signatures of a message."""
    read = [_read(field) for field in parts.named(b"dkim-signature")[::-1][:MAX_SIGNATURES]]
    if parts.is_malformed:
        # RFC 6376 §3.8: only a valid message can be signed; what is no field moves the rest in some readers' eyes.
        return [_malformed(found) for found in read]
    signatures = [found for found in read if isinstance(found, Signature)]
    keys = await fetch_keys({(found.selector, found.domain) for found in signatures}, resolver)
    await hash_bodies(parts, {found.body_form for found in signatures})
    return [
        check(parts, found, keys[found.selector, found.domain], now) if isinstance(found, Signature) else found
        for found in read
    ]


def _read(field: Field) -> Signature | DkimResult:
    try:
        return parse_signature(field)
    except BadSignature as bad:
        # RFC 8301 §3.1: historic algorithms have permanently failed; RFC 8601 §2.7.1: syntax errors are neutral.
        status = DkimStatus.PERMERROR if bad.historic else DkimStatus.NEUTRAL
        return DkimResult(status, bad.domain, bad.selector, problem=str(bad))


def _malformed(found: Signature | DkimResult) -> DkimResult:
    return DkimResult(
        DkimStatus.PERMERROR, found.domain, found.selector, problem="the header holds a line that is no field"
    )


async def fetch_keys(wanted: Collection[tuple[str, str]], resolver: Resolver) -> dict[tuple[str, str], KeyAnswer]:
    """The key records of (selector, domain) pairs, each asked for once, all at the same time."""
    pairs = sorted(wanted)
    return dict(zip(pairs, await asyncio.gather(*(_key(resolver, *pair) for pair in pairs)), strict=True))


async def _key(resolver: Resolver, selector: str, domain: str) -> KeyAnswer:
    try:
        return await fetch_key(resolver, selector, domain)
    except (NoKey, KeyUnavailable) as missing:
        return missing


async def hash_bodies(parts: Parts, forms: Collection[Canonicalization]) -> None:
    """Make the body hashes that `check` will ask for, large ones beside the event loop."""
    if len(parts.body) > LARGE_BODY:
        for form in forms:
            await asyncio.to_thread(parts.body_hash, form)


def check(parts: Parts, signature: Signature, key: KeyAnswer, now: datetime) -> DkimResult:
    """One signature against the key its domain publishes (RFC 6376 §6.1)."""
    bits = 0
    testing = isinstance(key, KeyRecord) and key.testing
    match key:
        case KeyUnavailable():
            status, problem = DkimStatus.TEMPERROR, str(key)
        case NoKey():
            status, problem = DkimStatus.PERMERROR, str(key)
        case KeyRecord():
            status, problem, bits = _check_with(parts, signature, key, now)
    if testing and status is not DkimStatus.PASS:
        status, problem = DkimStatus.NEUTRAL, f"testing: {problem}"
    return DkimResult(
        status,
        signature.domain,
        signature.selector,
        signature.algorithm,
        signature.identity,
        signature.b_prefix,
        problem,
        testing,
        bits,
    )


def _check_with(parts: Parts, signature: Signature, record: KeyRecord, now: datetime) -> tuple[DkimStatus, str, int]:
    try:
        key = record.public_key(signature.algorithm)
    except BadKey as bad:
        return DkimStatus.PERMERROR, str(bad), 0
    bits = key.key_size if isinstance(key, RSAPublicKey) else 0
    status, problem = _outside_the_key(signature, record, now)
    if status is DkimStatus.PASS:
        status, problem = _body(parts, signature)
    if status in {DkimStatus.PASS, DkimStatus.POLICY} and not verify_signature(
        key, signature.value, signed_data(parts, signature)
    ):
        status, problem = DkimStatus.FAIL, "the signature does not match the header"
    return status, problem, bits


def _outside_the_key(signature: Signature, record: KeyRecord, now: datetime) -> tuple[DkimStatus, str]:
    """What can be said without hashing anything."""
    if b"from" not in signature.names:
        # RFC 6376 §6.1.1: a signature that leaves out From says nothing about the author.
        return DkimStatus.PERMERROR, "From is not signed"
    if record.same_domain and signature.identity and _host(signature.identity) != signature.domain:
        # RFC 6376 §3.6.1 t=s: i= must not be in a subdomain.
        return DkimStatus.PERMERROR, "the key may not sign for subdomains"
    if signature.expires is not None and now > signature.expires + CLOCK_SKEW:
        return DkimStatus.FAIL, "the signature has expired"
    if signature.signed_at is not None and signature.signed_at > now + CLOCK_SKEW:
        return DkimStatus.FAIL, "the signature is from the future"
    return DkimStatus.PASS, ""


def _host(identity: str) -> str:
    try:
        return normal_domain(identity.rpartition("@")[2])
    except BadAddress:
        return ""


def _body(parts: Parts, signature: Signature) -> tuple[DkimStatus, str]:
    digest, total = parts.body_hash(signature.body_form)
    if signature.length is not None and signature.length > total:
        # RFC 6376 §3.5 l=: the value must not exceed the body.
        return DkimStatus.FAIL, "l= is longer than the body"
    if signature.length is not None and signature.length < total:
        # RFC 6376 §8.2: what stands behind may be anybody's, and can hide all that was signed.
        return DkimStatus.POLICY, "the end of the body is not signed"
    if not compare_digest(digest, signature.body_hash):
        return DkimStatus.FAIL, "the body was changed"
    return DkimStatus.PASS, ""


def passes(results: Sequence[DkimResult]) -> list[DkimResult]:
    """The results that are a pass."""
    return [result for result in results if result.status is DkimStatus.PASS]
