"""An SPF record as a value: `v=spf1 a mx/24 include:_spf.demo.test -all` (RFC 7208 §4.5, §4.6, §5, §6, §12).

In: the text of a TXT record.  Out: a `Record` of directives in order and two modifiers, or `BadRecord`.  The whole
record is read before any of it is used, because an error anywhere makes all of it void (RFC 7208 §4.6).

    version terms      v=spf1 *( 1*SP ( directive / modifier ) ) *SP
    directive          [ "+" / "-" / "?" / "~" ] ( all / include / a / mx / ptr / ip4 / ip6 / exists )
    modifier           redirect= / exp= / any-other-name=     (the last is checked and ignored)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from mailhost.mailauth.spf_macro import BadMacro, Macro, MacroString, parse_macros

# TXT answers travel in at most 64 KiB; a record of this size is already far beyond what RFC 7208 §3.4 advises (450
# octets), and every term costs work.
MAX_RECORD = 16 * 1024

_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*+)=")
_MECHANISM = re.compile(r"([-+?~]?)([A-Za-z0-9]++)(.*)", re.DOTALL)
_SPEC_AND_CIDR = re.compile(r"(?::(.*?))?(?:/(\d{1,3}))?(?://(\d{1,3}))?", re.DOTALL)
_IP_CIDR = re.compile(r":([0-9A-Fa-f:.]++)(?:/(\d{1,3}))?")
# RFC 7208 §7.1 `toplabel`: letters, digits and inner hyphens, not all of them digits.
_TOP_LABEL = re.compile(r"(?=.*[A-Za-z-])[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")


class BadRecord(ValueError):
    """The record breaks the grammar; the message says where, for its owner to repair."""


class Qualifier(StrEnum):
    """What a match means (RFC 7208 §4.6.2)."""

    PASS = "+"  # noqa: S105  a sign of the grammar, not a password
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"


class Mechanism(StrEnum):
    """How to match (RFC 7208 §5)."""

    ALL = "all"
    INCLUDE = "include"
    A = "a"
    MX = "mx"
    PTR = "ptr"
    IP4 = "ip4"
    IP6 = "ip6"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Directive:
    """One mechanism with its qualifier. `target` is None where the current domain is meant.

    `network` is set for ip4 and ip6; the prefix lengths are 32 and 128 where none was written.
    """

    qualifier: Qualifier
    mechanism: Mechanism
    text: str
    target: MacroString | None = None
    network: IPv4Address | IPv6Address | None = None
    prefix4: int = 32
    prefix6: int = 128


@dataclass(frozen=True, slots=True)
class Record:
    """A whole policy."""

    directives: tuple[Directive, ...] = ()
    redirect: MacroString | None = None
    explanation: MacroString | None = None


def is_spf(text: bytes) -> bool:
    """RFC 7208 §4.5: "v=spf1" in any case, then a space or the end; anything else is another protocol's record."""
    return text[:6].lower() == b"v=spf1" and text[6:7] in {b"", b" "}


def parse_record(text: bytes) -> Record:
    """The policy in a TXT record for which `is_spf` is true.  Raises BadRecord."""
    if len(text) > MAX_RECORD:
        raise BadRecord(f"the record is longer than {MAX_RECORD} octets")
    try:
        terms = text.decode("ascii")[6:].split(" ")
    except UnicodeDecodeError:
        # RFC 7208 §3.1: records are US-ASCII.
        raise BadRecord("the record has characters beyond ASCII") from None
    directives: list[Directive] = []
    modifiers: dict[str, MacroString] = {}
    for term in filter(None, terms):
        try:
            if name := _NAME.match(term):
                _modifier(name[1].lower(), term[name.end() :], modifiers)
            else:
                directives.append(_directive(term))
        except BadMacro as wrong:
            raise BadRecord(f"{_shown(term)}: {wrong}") from None
    return Record(tuple(directives), modifiers.get("redirect"), modifiers.get("exp"))


def _modifier(name: str, value: str, found: dict[str, MacroString]) -> None:
    if name not in {"redirect", "exp"}:
        parse_macros(value)  # RFC 7208 §6: unknown modifiers are ignored, but their syntax is checked.
        return
    if name in found:
        # RFC 7208 §6: each must not appear more than once.
        raise BadRecord(f"{name}= stands twice")
    found[name] = _domain_spec(value)


def _directive(term: str) -> Directive:
    found = _MECHANISM.fullmatch(term)
    if found is None:
        raise BadRecord(f"{_shown(term)} is neither a mechanism nor a modifier")
    try:
        mechanism = Mechanism(found[2].lower())
    except ValueError:
        raise BadRecord(f"{_shown(term)} names no mechanism") from None
    qualifier = Qualifier(found[1] or "+")
    if mechanism in {Mechanism.IP4, Mechanism.IP6}:
        return _ip(qualifier, mechanism, term, found[3])
    spec = _SPEC_AND_CIDR.fullmatch(found[3])
    if spec is None:
        raise BadRecord(f"{_shown(term)} is malformed")
    domain, length4, length6 = spec.groups()
    if mechanism not in {Mechanism.A, Mechanism.MX} and (length4 or length6):
        # RFC 7208 §5: prefix lengths belong to addresses; elsewhere the slash is part of the name, which then has
        # no valid end.
        raise BadRecord(f"{_shown(term)} takes no prefix length")
    if mechanism is Mechanism.ALL and domain is not None:
        raise BadRecord("all takes no argument")
    if mechanism in {Mechanism.INCLUDE, Mechanism.EXISTS} and domain is None:
        raise BadRecord(f"{mechanism} needs a domain")
    target = None if domain is None else _domain_spec(domain)
    return Directive(
        qualifier,
        mechanism,
        term,
        target,
        prefix4=_length(length4, 32, term),
        prefix6=_length(length6, 128, term),
    )


def _ip(qualifier: Qualifier, mechanism: Mechanism, term: str, rest: str) -> Directive:
    found = _IP_CIDR.fullmatch(rest)
    if found is None:
        raise BadRecord(f"{_shown(term)} holds no address")
    network: IPv4Address | IPv6Address
    try:
        network = (IPv4Address if mechanism is Mechanism.IP4 else IPv6Address)(found[1])
    except AddressValueError:
        raise BadRecord(f"{_shown(term)} holds no address") from None
    if mechanism is Mechanism.IP4:
        return Directive(qualifier, mechanism, term, network=network, prefix4=_length(found[2], 32, term))
    return Directive(qualifier, mechanism, term, network=network, prefix6=_length(found[2], 128, term))


def _length(text: str | None, most: int, term: str) -> int:
    if text is None:
        return most
    # RFC 7208 §12 `ip4-cidr-length`, `ip6-cidr-length`: no leading zeros, at most 32 or 128.
    if (len(text) > 1 and text[0] == "0") or int(text) > most:
        raise BadRecord(f"{_shown(term)} has an impossible prefix length")
    return int(text)


def _domain_spec(text: str) -> MacroString:
    """RFC 7208 §7.1: a macro-string that ends in a macro or in a top label."""
    parts = parse_macros(text)
    if not parts:
        raise BadRecord("a domain is missing")
    # `%%`, `%_` and `%-` are macro-expand too, and may end a domain-spec.
    ends_in_macro = isinstance(parts[-1], Macro) or text.endswith(("%%", "%_", "%-"))
    _, dot, label = text.removesuffix(".").rpartition(".")
    if not ends_in_macro and not (dot and _TOP_LABEL.fullmatch(label)):
        raise BadRecord(f"{_shown(text)} does not end in a domain")
    return parts


def _shown(text: str) -> str:
    """What is quoted in an error: short and printable, whatever the record holds."""
    return repr(text[:60])


def write_record(directives: Iterable[str], *, redirect: str | None = None) -> str:
    """The text of a record of our own, read back before it is handed out.  Raises BadRecord."""
    text = " ".join(["v=spf1", *directives, *([f"redirect={redirect}"] if redirect else [])])
    parse_record(text.encode("ascii"))
    return text
