"""ARC: what forwarders saw before they changed a message, sealed hop by hop (RFC 8617).

A mailing list breaks DKIM by its footer and SPF by its address. With ARC it adds a *set* of three fields: what it
saw (ARC-Authentication-Results), a signature over the message as it sends it on (ARC-Message-Signature), and a seal
over all sets so far (ARC-Seal). Sets are numbered from 1.

In: a message, a resolver, the time. Out: an `ArcResult`: none, pass or fail, and who sealed which claim. A chain
that passes proves who handled the message, not that they are honest: `verdict` believes only sealers it is told to
trust. A failure of the DNS is a failure of the chain (RFC 8617 §5.2.1).

`seal` makes our own set for mail that is forwarded: three fields together, to stand on top of the message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailhost.mailauth.canonicalization import Parts, relaxed_field
from mailhost.mailauth.dkim import DkimStatus, KeyAnswer, check, fetch_keys, hash_bodies
from mailhost.mailauth.dkim_key import Algorithm, KeyRecord, verify_signature
from mailhost.mailauth.dkim_signature import BadSignature, parse_signature, without_b
from mailhost.mailauth.dkim_signing import Cover, SigningKey, folded, names_to_sign, signature_field, signed_tags
from mailhost.mailauth.resolver import Resolver
from mailhost.mailauth.tagvalue import BadTagList, binary, number, parse_tags
from mailhost.message.address import BadAddress, normal_domain
from mailhost.message.headers import Field, unfold

# RFC 8617 §4.2.1.
MAX_SETS = 50

SEAL, MESSAGE, RESULTS = b"arc-seal", b"arc-message-signature", b"arc-authentication-results"
# RFC 8617 §3.9 `instance`, as it opens the value of ARC-Authentication-Results.
_INSTANCE = re.compile(r"\s*i\s*=\s*([0-9]{1,2})\s*;(.*)", re.DOTALL)


class ArcStatus(StrEnum):
    """Chain Validation Status (RFC 8617 §4.4)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105  a status, not a password
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class ArcResult:
    """What came of the chain.

    `sealers` are the domains of the seals and `claims` what each sealer says it saw, both from instance 1 up and
    empty unless the chain passes. `highest` is the largest instance found, `oldest_pass` the lowest set whose message
    signature still holds, 0 if all do (RFC 8617 §5.2). `sealed_as_failed` says that the newest seal itself says fail.
    """

    status: ArcStatus
    highest: int = 0
    sealers: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    oldest_pass: int = 0
    problem: str = ""
    sealed_as_failed: bool = False


NO_CHAIN = ArcResult(ArcStatus.NONE)


class _Broken(Exception):
    """The chain fails; the message says why."""


@dataclass(frozen=True, slots=True)
class ArcSet:
    """One set (RFC 8617 §3.1). `claim` is what follows `i=1;` in its results."""

    seal: Field
    message: Field
    results: Field
    claim: str
    tags: dict[str, str]
    domain: str
    selector: str


async def verify(parts: Parts, resolver: Resolver, *, now: datetime) -> ArcResult:
    """The chain of a message (RFC 8617 §5.2)."""
    if not any(parts.named(name) for name in (SEAL, MESSAGE, RESULTS)):
        return NO_CHAIN
    highest = _highest(parts)
    try:
        sets = read_chain(parts)
        keys: dict[tuple[str, str], KeyAnswer] = {}
        await _check_message(parts, sets[-1], keys, resolver, now)
        # RFC 8617 §5.2 step 6: from the newest seal down, so that a forged tail costs its forger a real seal.
        lines = [line for one in sets for line in _canonical(one)]
        for index in range(len(sets) - 1, -1, -1):
            await _check_seal(parts, sets[index], lines[: 3 * index], keys, resolver)
        oldest = await _oldest_pass(parts, sets, keys, resolver, now)
    except _Broken as broken:
        return ArcResult(ArcStatus.FAIL, highest, problem=str(broken), sealed_as_failed=_newest_says_fail(parts))
    return ArcResult(
        ArcStatus.PASS, len(sets), tuple(one.domain for one in sets), tuple(one.claim for one in sets), oldest
    )


def read_chain(parts: Parts) -> list[ArcSet]:
    """The sets from 1 up, if their structure is valid (RFC 8617 §5.2 steps 1 to 3).  Raises _Broken."""
    if parts.is_malformed:
        raise _Broken("the header holds a line that is no field")
    seals, messages = _numbered(parts, SEAL), _numbered(parts, MESSAGE)
    claims = {instance: (field, claim) for instance, field, claim in map(_results, parts.named(RESULTS))}
    if len(claims) != len(parts.named(RESULTS)):
        raise _Broken("two fields of one instance")
    count = len(seals)
    expected = set(range(1, count + 1))
    # RFC 8617 §5.2 step 3 A and B: exactly one of each, numbered without gaps.
    if not expected == set(seals) == set(messages) == set(claims) or not expected:
        raise _Broken("the sets are not complete and numbered from 1")
    if count > MAX_SETS:
        raise _Broken(f"more than {MAX_SETS} sets")
    sets = []
    for instance in range(1, count + 1):
        field, tags = seals[instance]
        cv = tags.get("cv", "").lower()
        # RFC 8617 §5.2 step 3 C.
        if cv != ("none" if instance == 1 else "pass"):
            raise _Broken(f"seal {instance} says cv={cv[:10]}")
        # RFC 8617 §4.1.3: h= is not allowed, because the fields are prescribed.
        if "h" in tags:
            raise _Broken(f"seal {instance} has h=")
        sets.append(_set(field, tags, messages[instance][0], *claims[instance]))
    return sets


def _set(seal: Field, tags: dict[str, str], message: Field, results: Field, claim: str) -> ArcSet:
    try:
        domain = normal_domain(tags.get("d", ""))
    except BadAddress as wrong:
        raise _Broken(str(wrong)) from None
    return ArcSet(seal, message, results, claim, tags, domain, tags.get("s", "").lower())


def _numbered(parts: Parts, name: bytes) -> dict[int, tuple[Field, dict[str, str]]]:
    found: dict[int, tuple[Field, dict[str, str]]] = {}
    fields = parts.named(name)
    if len(fields) > MAX_SETS:
        raise _Broken(f"more than {MAX_SETS} sets")
    for field in fields:
        try:
            tags = parse_tags(field.value.decode("utf-8"))
            instance = number(tags, "i") or 0
        except (UnicodeDecodeError, BadTagList) as wrong:
            raise _Broken(f"not a tag list: {wrong}") from None
        if instance in found:
            raise _Broken("two fields of one instance")
        found[instance] = field, tags
    return found


def _results(field: Field) -> tuple[int, Field, str]:
    found = _INSTANCE.fullmatch(unfold(field.value).decode("utf-8", "replace"))
    if found is None:
        raise _Broken("results without an instance")
    return int(found[1]), field, " ".join(found[2].split())


def _highest(parts: Parts) -> int:
    """The largest instance that any seal names, readable or not."""
    numbers = [
        int(found[1]) for field in parts.named(SEAL) if (found := re.search(rb"\bi\s*=\s*(\d{1,2})", field.value))
    ]
    return max(numbers, default=0)


def _newest_says_fail(parts: Parts) -> bool:
    highest = str(_highest(parts))
    for field in parts.named(SEAL):
        try:
            tags = parse_tags(field.value.decode("utf-8"))
        except (UnicodeDecodeError, BadTagList):
            continue
        if tags.get("i") == highest and tags.get("cv", "").lower() == "fail":
            return True
    return False


async def _check_message(
    parts: Parts, one: ArcSet, keys: dict[tuple[str, str], KeyAnswer], resolver: Resolver, now: datetime
) -> None:
    """RFC 8617 §5.2 step 4: a message signature is checked like a DKIM signature."""
    try:
        signature = parse_signature(one.message, arc=True)
    except BadSignature as bad:
        raise _Broken(f"message signature: {bad}") from None
    if SEAL in signature.names:
        # RFC 8617 §4.1.2: ARC fields must not be signed here. Early sealers signed the results, and still verify.
        raise _Broken("message signature: it signs a seal")
    await hash_bodies(parts, [signature.body_form])
    found = check(parts, signature, await _key(keys, resolver, signature.selector, signature.domain), now)
    if found.status is not DkimStatus.PASS:
        raise _Broken(f"message signature: {found.problem}")


async def _check_seal(
    parts: Parts,
    newest: ArcSet,
    before: Sequence[bytes],
    keys: dict[tuple[str, str], KeyAnswer],
    resolver: Resolver,
) -> None:
    """RFC 8617 §5.1.1: a seal is over all sets up to its own; `before` are the canonical fields of the earlier ones."""
    instance = newest.tags["i"]
    try:
        algorithm, value = Algorithm(newest.tags.get("a", "")), binary(newest.tags, "b")
        record = await _key(keys, resolver, newest.selector, newest.domain)
        if not isinstance(record, KeyRecord):
            raise _Broken(f"seal {instance}: {record}")
        key = record.public_key(algorithm)
    except ValueError as wrong:
        raise _Broken(f"seal {instance}: {wrong}") from None
    name, _, own = without_b(parts.raw(newest.seal)).partition(b":")
    lines = [*before, *_canonical(newest)[:2], relaxed_field(name.rstrip(b" \t"), own)]
    if not verify_signature(key, value, b"\r\n".join(lines)):
        raise _Broken(f"seal {instance}: it does not match the sets")


def _canonical(one: ArcSet) -> list[bytes]:
    """The fields of a set in the order and form in which seals take them: results, message signature, seal."""
    return [relaxed_field(field.name, field.value) for field in (one.results, one.message, one.seal)]


async def _oldest_pass(
    parts: Parts,
    sets: Sequence[ArcSet],
    keys: dict[tuple[str, str], KeyAnswer],
    resolver: Resolver,
    now: datetime,
) -> int:
    """RFC 8617 §5.2 step 5."""
    for instance in range(len(sets) - 1, 0, -1):
        try:
            await _check_message(parts, sets[instance - 1], keys, resolver, now)
        except _Broken:
            return instance + 1
    return 0


async def _key(keys: dict[tuple[str, str], KeyAnswer], resolver: Resolver, selector: str, domain: str) -> KeyAnswer:
    if (selector, domain) not in keys:
        keys |= await fetch_keys([(selector, domain)], resolver)
    return keys[selector, domain]


def seal(
    parts: Parts, chain: ArcResult, results: str, key: SigningKey, *, authserv_id: str, now: datetime
) -> bytes | None:
    """Our set for a message that is sent on, as field lines to put in front of it.

    `parts` is the message as it leaves, our DKIM signature included; `chain` and `results` are what we found when it
    came in (`results` as in Authentication-Results behind the host name). None where nothing may be added: the chain
    is already sealed as failed (RFC 8617 §5.1 step 2) or is full.
    """
    instance = chain.highest + 1
    if chain.sealed_as_failed or instance > MAX_SETS:
        return None
    times = [f"t={int(now.timestamp())}"]
    own_results = folded(b"ARC-Authentication-Results", [f"i={instance}", authserv_id, *_split(results)]) + b"\r\n"
    names = (*names_to_sign(parts), *[b"dkim-signature"] * len(parts.named(b"dkim-signature")))
    cover = Cover.of(parts, names)
    own_message = signature_field(b"ARC-Message-Signature", [f"i={instance}"], times, key, cover)
    status, lines = chain.status, []
    if status is ArcStatus.PASS:
        try:
            lines = [line for one in read_chain(parts) for line in _canonical(one)]
        except _Broken:
            # The chain was whole when it came in, so the message lost fields here.
            status = ArcStatus.FAIL
    # RFC 8617 §5.1.2: the seal of a failed chain is over our own set alone.
    for field in (own_results, own_message):
        name, _, value = field.partition(b":")
        lines.append(relaxed_field(name, value))
    tags = [f"i={instance}", f"a={key.algorithm}", f"cv={status}", f"d={key.domain}", f"s={key.selector}", *times]
    return signed_tags(b"ARC-Seal", tags, lines, key) + own_message + own_results


def _split(results: str) -> list[str]:
    """A results value at its semicolons, which stand in none of the values we write."""
    return [part.strip() for part in results.split(";")]
