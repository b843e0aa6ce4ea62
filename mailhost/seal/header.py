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
import re
from collections.abc import Sequence
from hashlib import sha256
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
# RFC 2104 §2: the key's block with 0x36 and with 0x5c added to each byte.
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
# Arguments of visible characters divided by single spaces, full lines, and one line that is not full.
_STANZA = re.compile(rb"-> ([!-~]++(?: [!-~]++)*+)\n((?:[^\n]{64}\n)*+)([^\n]{0,63})\n")
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
    """HKDF-SHA256 (RFC 5869) to 32 bytes, which is one block, so expansion is a single HMAC. `salt` has at most 64."""
    return hmac_sha256(hmac_sha256(salt, key), info + b"\x01")


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA-256 (RFC 2104 §2) under a key of at most 64 bytes.

    The library's own lets go of the interpreter at each call, and a thread that opens a thousand headers, seven calls
    each, waited for it longer than it worked.
    """
    if len(key) > 64:
        raise ValueError("a longer key would have to be hashed first")
    block = key.ljust(64, b"\0")
    return sha256(block.translate(_OUTER) + sha256(block.translate(_INNER) + data).digest()).digest()


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
    return hmac_sha256(hkdf(file_key, b"", b"header"), authenticated)


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
    end = len(header) - (len(_END) - 1) - _MAC_LENGTH - 1
    if not header.startswith(VERSION_LINE + b"\n") or header[end : end + 4] != b"--- " or header[-1:] != b"\n":
        raise CannotOpen
    stanzas, place = [], len(VERSION_LINE) + 1
    while place < end:
        stanza, place = _parse_stanza(header, place)
        stanzas.append(stanza)
        if place > end or len(stanzas) > MAX_STANZAS:
            raise CannotOpen
    if not stanzas:
        raise CannotOpen
    authenticated = header[: -(1 + _MAC_LENGTH + 1)]
    return Header(tuple(stanzas), authenticated, decode_base64(header[end + 4 : -1]))


def _parse_stanza(header: bytes, place: int) -> tuple[Stanza, int]:
    """The stanza that begins at `place`, and the place behind it."""
    found = _STANZA.match(header, place)
    if found is None:
        raise CannotOpen
    args, full_lines, last_line = found.groups()
    body = decode_base64(full_lines.replace(b"\n", b"") + last_line)
    return Stanza(tuple(args.decode("ascii").split(" ")), body), found.end()
