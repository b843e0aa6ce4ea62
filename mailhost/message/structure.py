"""The MIME skeleton of a message: a tree of parts with byte offsets (RFC 2045, RFC 2046).

In: the message.  Out: `Part`, the root.  A multipart has its parts as children, a message/rfc822 has the message
it holds as its only child, everything else is a leaf.  Nothing is decoded or copied but header blocks.

One forward pass: the scanner stops at every line that begins with `--`, looks the rest of it up among the open
boundaries, innermost first, and closes what lies inside.  So an outer delimiter ends inner multiparts that
never closed (RFC 2046 §5.1.2), a boundary that is the prefix of another cannot be mistaken for it, and a part
whose header never ends is cut at the next delimiter.  Time is linear in size, however deep the nesting.

Beyond a limit a part is an opaque `application/octet-stream` leaf, or the last part of its multipart runs on:
the bytes stay reachable, they are only not taken apart.  Never raises.
"""

import re
from dataclasses import dataclass, field

from mailhost.message.headers import MAX_HEADER_BYTES, Buffer, Headers, searchable
from mailhost.message.parameters import Parameters, parameter_text, parse_value
from mailhost.message.transferencoding import normal_encoding

# Levels of nesting.  Real mail stays under ten; renderers recurse this deep.
MAX_DEPTH = 30
# Parts in one message.  Digests have hundreds.
MAX_PARTS = 1000
# Lines beginning with `--` that are looked up: a 25 MiB patch has fewer, a message of nothing else has millions.
MAX_DELIMITER_LINES = 250_000
# Bytes of header read for fields in all parts together.
MAX_HEADERS_TOTAL = 1024 * 1024
# RFC 2046 §5.1.1 allows 70 characters; some generators write more.
MAX_BOUNDARY = 200

# Bytes searched at once.  No other thread runs during one search, and 25 MiB would be 50 ms.
_STRETCH = 1024 * 1024

_OPAQUE = ("application", "octet-stream")
_NO_HEADERS = Headers(b"")
_TYPE = re.compile(rb"([!#-'*+.0-9a-z^-~-]{1,127}+)\s*+/\s*+([!#-'*+.0-9a-z^-~-]{1,127}+)")


@dataclass(slots=True, eq=False)
class Part:
    """A message or body part.  Offsets are into the whole message; the body begins where the header ends.

    `type`, `subtype` and `encoding` are lower case.  `lines` counts line ends and only for text and message parts
    (the ones whose count IMAP reports).  A multipart always has a child, if need be an empty text/plain one.
    """

    type: str
    subtype: str
    parameters: Parameters
    encoding: str
    headers: Headers
    header_start: int
    header_end: int
    body_end: int
    lines: int = 0
    children: list["Part"] = field(default_factory=list)

    @property
    def body_start(self) -> int:
        """The offset of the first byte behind the header's empty line."""
        return self.header_end

    @property
    def size(self) -> int:
        """Octets of the body, still transfer-encoded."""
        return self.body_end - self.header_end

    @property
    def is_multipart(self) -> bool:
        """Whether `children` are body parts."""
        return self.type == "multipart"

    @property
    def is_message(self) -> bool:
        """Whether the only child is a message of its own (RFC 2046 §5.2.1, RFC 6532 §3.7)."""
        return self.type == "message" and bool(self.children)

    @property
    def content_id(self) -> bytes | None:
        """Content-ID as written (RFC 2045 §7)."""
        return self.headers.first(b"content-id")

    @property
    def description(self) -> bytes | None:
        """Content-Description as written (RFC 2045 §8)."""
        return self.headers.first(b"content-description")

    @property
    def md5(self) -> bytes | None:
        """Content-MD5 (RFC 1864)."""
        return self.headers.first(b"content-md5")

    @property
    def language(self) -> bytes | None:
        """Content-Language (RFC 3282)."""
        return self.headers.first(b"content-language")

    @property
    def location(self) -> bytes | None:
        """Content-Location (RFC 2557)."""
        return self.headers.first(b"content-location")

    @property
    def disposition(self) -> tuple[bytes, Parameters] | None:
        """Content-Disposition: its kind in lower case and its parameters (RFC 2183)."""
        value = self.headers.first(b"content-disposition")
        return parse_value(value) if value else None

    @property
    def filename(self) -> str | None:
        """The decoded file name: Content-Disposition's, else Content-Type's `name` (RFC 2183 §2.3)."""
        disposition = self.disposition
        name = parameter_text(disposition[1], b"filename") if disposition else None
        return name or parameter_text(self.parameters, b"name")

    @property
    def charset(self) -> str | None:
        """The charset parameter as claimed."""
        return parameter_text(self.parameters, b"charset")

    def walk(self) -> "list[Part]":
        """This part and all below it, in the order of their bytes."""
        out = [self]
        for child in self.children:
            out.extend(child.walk())
        return out


def scan(message: Buffer) -> Part:
    """The tree of `message`."""
    return _Scan(searchable(message)).run()


class _Open:
    """A part whose end is not known yet."""

    __slots__ = ("boundary", "part", "shadowed", "starting_lines")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.boundary: bytes | None = None  # of a multipart whose closing delimiter has not come
        self.shadowed: int | None = None  # level of an outer multipart with the same boundary
        self.starting_lines = 0  # line ends in front of a message part's body


class _Scan:
    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data
        self.end = len(data)
        self.stack: list[_Open] = []
        self.active: dict[bytes, int] = {}  # boundary -> level in the stack
        self.parts = 0
        self.header_budget = MAX_HEADERS_TOTAL
        self.delimiter_budget = MAX_DELIMITER_LINES
        self.blank_crlf = -1  # the empty line last found: every later search starts behind it
        self.blank_lf = 0  # no empty line between bare LFs lies before this
        self.counted_to = self.counted = 0

    def run(self) -> Part:
        at = self.begin(0, digest=False)
        root = self.stack[0].part
        while self.active:
            found = self.next_delimiter(at - 1, self.end)
            if found is None:
                break
            line_start, at, level, closing = found
            if closing:
                self.close_above(level, self.before(line_start))
                self.deactivate(self.stack[level])
            elif self.parts < MAX_PARTS:
                self.close_above(level, self.before(line_start))
                at = self.begin(at, digest=self.stack[level].part.subtype == "digest")
        self.close_above(-1, self.end)
        return root

    def begin(self, start: int, *, digest: bool) -> int:
        """Open the part at `start` and the messages it holds; the offset where the innermost body begins."""
        while True:
            part = self.read_part(start, digest=digest)
            if self.stack:
                self.stack[-1].part.children.append(part)
            opened = _Open(part)
            self.stack.append(opened)
            self.parts += 1
            if part.type == "multipart":
                opened.boundary = boundary_of(part.parameters)
                opened.shadowed = self.active.get(opened.boundary)
                self.active[opened.boundary] = len(self.stack) - 1
            elif _holds_message(part.type, part.subtype):
                opened.starting_lines = self.lines_before(part.header_end)
                start, digest = part.header_end, False
                continue
            return part.header_end

    def read_part(self, start: int, *, digest: bool) -> Part:
        end = self.header_end(start)
        headers = _NO_HEADERS
        length = min(end - start, MAX_HEADER_BYTES)
        if length <= self.header_budget:
            self.header_budget -= length
            headers = Headers(bytes(self.data[start : start + length]))
        kind, subtype, parameters = _content_type(headers, digest=digest)
        nests = kind == "multipart" or _holds_message(kind, subtype)
        if nests and (len(self.stack) >= MAX_DEPTH or self.parts + 1 >= MAX_PARTS):
            kind, subtype = _OPAQUE
        encoding = normal_encoding(headers.first(b"content-transfer-encoding"))
        return Part(kind, subtype, parameters, encoding, headers, start, end, self.end)

    def header_end(self, start: int) -> int:
        """The offset behind the header's empty line, or where the next delimiter or the message ends it."""
        data = self.data
        if data.startswith(b"\r\n", start):
            end = start + 2
        elif data.startswith(b"\n", start):
            end = start + 1
        else:
            end = self.blank_line(start)
        if self.active:
            found = self.next_delimiter(start - 1, end)
            if found:
                return max(start, self.before(found[0]))
        return end

    def blank_line(self, start: int) -> int:
        """The offset behind the first empty line; what was searched once is not searched again."""
        data = self.data
        if self.blank_crlf < start:
            found = _find(data, b"\n\r\n", start, self.end)
            self.blank_crlf = self.end if found < 0 else found
        window = min(self.blank_crlf + 1, self.end)
        found = _find(data, b"\n\n", max(start, self.blank_lf), window)
        if found >= 0:
            self.blank_lf = found
            return found + 2
        self.blank_lf = max(self.blank_lf, window - 1)
        return min(self.blank_crlf + 3, self.end)

    def next_delimiter(self, at: int, stop: int) -> tuple[int, int, int, bool] | None:
        """The next delimiter of an open multipart: start and end of its line, level, whether it closes."""
        data, active = self.data, self.active
        while self.delimiter_budget > 0:
            found = _find(data, b"\n--", at, stop)
            if found < 0:
                return None
            self.delimiter_budget -= 1
            at = found + 3
            line_end = data.find(b"\n", at, at + MAX_BOUNDARY + 4)
            if line_end < 0:
                if at + MAX_BOUNDARY + 4 < self.end:
                    continue  # too long a line for a delimiter
                line_end = self.end - 1
            # RFC 2046 §5.1.1: white space may have been added behind the boundary in transit.
            text = bytes(data[at : line_end + 1]).rstrip()
            level = active.get(text)
            if level is not None:
                return found + 1, line_end + 1, level, False
            if text.endswith(b"--"):
                level = active.get(text[:-2])
                if level is not None:
                    return found + 1, line_end + 1, level, True
        return None

    def before(self, line_start: int) -> int:
        """RFC 2046 §5.1.1: the line end in front of a delimiter belongs to the delimiter."""
        return line_start - 2 if self.data[line_start - 2 : line_start] == b"\r\n" else line_start - 1

    def close_above(self, level: int, end: int) -> None:
        """Close every open part above `level` at `end`, innermost first."""
        while len(self.stack) - 1 > level:
            opened = self.stack.pop()
            part = opened.part
            # A header directly followed by a delimiter reaches into the delimiter's line end; so do its parents.
            part.body_end = end = max(end, part.header_end)
            if opened.boundary is not None:
                self.deactivate(opened)
            if part.type == "text":
                part.lines = _count_lines(self.data, part.header_end, end)
            elif part.is_message:
                part.lines = self.lines_before(end) - opened.starting_lines
            elif part.type == "multipart" and not part.children:
                # RFC 9051 §9 `body-type-mpart` is 1*body; MailKit fails on a multipart without any.
                part.children.append(Part("text", "plain", (), "7bit", _NO_HEADERS, end, end, end))

    def deactivate(self, opened: _Open) -> None:
        """A closed multipart's delimiters mean nothing any more; an outer one's of the same name do again."""
        if opened.boundary is None:
            return
        if opened.shadowed is None:
            del self.active[opened.boundary]
        else:
            self.active[opened.boundary] = opened.shadowed
        opened.boundary = None

    def lines_before(self, offset: int) -> int:
        """Line ends before `offset`, which never decreases from call to call: nested messages are counted once."""
        self.counted += _count_lines(self.data, self.counted_to, offset)
        self.counted_to = offset
        return self.counted


def _find(data: bytes | bytearray, what: bytes, start: int, stop: int) -> int:
    """`data.find(what, start, stop)`, in stretches."""
    while stop - start > _STRETCH:
        # What lies across the border is found with the stretch before it.
        found = data.find(what, start, start + _STRETCH + len(what) - 1)
        if found >= 0:
            return found
        start += _STRETCH
    return data.find(what, start, stop)


def _count_lines(data: bytes | bytearray, start: int, stop: int) -> int:
    """`data.count(LF, start, stop)`, in stretches."""
    count = 0
    while stop - start > _STRETCH:
        count += data.count(b"\n", start, start + _STRETCH)
        start += _STRETCH
    return count + data.count(b"\n", start, stop)


def boundary_of(parameters: Parameters) -> bytes:
    """The boundary parameter, empty if it is missing or longer than a delimiter may be (RFC 2046 §5.1.1)."""
    for name, value in parameters:
        if name == b"boundary":
            return value.rstrip() if len(value) <= MAX_BOUNDARY else b""
    return b""


def _holds_message(kind: str, subtype: str) -> bool:
    return kind == "message" and subtype in {"rfc822", "global"}


def _content_type(headers: Headers, *, digest: bool) -> tuple[str, str, Parameters]:
    value = headers.first(b"content-type")
    if not value:
        # RFC 2046 §5.1.5: in a digest the default is a message.
        return ("message", "rfc822", ()) if digest else ("text", "plain", ())
    main, parameters = parse_value(value)
    match = _TYPE.match(main)
    if match is None:
        # RFC 2045 §5.2: a field that cannot be read counts as text/plain.
        return "text", "plain", parameters
    kind, subtype = match[1].decode("ascii"), match[2].decode("ascii")
    if kind == "multipart" and not boundary_of(parameters):
        # Without a boundary nothing can be taken apart, and a multipart without parts would hide its text.
        return "text", "plain", ()
    return kind, subtype, parameters
