"""A DKIM-Signature field as a value, and the bytes it signs (RFC 6376 §3.5, §3.7).

    DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.is; s=s1; h=from:to:subject; bh=…; b=…

In: the value of the field. Out: a `Signature`, or `BadSignature` with what is wrong. The ARC-Message-Signature of
RFC 8617 §4.1.2 is the same with two differences (no v=, and i= is a number), so it is read here too.

`signed_data` is what the signature covers: the named fields, each name taking the lowest one not yet taken, then the
field itself with its b= emptied. A name without a field left adds nothing, which is how signers forbid adding one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from mailhost.mailauth.canonicalization import Canonicalization, Parts, canonical_field, relaxed_field
from mailhost.mailauth.dkim_key import Algorithm
from mailhost.mailauth.tagvalue import BadTagList, binary, number, parse_tags, words
from mailhost.message.address import BadAddress, normal_domain
from mailhost.message.headers import Field

# Names in one h=: several times the largest real list; each is a look-up.
MAX_SIGNED_NAMES = 500
# RFC 8601 §2.7.1 and RFC 6008: this much of b= tells one signature of a message from the others.
B_PREFIX = 8

_B_TAG = re.compile(rb"((?:^|;)[ \t\r\n]*+b[ \t\r\n]*+=)[^;]*+")
_SELECTOR = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")


class BadSignature(ValueError):
    """The field is not a signature that can be checked.

    `historic` tells an algorithm that is no longer valid (RFC 8301 §3.1) from what was never right. `domain` and
    `selector` are what could be read.
    """

    def __init__(self, problem: str, *, domain: str = "", selector: str = "", historic: bool = False) -> None:
        super().__init__(problem)
        self.domain = domain
        self.selector = selector
        self.historic = historic


@dataclass(frozen=True, slots=True)
class Signature:
    """What the tags say. `names` are lower case; `identity` is i=, empty where the default `@domain` holds."""

    field: Field
    algorithm: Algorithm
    domain: str
    selector: str
    names: tuple[bytes, ...]
    body_hash: bytes
    value: bytes
    b_prefix: str
    header_form: Canonicalization = Canonicalization.SIMPLE
    body_form: Canonicalization = Canonicalization.SIMPLE
    length: int | None = None
    signed_at: datetime | None = None
    expires: datetime | None = None
    identity: str = ""


def parse_signature(field: Field, *, arc: bool = False) -> Signature:
    """The signature in a field.  Raises BadSignature."""
    try:
        tags = parse_tags(field.value.decode("utf-8"))
    except (UnicodeDecodeError, BadTagList) as wrong:
        raise BadSignature(f"not a tag list: {wrong}") from None
    domain, selector = tags.get("d", ""), tags.get("s", "")
    try:
        return _signature(field, tags, arc=arc)
    except (BadTagList, BadAddress) as wrong:
        raise BadSignature(str(wrong), domain=domain, selector=selector) from None


def _signature(field: Field, tags: dict[str, str], *, arc: bool) -> Signature:
    # RFC 6376 §3.5: v= must be 1; RFC 8617 §4.1.2: in ARC it is ignored.
    if not arc and tags.get("v") != "1":
        raise BadTagList("v= is not 1")
    algorithm = _algorithm(tags)
    domain, selector = _domain(tags, "d"), _selector(tags)
    names = tuple(name.lower().encode() for name in words(tags.get("h", "")))
    if not names or len(names) > MAX_SIGNED_NAMES:
        raise BadTagList(f"h= names no header field, or more than {MAX_SIGNED_NAMES}")
    if "dns/txt" not in words(tags.get("q", "dns/txt")):
        raise BadTagList("q= names no known way to get the key")
    header_form, body_form = _forms(tags.get("c", ""))
    signed_at, expires = _moment(tags, "t"), _moment(tags, "x")
    if signed_at and expires and expires <= signed_at:
        # RFC 6376 §3.5: x= must be greater than t=.
        raise BadTagList("x= is not after t=")
    value = binary(tags, "b")
    return Signature(
        field,
        algorithm,
        domain,
        selector,
        names,
        binary(tags, "bh"),
        value,
        "".join(tags["b"].split())[:B_PREFIX],
        header_form,
        body_form,
        number(tags, "l"),
        signed_at,
        expires,
        "" if arc else _identity(tags, domain),
    )


def _algorithm(tags: dict[str, str]) -> Algorithm:
    name = tags.get("a", "")
    if name == "rsa-sha1":
        raise BadSignature(
            "rsa-sha1 is no longer valid", domain=tags.get("d", ""), selector=tags.get("s", ""), historic=True
        )
    try:
        return Algorithm(name)
    except ValueError:
        raise BadTagList("a= is not a known algorithm") from None


def _domain(tags: dict[str, str], name: str) -> str:
    # RFC 8616 §4: d= may hold U-labels; comparisons and queries use A-labels.
    return normal_domain(tags.get(name, ""))


def _selector(tags: dict[str, str]) -> str:
    selector = tags.get("s", "")
    if not selector.isascii():
        return normal_domain(selector)
    if not _SELECTOR.fullmatch(selector):
        raise BadTagList("s= is not a selector")
    return selector.lower()


def _forms(text: str) -> tuple[Canonicalization, Canonicalization]:
    """RFC 6376 §3.5 c=: header/body, the body's form simple if it is left out, both if c= is."""
    header, _, body = text.partition("/")
    try:
        return Canonicalization(header.strip() or "simple"), Canonicalization(body.strip() or "simple")
    except ValueError:
        raise BadTagList("c= is not a known canonicalization") from None


def _moment(tags: dict[str, str], name: str) -> datetime | None:
    seconds = number(tags, name)
    if seconds is None:
        return None
    # Later than year 9999 is as good as never, and `datetime` ends there.
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC)


def _identity(tags: dict[str, str], domain: str) -> str:
    identity = tags.get("i", "")
    if not identity:
        return ""
    _, sign, host = identity.rpartition("@")
    # RFC 6376 §3.5 i=: its domain must be d= or below it.
    if not sign or not at_or_below(normal_domain(host), domain):
        raise BadTagList("i= is not within d=")
    return identity


def at_or_below(name: str, domain: str) -> bool:
    """Whether `name` is `domain` or one of its subdomains; both in lower-case A-labels."""
    return name == domain or name.endswith("." + domain)


def without_b(raw: bytes) -> bytes:
    """The lines of a signature field with the value of b= emptied (RFC 6376 §3.7); `raw` as `Parts.raw` gives it."""
    name, colon, value = raw.partition(b":")
    return name + colon + _B_TAG.sub(rb"\1", value, count=1)


def signed_fields(parts: Parts, names: Iterable[bytes], form: Canonicalization) -> list[bytes]:
    """The canonical fields that h= names (RFC 6376 §5.4.2), without their line ends."""
    taken: dict[bytes, int] = {}
    found = []
    for name in names:
        fields, index = parts.named(name), taken.get(name, 0)
        if index < len(fields):
            found.append(canonical_field(parts, fields[index], form))
            taken[name] = index + 1
    return found


def signed_data(parts: Parts, signature: Signature) -> bytes:
    """The octets that the signature's b= is over (RFC 6376 §3.7)."""
    own = without_b(parts.raw(signature.field))
    if signature.header_form is Canonicalization.RELAXED:
        name, _, value = own.partition(b":")
        own = relaxed_field(name.rstrip(b" \t"), value)
    return b"\r\n".join([*signed_fields(parts, signature.names, signature.header_form), own])
