"""Strings as IMAP writes them: NIL, quoted, or literal (RFC 9051 §4.3, §4.5), from bytes that may hold anything.

Output is 7-bit by default, since RFC 3501 clients take nothing else (a raw 8-bit byte in a BODYSTRUCTURE has
broken K-9 Mail): readable text with other bytes becomes RFC 2047 encoded words, identifiers get `?`.  For a client
that enabled UTF8=ACCEPT (RFC 6855 §3) the text itself is written, as valid UTF-8 whatever the message held.

NUL cannot be written at all and is dropped; bare CR, LF and TAB become spaces, so no string ever needs a literal for
its content.  Long ones get one all the same, because some clients read lines into fixed buffers.
"""

import re

from mailhost.message.charsets import decode_text
from mailhost.message.encodedwords import encode_words

# Longer strings are sent as literals: a line of a response should stay far below the 8 KiB some clients read.
MAX_QUOTED = 1000

_SAFE = re.compile(rb"[ !#-\[\]-~]*+").fullmatch
_DROPPED = b"\x00"
_SPACES = bytes.maketrans(b"\r\n\t", b"   ")
_NOT_ASCII = re.compile(rb"[^\x01-\x7f]")


def string(value: bytes) -> bytes:
    """A quoted string or literal holding `value`, which may be 8-bit only for a UTF8=ACCEPT client."""
    if len(value) <= MAX_QUOTED:
        if _SAFE(value):
            return b'"%b"' % value
        value = value.translate(_SPACES, _DROPPED)
        # RFC 9051 §4.3: in a quoted string the quote and the backslash are escaped.
        return b'"%b"' % value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    value = value.translate(_SPACES, _DROPPED)
    return b"{%d}\r\n%b" % (len(value), value)


def identifier(value: bytes | None) -> bytes:
    """An nstring for machine-read values (dates, ids, types): other bytes become `?`."""
    if value is None:
        return b"NIL"
    return string(value if value.isascii() else _NOT_ASCII.sub(b"?", value))


def text(value: bytes | None, *, utf8: bool = False) -> bytes:
    """An nstring for text people read: encoded words in 7-bit output, UTF-8 for a UTF8=ACCEPT client."""
    if value is None:
        return b"NIL"
    if value.isascii():
        return string(value)
    decoded = decode_text(value)
    return string(decoded.encode("utf-8", "replace") if utf8 else encode_words(decoded))
