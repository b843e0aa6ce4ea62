"""The header block of a message: fields found with their byte offsets, read, counted, removed, prepended.

RFC 5322 §2.2: a field is a name, a colon and a value that may go on over lines beginning with white space.
Lines end in CRLF; bare LF is understood as well, since imported mail has it.  The block ends at the first
empty line.  A line that is no field (an mbox "From " line, noise) is skipped with its continuation lines:
its bytes stay where they are, it is only never found.

`Headers` is the quick reader: it finds every field of one block in one pass and hands out values unfolded
(RFC 5322 §2.2.3) and undecoded.  `fields` gives offsets, for those who cut bytes (IMAP's HEADER.FIELDS).
Reading stops at `MAX_HEADER_BYTES`; fields behind it exist in the message but are not found.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from mailhost.message.encodedwords import decode_words

type Buffer = bytes | bytearray | memoryview

# Fields are looked for in this many bytes of one block.  Real headers with a long way behind them have 20 KiB;
# a block of a hundred thousand tiny fields must not become as many objects.
MAX_HEADER_BYTES = 256 * 1024

# RFC 5322 §3.6.8: a field name is printable ASCII except the colon; RFC 5322 §4.5 allows white space before it.
# Possessive repeats never give back what they took, so no line is read twice.
_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_FIELD_LINES = re.compile(rb"^([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?", re.MULTILINE)

# RFC 5322 §3.6.4 wants <id-left@id-right>; what stands between angle brackets is taken as it is.
_MESSAGE_ID = re.compile(rb"<[^<>\s]{1,998}+>")


class Field(NamedTuple):
    """One header field: `name` and `value` as written (still folded), and its lines as `[start:end]`."""

    name: bytes
    value: bytes
    start: int
    end: int


class Headers:
    """The fields of one header block, looked up by name in any case."""

    __slots__ = ("_first", "_repeated", "block")

    def __init__(self, block: bytes) -> None:
        """`block` is the header as it stands in the message, with or without its closing empty line."""
        self.block = block
        self._first: dict[bytes, bytes] = {}
        self._repeated: list[tuple[bytes, bytes]] = []
        first = self._first
        for name, value in _FIELD.findall(block, 0, MAX_HEADER_BYTES):
            key = name.lower()
            if key in first:
                self._repeated.append((key, value))
            else:
                first[key] = value

    def first(self, name: bytes) -> bytes | None:
        """The unfolded value of the first field called `name`, without surrounding white space."""
        value = self._first.get(name)
        if value is None:
            # Names are nearly always asked for in lower case, and most fields are not there.
            if name.islower():
                return None
            value = self._first.get(name.lower())
            if value is None:
                return None
        return unfold(value) if b"\n" in value else value.strip()

    def has_any(self, names: Collection[bytes]) -> bool:
        """Whether any of these fields (lower case) occurs."""
        return not self._first.keys().isdisjoint(names)

    def all(self, name: bytes) -> list[bytes]:
        """The unfolded values of every field called `name`, in order."""
        key = name.lower()
        value = self._first.get(key)
        if value is None:
            return []
        more = [unfold(other) for repeated, other in self._repeated if repeated == key]
        return [unfold(value), *more]

    def joined(self, name: bytes) -> bytes | None:
        """The values of an address field; a field that wrongly repeats (RFC 5322 §3.6) counts as one list."""
        return b", ".join(self.all(name)) if self._repeated and name in self._first else self.first(name)

    def text(self, name: bytes) -> str | None:
        """The first field called `name` with its encoded words decoded (RFC 2047)."""
        value = self.first(name)
        return None if value is None else decode_words(value)

    def count(self, name: bytes) -> int:
        """How often the field occurs; for `received` the number of hops (RFC 5321 §6.3)."""
        key = name.lower()
        return (key in self._first) + sum(repeated == key for repeated, _ in self._repeated)

    @property
    def message_id(self) -> str | None:
        """The Message-ID with its angle brackets (RFC 5322 §3.6.4)."""
        ids = message_ids(self.first(b"message-id"))
        return ids[0] if ids else None


def message_ids(value: bytes | None, limit: int = 100) -> list[str]:
    """The identifiers in a Message-ID, In-Reply-To or References value, brackets included, ASCII only."""
    if value is None:
        return []
    found = _MESSAGE_ID.findall(value[: limit * 1000])
    return [item.decode("ascii") for item in found[:limit] if item.isascii()]


def unfold(value: bytes) -> bytes:
    """RFC 5322 §2.2.3: line ends inside a field vanish, the white space behind them stays."""
    if b"\n" in value:
        value = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return value.strip()


def header_end(message: Buffer, start: int = 0, end: int | None = None) -> int:
    """The offset just behind the empty line that closes the header at `start`; `end` if there is none."""
    data = searchable(message)
    stop = len(data) if end is None else end
    if data.startswith(b"\r\n", start, stop):
        return start + 2
    if data.startswith(b"\n", start, stop):
        return start + 1
    crlf = data.find(b"\n\r\n", start, stop)
    lf = data.find(b"\n\n", start, stop if crlf < 0 else crlf + 1)
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else stop


def searchable(message: Buffer) -> bytes | bytearray:
    """`message` as something with `find`: itself, what a memoryview shows in full, or one copy."""
    if isinstance(message, memoryview):
        whole = message.obj
        if isinstance(whole, bytes | bytearray) and message.contiguous and message.nbytes == len(whole):
            return whole
        return bytes(message)
    return message


def read_headers(message: Buffer) -> Headers:
    """The header fields of a whole message."""
    data = searchable(message)
    return Headers(bytes(data[: min(header_end(data), MAX_HEADER_BYTES)]))


def fields(block: bytes) -> Iterator[Field]:
    """Every field of a header block with the offsets of its lines, in order."""
    for match in _FIELD_LINES.finditer(block, 0, MAX_HEADER_BYTES):
        yield Field(match[1], match[2], match.start(), match.end())


def without_fields(message: Buffer, names: Collection[bytes]) -> bytes:
    """The message without the header fields called one of `names` (lower case), all else untouched."""
    data = searchable(message)
    end = header_end(data)
    block = bytes(data[:end])
    kept: list[bytes | memoryview] = []
    at = 0
    for field in fields(block):
        if field.name.lower() in names:
            kept.append(block[at : field.start])
            at = field.end
    return b"".join([*kept, block[at:], memoryview(data)[end:]])


def with_fields(message: Buffer, *lines: bytes) -> bytes:
    """The message with complete field lines (each ending in CRLF) in front of its header."""
    return b"".join([*lines, spacer(message), message])


def spacer(message: Buffer) -> bytes:
    """What must stand between fields put in front of `message` and its first byte: nearly always nothing.

    A message that begins with white space would go on with the last of those fields: a stranger could add words to
    our Authentication-Results.  A field of no meaning takes that line instead.
    """
    return b"X-Malformed-Start: yes\r\n" if bytes(message[:1]) in {b" ", b"\t"} else b""
