"""Messages as files hold them, made into messages as mail carries them: line ends, dates, what mbox programs added.

In: bytes of a file. Out: bytes with CRLF line ends, and facts found in the header. No content raises.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from mailhost.message.dates import parse_date
from mailhost.message.headers import Headers

_BARE_LF = re.compile(rb"(?<!\r)\n")
_HEADER_END = re.compile(rb"\r?\n\r?\n")
# A header block is looked for in so many octets.
_HEADER_ROOM = 256 * 1024
# Fields in which mbox programs keep flags and numbers; they are not of the message.
_KEPT_BY_PROGRAMS = re.compile(
    rb"^(?:Status|X-Status|X-Keywords|X-UID|X-IMAPbase|X-Mozilla-Status2?|X-Mozilla-Keys):[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
_STATUS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "T": "\\Draft", "D": "\\Deleted"}
_MOZILLA = {0x0001: "\\Seen", 0x0002: "\\Answered", 0x0004: "\\Flagged", 0x1000: "$Forwarded"}
_MOZILLA_EXPUNGED = 0x0008
_KEYWORD = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]{1,100}")


def with_crlf(content: bytes) -> bytes:
    """Every line ends in CRLF."""
    return _BARE_LF.sub(b"\r\n", content)


def header_of(content: bytes) -> Headers:
    """The header block of a message with either line end."""
    end = _HEADER_END.search(content, 0, _HEADER_ROOM)
    return Headers(content[: end.end() if end else _HEADER_ROOM])


def arrived(header: Headers) -> datetime | None:
    """When the message came, as its topmost Received field says; else when it was written."""
    received = header.first(b"Received")
    texts = [received.rpartition(b";")[2]] if received is not None and b";" in received else []
    texts.append(header.first(b"Date") or b"")
    for text in texts:
        found = parse_date(text.decode("latin-1"))
        if found is not None:
            return found.astimezone(UTC) if found.year > 1 else None
    return None


def keyword(name: str) -> bool:
    """Whether a flag that is not a system flag can be kept: an atom (RFC 9051 §9) of bearable length."""
    return _KEYWORD.fullmatch(name) is not None


def is_leftover(content: bytes) -> bool:
    """What is in an mbox and no message: the notes of UW IMAP and its heirs, what Thunderbird has yet to remove."""
    header = header_of(content)
    return header.first(b"X-IMAP") is not None or bool(_mozilla(header) & _MOZILLA_EXPUNGED)


def without_status(content: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The message as it was before an mbox program kept its flags in the header, and those flags."""
    end = _HEADER_END.search(content, 0, _HEADER_ROOM)
    block = content[: end.start() + 1] if end else content[:_HEADER_ROOM]
    header = Headers(block)
    letters = ((header.first(b"Status") or b"") + (header.first(b"X-Status") or b"")).decode("latin-1")
    flags = [flag for letter, flag in _STATUS.items() if letter in letters]
    flags += [flag for bit, flag in _MOZILLA.items() if _mozilla(header) & bit]
    words = b" ".join(header.first(name) or b"" for name in (b"X-Keywords", b"X-Mozilla-Keys")).decode("latin-1")
    flags += [word for word in words.replace(",", " ").split() if keyword(word)]
    return _KEPT_BY_PROGRAMS.sub(b"", block) + content[len(block) :], tuple(dict.fromkeys(flags))


def _mozilla(header: Headers) -> int:
    try:
        return int((header.first(b"X-Mozilla-Status") or b"0")[:4], 16)
    except ValueError:
        return 0
