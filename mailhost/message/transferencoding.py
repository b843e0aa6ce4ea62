"""Content-Transfer-Encoding undone (RFC 2045 §6), as forgiving as mail is careless.

In: the bytes of a part and the name of its encoding.  Out: the decoded bytes, or `UnknownEncoding` as a
value, so that IMAP can answer `NO [UNKNOWN-CTE]` (RFC 3516 §4.3) and a preview can simply be empty.

Damaged base64 decodes as far as it makes sense: foreign bytes are skipped (RFC 2045 §6.8), missing padding
is added, a lone last character is dropped, several padded runs one after another are all decoded.
"""

import binascii
import re
from dataclasses import dataclass

# Padded runs of base64 one behind the other, as some gateways leave them; more of them are read as one.
MAX_RUNS = 1000

_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64_ALPHABET) - {ord("=")})

# RFC 2045 §6.7 (3): white space at the end of a line was added in transit and must be deleted.  The look-behind
# lets only the first space of a run start a match, which keeps a megabyte of spaces linear.
_TRANSPORT_PADDING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")

_IDENTITY = frozenset({"7bit", "8bit", "binary"})

# As nearly every message writes them.
_WRITTEN = {
    spelled.encode("ascii"): name
    for name in (*_IDENTITY, "base64", "quoted-printable")
    for spelled in (name, name.upper(), name.title())
}

# Names seen in real mail that mean one of the five.
_ALIASES = {
    "": "7bit",
    "7-bit": "7bit",
    "7bits": "7bit",
    "8-bit": "8bit",
    "8bits": "8bit",
    "us-ascii": "7bit",
    "utf-8": "8bit",
    "base-64": "base64",
    "quotedprintable": "quoted-printable",
    "quoted_printable": "quoted-printable",
}


@dataclass(frozen=True, slots=True)
class UnknownEncoding:
    """The part uses an encoding RFC 2045 does not define; `name` is lower case."""

    name: str


def normal_encoding(value: bytes | None) -> str:
    """The encoding a Content-Transfer-Encoding field means: lower case, without comment or quotes."""
    if value is None:
        return "7bit"
    known = _WRITTEN.get(value)
    if known is not None:
        return known
    text = value.decode("latin-1").partition(";")[0].partition("(")[0].strip("\"' \t\r\n").lower()
    return _ALIASES.get(text, text)


def decode(data: bytes | memoryview, encoding: str) -> bytes | memoryview | UnknownEncoding:
    """`data` without its transfer encoding; the very same object where there is none."""
    if encoding in _IDENTITY:
        return data
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return decode_quoted_printable(data)
    return UnknownEncoding(encoding)


def decode_base64(data: bytes | memoryview) -> bytes:
    """The bytes base64 text stands for, whatever else lies between its characters."""
    clean = bytes(data).translate(None, _NOT_BASE64)
    body = clean.rstrip(b"=")
    if b"=" in body:
        *runs, rest = body.split(b"=", MAX_RUNS)
        return b"".join([_decode_run(run) for run in runs if run]) + _decode_run(rest.replace(b"=", b""))
    return _decode_run(body)


def _decode_run(run: bytes) -> bytes:
    if len(run) % 4 == 1:
        run = run[:-1]  # six bits are not a byte
    return binascii.a2b_base64(run + b"=" * (-len(run) % 4))


def decode_quoted_printable(data: bytes | memoryview) -> bytes:
    """The bytes quoted-printable text stands for; a broken escape stays as it is."""
    return binascii.a2b_qp(_TRANSPORT_PADDING.sub(b"", data))
