"""The header of an age file: text lines that carry the file key to each recipient.

C2SP age.md, "Header". A version line, one or more *stanzas* (`-> type argument …` and a base64 body wrapped at
64 columns, the last line shorter), and `--- ` with an HMAC-SHA-256 over everything before it. The HMAC key
comes from the file key, so whoever has unwrapped the file key can tell that no stanza was added, removed or
changed.

In: stanzas and a file key, or bytes. Out: the bytes, or the stanzas with what is needed to check the MAC. The
parser is as strict as the specification: canonical base64 without padding characters, LF only, nothing before,
between or after. It raises `CannotOpen` and nothing else. It does not know what any stanza means; that is
`identity`'s affair.
"""

import binascii
import hmac
from collections.abc import Sequence
from typing import NamedTuple

from mailhost.seal.errors import CannotOpen

VERSION_LINE = b"age-encryption.org/v1"
FILE_KEY_SIZE = 16
# Our own headers stay under 25 kB (one hybrid stanza and a summary of 16 KiB); 64 KiB leaves room for imported files
# with a few dozen recipients and bounds what a hostile file can make us split.
MAX_HEADER_SIZE = 64 * 1024
# Every stanza may cost one key exchange per identity.
MAX_STANZAS = 64

_COLUMNS = 64
_MAC_LENGTH = 43
_END = b"\n--- "
_ARGUMENT_BYTES = bytes(range(0x20, 0x7F))
_BASE64_PADDING = (b"", b"", b"==", b"=")
# RFC 4648 §3.5: the bits of the last character that belong to no byte are zero.
_CANONICAL_ENDS = (None, b"", b"AQgw", b"AEIMQUYcgkosw048")


class Stanza(NamedTuple):
    """One `-> args…` section; the body is decoded."""

    args: tuple[str, ...]
    body: bytes


class Header(NamedTuple):
    """A parsed header; trust nothing in it before `verify`."""

    stanzas: tuple[Stanza, ...]
    authenticated: bytes
    mac: bytes

    def verify(self, file_key: bytes) -> None:
        """Raise `CannotOpen` unless the MAC was made with this file key."""
        if not hmac.compare_digest(self.mac, _mac(file_key, self.authenticated)):
            raise CannotOpen


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) to 32 bytes, which is one block, so expansion is a single HMAC."""
    extracted = hmac.digest(salt, key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def encode_base64(data: bytes) -> bytes:
    """RFC 4648 §4 without `=`, as everywhere in age."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=")


def decode_base64(text: bytes) -> bytes:
    """The strict inverse of `encode_base64`: one encoding for every byte string, else `CannotOpen`."""
    left_over = len(text) % 4
    ends = _CANONICAL_ENDS[left_over]
    if b"=" in text or (ends is not None and text[-1] not in ends):
        raise CannotOpen
    try:
        return binascii.a2b_base64(text + _BASE64_PADDING[left_over], strict_mode=True)
    except binascii.Error:
        raise CannotOpen from None


def _mac(file_key: bytes, authenticated: bytes) -> bytes:
    return hmac.digest(hkdf(file_key, b"", b"header"), authenticated, "sha256")


def encode_header(stanzas: Sequence[Stanza], file_key: bytes) -> bytes:
    """The header's bytes, MAC and final line feed included."""
    lines = [VERSION_LINE]
    for args, body in stanzas:
        lines.append(b"-> " + " ".join(args).encode("ascii"))
        text = encode_base64(body)
        # The last line is shorter than 64 columns, and empty where the body fills its lines exactly.
        lines += [text[start : start + _COLUMNS] for start in range(0, len(text) + 1, _COLUMNS)]
    lines.append(b"---")
    authenticated = b"\n".join(lines)
    return authenticated + b" " + encode_base64(_mac(file_key, authenticated)) + b"\n"


def header_length(start: bytes | bytearray | memoryview) -> int:
    """How many of these bytes are the header; the payload begins behind them. `CannotOpen` where it never ends."""
    head = bytes(memoryview(start)[:MAX_HEADER_SIZE])
    # No line of a stanza can begin with "---": argument lines begin with "->" and "-" is not base64.
    end = head.find(_END)
    length = end + len(_END) + _MAC_LENGTH + 1
    if end < 0 or length > len(head):
        raise CannotOpen
    return length


def parse_header(header: bytes) -> Header:
    """The stanzas of exactly one header, no byte more or less; `CannotOpen` for anything else."""
    if len(header) > MAX_HEADER_SIZE:
        raise CannotOpen
    lines = header.split(b"\n")
    if lines[0] != VERSION_LINE or lines.pop():
        raise CannotOpen
    mac_line = lines.pop()
    if mac_line[:4] != b"--- " or len(mac_line) != 4 + _MAC_LENGTH:
        raise CannotOpen
    stanzas, place = [], 1
    while place < len(lines):
        stanza, place = _parse_stanza(lines, place)
        stanzas.append(stanza)
        if len(stanzas) > MAX_STANZAS:
            raise CannotOpen
    if not stanzas:
        raise CannotOpen
    authenticated = header[: -(1 + _MAC_LENGTH + 1)]
    return Header(tuple(stanzas), authenticated, decode_base64(mac_line[4:]))


def _parse_stanza(lines: list[bytes], place: int) -> tuple[Stanza, int]:
    """The stanza whose argument line is `lines[place]`, and the place of the line behind it."""
    first = lines[place]
    args = first[3:].split(b" ")
    if first[:3] != b"-> " or first.translate(None, _ARGUMENT_BYTES) or b"" in args:
        raise CannotOpen
    end = place + 1
    while end < len(lines) and len(lines[end]) == _COLUMNS:
        end += 1
    if end == len(lines) or len(lines[end]) > _COLUMNS:
        raise CannotOpen
    body = decode_base64(b"".join(lines[place + 1 : end + 1]))
    return Stanza(tuple([arg.decode("ascii") for arg in args]), body), end + 1
