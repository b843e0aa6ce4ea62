"""Which bytes a `BODY[…]` or `BINARY[…]` means (RFC 9051 §6.4.5, §6.4.5.1; RFC 3516).

In: the `Part` tree of a message and a `Section`.  Out: byte ranges of the message, in order, or None where the
message has no such section (the answer is NIL).  Ranges need the tree alone, so a store can read just these
bytes; `read` cuts them from a message that is in memory, without copying a body.

Numbering: children of a multipart count from 1; a message that is no multipart has one part, 1, its body; below
a message/rfc822 part the numbers are those of the message inside it.
"""

from dataclasses import dataclass
from enum import Enum

from mailhost.message.headers import Buffer, fields
from mailhost.message.structure import Part
from mailhost.message.transferencoding import UnknownEncoding, decode

type Range = tuple[int, int]


class What(Enum):
    """RFC 9051 §6.4.5 `section-text`; ALL is a section of part numbers alone."""

    ALL = ""
    HEADER = "HEADER"
    FIELDS = "HEADER.FIELDS"
    FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """`1.2.HEADER.FIELDS (FROM)` is `Section((1, 2), What.FIELDS, (b"FROM",))`; names in any case."""

    part: tuple[int, ...] = ()
    what: What = What.ALL
    names: tuple[bytes, ...] = ()


def find_part(root: Part, numbers: tuple[int, ...]) -> Part | None:
    """The part a section number names; the root for no number."""
    part, inside = root, root  # `inside` is what the next number counts in
    for place, number in enumerate(numbers):
        if place:
            if part.is_multipart:
                inside = part
            elif part.is_message:
                inside = part.children[0]
            else:
                return None
        if inside.is_multipart:
            if not 1 <= number <= len(inside.children):
                return None
            part = inside.children[number - 1]
        elif number == 1:
            part = inside  # RFC 9051 §6.4.5: every message has a part 1
        else:
            return None
    return part


def ranges(root: Part, section: Section) -> list[Range] | None:
    """The byte ranges of `section`; None where it does not exist."""
    part = find_part(root, section.part)
    if part is None:
        return None
    if section.what is What.MIME:
        # RFC 9051 §6.4.5: MIME needs a part number.
        return [(part.header_start, part.header_end)] if section.part else None
    if section.what is What.ALL:
        return [(part.header_end, part.body_end)] if section.part else [(part.header_start, part.body_end)]
    if section.part:
        # HEADER and TEXT of a part exist only where the part is a message.
        if not part.is_message:
            return None
        part = part.children[0]
    if section.what is What.HEADER:
        return [(part.header_start, part.header_end)]
    if section.what is What.TEXT:
        return [(part.header_end, part.body_end)]
    return _field_ranges(part, section)


def _field_ranges(part: Part, section: Section) -> list[Range]:
    names = {name.lower() for name in section.names}
    wanted = section.what is What.FIELDS
    base, block = part.header_start, part.headers.block
    out: list[Range] = []
    for field in fields(block):
        if (field.name.lower() in names) is wanted:
            if out and out[-1][1] == base + field.start:
                out[-1] = (out[-1][0], base + field.end)
            else:
                out.append((base + field.start, base + field.end))
    # RFC 9051 §6.4.5: the empty line that closes the header belongs to every subset of it.
    blank = _blank_line(block)
    if blank:
        out.append((base + len(block) - blank, base + len(block)))
    return out


def _blank_line(block: bytes) -> int:
    """The length of the empty line at the end of a header block, 0 if the message has none."""
    if block.endswith((b"\n\r\n", b"\n\n")) or block in {b"\r\n", b"\n"}:
        return 2 if block.endswith(b"\r\n") else 1
    return 0


def length(found: list[Range]) -> int:
    """Octets in these ranges."""
    return sum(end - start for start, end in found)


def partial(found: list[Range], origin: int, count: int) -> list[Range]:
    """RFC 9051 §6.4.5 `<origin.count>`: at most `count` octets from `origin` on, empty behind the end."""
    out: list[Range] = []
    for start, end in found:
        skipped = min(origin, end - start)
        origin -= skipped
        taken = min(count, end - start - skipped)
        count -= taken
        if taken:
            out.append((start + skipped, start + skipped + taken))
    return out


def read(message: Buffer, found: list[Range]) -> bytes | memoryview:
    """The bytes of these ranges: a view where they are one run, joined where they are several."""
    view = memoryview(message)
    if len(found) == 1:
        return view[found[0][0] : found[0][1]]
    return b"".join([view[start:end] for start, end in found])


def decoded(message: Buffer, root: Part, numbers: tuple[int, ...]) -> bytes | memoryview | UnknownEncoding | None:
    """BINARY[numbers]: the part without its transfer encoding; None where there is no such part.

    The size that BINARY.SIZE reports is the length of the result.  RFC 3516 §4.1: no number means the message.
    """
    part = find_part(root, numbers)
    if part is None:
        return None
    if not numbers:
        return memoryview(message)
    data = memoryview(message)[part.header_end : part.body_end]
    if part.is_multipart or part.is_message:
        # RFC 2045 §6.4: composite types have no transfer encoding of their own.
        return data
    return decode(data, part.encoding)
