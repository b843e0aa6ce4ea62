"""The message a mail program sees where a sealed one is stored: a MIME wrapper round an age file.

    multipart/encrypted; protocol="application/age"
    ├─ application/age            the age header: what a list needs
    ├─ application/octet-stream   message.age, the whole age file
    └─ application/age            the delivery record (only mail sealed by its sender)

In: the clear facts of a stored message.  Out: its exact size, ENVELOPE and BODYSTRUCTURE by arithmetic, without
touching the age file, and its bytes, whole, in pieces or any range.  The same facts give the same bytes for ever:
clients keep offsets and sizes.  Nothing of the sealed message is in it but two lengths and an hour.

All parts are base64.  The age header is ASCII, but its lines end in LF and its first stanza is a line of 1,500
characters: as it stands it would be no valid mail (RFC 5322 §2.1.1), and its size as text would depend on more than
its length.  `BINARY[1]` and `BINARY[2]` give the exact header and file.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from itertools import chain

from mailhost.message import base64lines
from mailhost.message.addresslist import parse_address_list
from mailhost.message.dates import format_date
from mailhost.message.encodedwords import encode_words
from mailhost.message.envelope import address_list
from mailhost.message.headers import Buffer
from mailhost.message.parameters import parameter_text
from mailhost.message.structure import Part, scan
from mailhost.message.transferencoding import UnknownEncoding, decode

type Bytes = bytes | bytearray | memoryview

SUBJECT = b"Sealed message"
FILE_NAME = b"message.age"
# C2SP age.md: the first line of every age file.
AGE_VERSION = b"age-encryption.org/v1\n"

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOP = (
    b"From: sealed@%(domain)b\r\nTo: %(to)b\r\nDate: %(date)b\r\nMessage-ID: <%(id)b@%(domain)b>\r\n"
    b"Subject: " + SUBJECT + b"\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/encrypted; protocol="application/age";\r\n boundary="skerry-%(id)b"\r\n\r\n'
)
_HEAD_1 = (
    b"Content-Type: application/age\r\nContent-Transfer-Encoding: base64\r\nContent-Description: age header\r\n\r\n"
)
_HEAD_2 = (
    b'Content-Type: application/octet-stream; name="%b"\r\nContent-Transfer-Encoding: base64\r\n'
    b'Content-Disposition: attachment; filename="%b"\r\n\r\n' % (FILE_NAME, FILE_NAME)
)
_HEAD_3 = (
    b"Content-Type: application/age\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Description: delivery record\r\n\r\n"
)

_DELIMITER = b"--skerry-%b"
# Octets of all this without the values that are filled in; the date is of 30 characters or one more.
_FIXED = (
    len(_TOP % {b"domain": b"", b"to": b"", b"date": b"d" * 30, b"id": b""})
    + len(_HEAD_1 + _HEAD_2 + b"\r\n" * 4 + b"--\r\n")
    + 3 * len(_DELIMITER % b"")
)
_FIXED_RECORD = len(_HEAD_3 + b"\r\n" * 2 + _DELIMITER % b"")

# What the two renderings of RFC 9051 §7.5.2 say about these parts; tests hold them against the bytes served.
_BODY_1 = b'("APPLICATION" "AGE" NIL NIL "age header" "BASE64" %d%b)'
_BODY_2 = b'("APPLICATION" "OCTET-STREAM" ("NAME" "message.age") NIL NIL "BASE64" %d%b)'
_BODY_3 = b'("APPLICATION" "AGE" NIL NIL "delivery record" "BASE64" %d%b)'
_PLAIN = b" NIL NIL NIL NIL"
_ATTACHED = b' NIL ("ATTACHMENT" ("FILENAME" "message.age")) NIL NIL'
_STRUCTURE = b'(%b "ENCRYPTED" ("PROTOCOL" "application/age" "BOUNDARY" "skerry-%b") NIL NIL NIL)'


class NotAWrapper(ValueError):
    """The message is not one of ours."""


class _Content(Enum):
    """What stands between the fixed bytes."""

    HEADER = 1
    FILE = 2
    RECORD = 3


@dataclass(frozen=True, slots=True)
class Wrapper:
    """One stored message as the sealed view serves it.  Sizes are in octets; `header` + `payload` is the age file.

    `opaque_id` is of letters, digits, dots, hyphens and underscores, `domain` in A-labels, `mailbox` an address as
    written in a header field, `arrived` aware.  Arguments that cannot be are programming errors: ValueError.
    """

    opaque_id: str
    domain: str
    mailbox: str
    arrived: datetime
    header_size: int
    payload_size: int
    record_size: int = 0

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.opaque_id):
            raise ValueError("an opaque id is 1 to 64 letters, digits, dots, hyphens and underscores")
        if not (self.mailbox.isprintable() and self.domain.isprintable() and self.domain.isascii()):
            raise ValueError("mailbox and domain must be printable, the domain in A-labels")

    @property
    def size(self) -> int:
        """RFC822.SIZE, by arithmetic alone: STATUS asks for it of every message in a folder."""
        two_digits = self.arrived.astimezone(UTC).day >= 10
        fixed = _FIXED + 2 * len(self.domain) + len(self._to()) + two_digits + 5 * len(self.opaque_id)
        encoded = base64lines.encoded_size(self.header_size) + base64lines.encoded_size(self.file_size)
        if self.record_size:
            encoded += _FIXED_RECORD + len(self.opaque_id) + base64lines.encoded_size(self.record_size)
        return fixed + encoded

    @property
    def file_size(self) -> int:
        """Octets of the age file: BINARY.SIZE of part 2."""
        return self.header_size + self.payload_size

    def envelope(self) -> bytes:
        """The IMAP ENVELOPE of the bytes served."""
        domain = self.domain.encode("ascii")
        sender = b'((NIL NIL "sealed" "%b"))' % domain
        return b'("%b" "%b" %b %b %b %b NIL NIL NIL "<%b@%b>")' % (
            self._date(),
            SUBJECT,
            *(sender, sender, sender),
            address_list(parse_address_list(self._to())),
            self.opaque_id.encode("ascii"),
            domain,
        )

    def body(self) -> bytes:
        """The IMAP BODY of the bytes served."""
        return b'(%b "ENCRYPTED")' % self._part_bodies(b"", b"")

    def bodystructure(self) -> bytes:
        """The IMAP BODYSTRUCTURE of the bytes served."""
        return _STRUCTURE % (self._part_bodies(_PLAIN, _ATTACHED), self.opaque_id.encode("ascii"))

    def _part_bodies(self, plain: bytes, attached: bytes) -> bytes:
        out = _BODY_1 % (base64lines.encoded_size(self.header_size), plain)
        out += _BODY_2 % (base64lines.encoded_size(self.file_size), attached)
        if self.record_size:
            out += _BODY_3 % (base64lines.encoded_size(self.record_size), plain)
        return out

    def head(self) -> bytes:
        """The header of the bytes served, with the empty line that closes it."""
        return self._top()

    def render(self, header: bytes, payload: Bytes, record: bytes = b"") -> bytes:
        """The whole message.  ValueError if these are not the bytes the wrapper was made for."""
        if (len(header), len(payload), len(record)) != (self.header_size, self.payload_size, self.record_size):
            raise ValueError("header, payload or delivery record do not have the size the wrapper states")
        return b"".join(self.pieces(header, (payload,), record))

    def pieces(self, header: bytes, payload: Iterable[Bytes], record: bytes = b"") -> Iterator[bytes]:
        """The whole message in pieces, for a payload that comes in pieces; little is held at a time."""
        for content, _ in self._segments():
            if content is _Content.HEADER:
                yield base64lines.encode(header)
            elif content is _Content.FILE:
                yield from base64lines.encode_pieces(chain((header,), payload))
            elif content is _Content.RECORD:
                yield base64lines.encode(record)
            else:
                yield content

    def payload_range(self, start: int, end: int) -> tuple[int, int]:
        """Which payload bytes `[first:last]` the message bytes `[start:end]` depend on; empty if none."""
        for content, at, size in self._placed():
            low, high = max(start, at), min(end, at + size)
            if content is _Content.FILE and low < high:
                first, last = base64lines.bytes_for(low - at, high - at)
                bounds = [min(max(offset - self.header_size, 0), self.payload_size) for offset in (first, last)]
                return bounds[0], bounds[1]
        return 0, 0

    def render_range(self, start: int, end: int, header: bytes, payload: Bytes, record: bytes = b"") -> bytes:
        """The message bytes `[start:end]`, given exactly the payload bytes that `payload_range` names."""
        out: list[bytes] = []
        for content, at, size in self._placed():
            low, high = max(start, at) - at, min(end, at + size) - at
            if low >= high:
                continue
            if content is _Content.HEADER:
                out.append(base64lines.encode(header)[low:high])
            elif content is _Content.FILE:
                first, last = base64lines.bytes_for(low, high)
                out.append(base64lines.encode_range(header[first:last] + payload, low, high))
            elif content is _Content.RECORD:
                out.append(base64lines.encode(record)[low:high])
            else:
                out.append(content[low:high])
        return b"".join(out)

    def tree(self) -> Part:
        """The skeleton of the bytes served, as `structure.scan` would find it, by arithmetic."""
        placed = self._placed()
        top = self._top()
        _, end_at, end_size = placed[-1]
        root = _part(top, 0, len(top), end_at + end_size)
        heads = [_HEAD_1, _HEAD_2, _HEAD_3]
        for head, (_, at, size) in zip(heads, placed[1::2], strict=False):
            root.children.append(_part(head, at - len(head), at, at + size))
        return root

    def _top(self) -> bytes:
        return _TOP % {
            b"domain": self.domain.encode("ascii"),
            b"to": self._to(),
            b"date": self._date(),
            b"id": self.opaque_id.encode("ascii"),
        }

    def _to(self) -> bytes:
        # RFC 6857 §3.1: where UTF-8 cannot go, an internationalised address becomes the name of an empty group.
        return self.mailbox.encode() if self.mailbox.isascii() else encode_words(self.mailbox) + b":;"

    def _date(self) -> bytes:
        return _hour(self.arrived)

    def _segments(self) -> list["tuple[bytes | _Content, int]"]:
        """Fixed bytes and computed contents in turn, with their sizes."""
        delimiter = _DELIMITER % self.opaque_id.encode("ascii")
        first = b"%b%b\r\n%b" % (self._top(), delimiter, _HEAD_1)
        second = b"\r\n%b\r\n%b" % (delimiter, _HEAD_2)
        out: list[tuple[bytes | _Content, int]] = [
            (first, len(first)),
            (_Content.HEADER, base64lines.encoded_size(self.header_size)),
            (second, len(second)),
            (_Content.FILE, base64lines.encoded_size(self.file_size)),
        ]
        if self.record_size:
            third = b"\r\n%b\r\n%b" % (delimiter, _HEAD_3)
            out += [(third, len(third)), (_Content.RECORD, base64lines.encoded_size(self.record_size))]
        last = b"\r\n%b--\r\n" % delimiter
        return [*out, (last, len(last))]

    def _placed(self) -> list["tuple[bytes | _Content, int, int]"]:
        """The segments with the offset where each begins: content, offset, size."""
        out: list[tuple[bytes | _Content, int, int]] = []
        at = 0
        for content, size in self._segments():
            out.append((content, at, size))
            at += size
        return out


@lru_cache(maxsize=1024)  # a folder has few of them, and ten thousand wrappers are written in a row
def _hour(moment: datetime) -> bytes:
    """The hour a moment falls in, as a date field says it."""
    return format_date(moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)).encode("ascii")


def parse_wrapper(message: Buffer) -> bytes:
    """The age file in a wrapper, whoever stored and reformatted it meanwhile.  Raises NotAWrapper.

    The delivery record is not given back: only this host may make one (it would be a stranger's word).
    """
    root = scan(message)
    protocol = parameter_text(root.parameters, b"protocol") or ""
    if root.subtype != "encrypted" or protocol.lower() != "application/age" or len(root.children) < 2:
        raise NotAWrapper("the message is not multipart/encrypted with protocol application/age")
    part = root.children[1]
    body = decode(memoryview(message)[part.body_start : part.body_end], part.encoding)
    if isinstance(body, UnknownEncoding) or bytes(body[: len(AGE_VERSION)]) != AGE_VERSION:
        raise NotAWrapper("the second part is not an age file")
    return bytes(body)


def _part(head: bytes, header_start: int, header_end: int, body_end: int) -> Part:
    part = scan(head)
    return Part(
        part.type, part.subtype, part.parameters, part.encoding, part.headers, header_start, header_end, body_end
    )
