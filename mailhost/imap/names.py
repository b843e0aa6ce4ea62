"""Mailbox names: Unicode inside, modified UTF-7 or UTF-8 on the wire, and LIST patterns.

Without UTF8=ACCEPT or IMAP4rev2 a name travels in modified UTF-7 (RFC 3501 §5.1.3): printable ASCII as it is,
`&` as `&-`, the rest as UTF-16BE in a base64 with `,` for `/`. With them it travels as UTF-8. Only the
canonical encoding is accepted, so one folder has one spelling. INBOX is one name in any case (RFC 9051 §5.1).

Patterns: `*` matches anything, `%` anything but the delimiter (RFC 9051 §6.3.9). Matching simulates the
automaton with one integer as the set of live states, so no pattern takes exponential time.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from functools import lru_cache

from mailhost.message.foldernames import DELIMITER, MAX_NAME, BadName, normalized

_ENCODED = re.compile(r"&([A-Za-z0-9+,]*)-")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_RUN = re.compile(r"[^\x20-\x7e]+|&")
_SAFE_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]+")


def decode_utf7(encoded: bytes) -> str:
    """Modified UTF-7 → Unicode. Raises BadName on anything but the canonical form."""
    try:
        text = encoded.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadName("The name has 8-bit octets: enable UTF8=ACCEPT or use modified UTF-7") from error
    if "&" not in text:
        return text
    try:
        name = _ENCODED.sub(_decode_run, text)
    except (ValueError, UnicodeDecodeError) as error:
        raise BadName("The name is not modified UTF-7") from error
    # Comparing with the canonical form also finds a stray "&" and ASCII hidden in base64.
    if encode_utf7(name) != encoded:
        raise BadName("The name is not canonical modified UTF-7")
    return name


def _decode_run(found: re.Match[str]) -> str:
    run = found[1]
    if not run:
        return "&"
    padded = run.replace(",", "/") + "=" * (-len(run) % 4)
    return binascii.a2b_base64(padded).decode("utf-16-be")


def encode_utf7(name: str) -> bytes:
    """Unicode → modified UTF-7, canonical."""
    if "&" not in name and _PLAIN.fullmatch(name):
        return name.encode("ascii")
    return _RUN.sub(_encode_run, name).encode("ascii")


def _encode_run(found: re.Match[str]) -> str:
    run = found[0]
    if run == "&":
        return "&-"
    base64 = binascii.b2a_base64(run.encode("utf-16-be", "surrogatepass"), newline=False)
    return "&" + base64.decode("ascii").rstrip("=").replace("/", ",") + "-"


def decode_name(wire: bytes, *, utf8: bool) -> str:
    """A mailbox name as the client sent it → the name in the store. Raises BadName.

    8-bit names are read as UTF-8 even when not enabled: the octets can mean nothing else, and Thunderbird
    sends them. A trailing delimiter is accepted and dropped (RFC 9051 §6.3.4).
    """
    if utf8 or not wire.isascii():
        try:
            name = wire.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadName("The name is not UTF-8") from error
    else:
        name = decode_utf7(wire)
    return normalized(name)


@lru_cache(maxsize=4096)
def encode_name(name: str, *, utf8: bool) -> bytes:
    """The name as an `astring` for a response: an atom where one is enough, else a quoted string."""
    wire = name.encode("utf-8", "replace") if utf8 else encode_utf7(name)
    if _SAFE_ATOM.fullmatch(wire) and wire.upper() != b"NIL":
        return wire
    return b'"%b"' % wire.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


def pattern_matcher(pattern: str) -> Callable[[str], bool]:
    """A predicate for one LIST pattern, already joined with its reference name."""
    matches = _matcher(pattern)
    if matches("INBOX") or not _matcher(pattern.upper())("INBOX"):
        return matches
    # RFC 9051 §5.1: INBOX is one name in any case, so "inb*" means it too.
    return lambda name: name == "INBOX" or matches(name)


def _matcher(pattern: str) -> Callable[[str], bool]:
    first, slash, rest = pattern.partition(DELIMITER)
    if first.upper() == "INBOX":
        pattern = "INBOX" + slash + rest
    collapsed = re.sub(r"[*%]*\*[*%]*", "*", pattern)
    collapsed = re.sub(r"%+", "%", collapsed)
    if collapsed == "*":
        return lambda _name: True
    if "*" not in collapsed and "%" not in collapsed:
        return collapsed.__eq__
    # Twice the longest name plus one is the longest pattern that can match anything.
    if len(collapsed) > 2 * MAX_NAME + 1:
        return lambda _name: False
    return _automaton(collapsed)


def _automaton(pattern: str) -> Callable[[str], bool]:
    """States are positions between literal characters; bit i set = i literals matched."""
    literals = [char for char in pattern if char not in "*%"]
    stars = percents = 0
    position = 0
    for char in pattern:
        if char == "*":
            stars |= 1 << position
        elif char == "%":
            percents |= 1 << position
        else:
            position += 1
    accepts: dict[str, int] = {}
    for index, char in enumerate(literals):
        accepts[char] = accepts.get(char, 0) | 1 << index
    final = 1 << len(literals)
    needed = len(literals)

    def matches(name: str) -> bool:
        if needed > len(name):
            return False
        live = 1
        for char in name:
            stay = stars if char == DELIMITER else stars | percents
            live = ((live & accepts.get(char, 0)) << 1) | (live & stay)
            if not live:
                return False
        return bool(live & final)

    return matches
