"""What FETCH can ask for, as values (RFC 9051 §6.4.5 and the extensions that add items).

`parse_items(tokens)` reads one item, a parenthesized list, or a macro. Each item knows how it is spelled in
the answer, because RFC 9051 §7.5.2 wants `BODY[HEADER.FIELDS (From)]<0>` back as it was asked, without PEEK.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailhost.imap.tokens import BadCommand, Tokens
from mailhost.message import section
from mailhost.message.imapstrings import string

# Parts of a section specifier; deeper ones exist in no message that the MIME scanner opens.
MAX_PART_DEPTH = 100
# Items of one FETCH that need the content; each renders a section of every message.
MAX_SECTIONS = 200

_PART = re.compile(rb"[1-9]\d{0,8}(?:\.[1-9]\d{0,8})*")
# RFC 9051 §9: numbers of 63 bits, and so of 19 digits.
_PARTIAL = re.compile(rb"<(\d{1,19})(?:\.(\d{1,19}))?>")

# RFC 9051 §6.4.5, with RFC822.* of RFC 3501, MODSEQ of RFC 7162, RFC 8474, RFC 8514 and RFC 8970.
PLAIN = (
    "UID",
    "FLAGS",
    "INTERNALDATE",
    "RFC822.SIZE",
    "ENVELOPE",
    "BODYSTRUCTURE",
    "MODSEQ",
    "EMAILID",
    "THREADID",
    "SAVEDATE",
    "PREVIEW",
    "RFC822.HEADER",
    "RFC822.TEXT",
    "RFC822",
)
MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_ATOMS = (*PLAIN, "BODY.PEEK", "BODY", "BINARY.PEEK", "BINARY.SIZE", "BINARY")
_NAME = re.compile(rb"[A-Za-z0-9.]+")


@dataclass(frozen=True, slots=True)
class Plain:
    """An item without arguments, `BODY` (the non-extensible structure) among them."""

    name: str


@dataclass(frozen=True, slots=True)
class Section:
    """`BODY[section]<start.length>`; `peek` leaves \\Seen alone."""

    section: section.Section
    partial: tuple[int, int] | None = None
    peek: bool = False

    @property
    def label(self) -> bytes:
        """The item's name in the answer."""
        pieces = [_numbers(self.section.part)] if self.section.part else []
        if self.section.what.value:
            pieces.append(self.section.what.value.encode("ascii"))
        inside = b".".join(pieces)
        if self.section.names:
            inside += b" (%b)" % b" ".join(_field_name(name) for name in self.section.names)
        return b"BODY[%b]%b" % (inside, _origin(self.partial))


@dataclass(frozen=True, slots=True)
class Binary:
    """`BINARY[part]<start.length>` and `BINARY.SIZE[part]` (RFC 9051 §6.4.5.2, RFC 3516)."""

    part: tuple[int, ...]
    partial: tuple[int, int] | None = None
    peek: bool = False
    size_only: bool = False

    @property
    def label(self) -> bytes:
        """The item's name in the answer."""
        if self.size_only:
            return b"BINARY.SIZE[%b]" % _numbers(self.part)
        return b"BINARY[%b]%b" % (_numbers(self.part), _origin(self.partial))


type Item = Plain | Section | Binary

_SAFE_FIELD = re.compile(rb"[!#$&'+,\-./0-9;<=>?@A-Z^_`a-z|}~]+")


def _numbers(part: tuple[int, ...]) -> bytes:
    return b".".join(b"%d" % number for number in part)


def _origin(partial: tuple[int, int] | None) -> bytes:
    return b"" if partial is None else b"<%d>" % partial[0]


def _field_name(name: bytes) -> bytes:
    return name if _SAFE_FIELD.fullmatch(name) and name.upper() != b"NIL" else string(name)


def parse_items(tokens: Tokens) -> tuple[Item, ...]:
    """Read what FETCH asks for. Raises BadCommand."""
    macro = tokens.word(*MACROS)
    if macro:
        return tuple(Plain(name) for name in MACROS[macro])
    if tokens.peek(b"("):
        return parse_list(tokens)
    return (parse_one(tokens),)


def parse_list(tokens: Tokens) -> tuple[Item, ...]:
    """Read a parenthesized list of items, each once. Raises BadCommand."""
    items = tuple(dict.fromkeys(tokens.listed(lambda: parse_one(tokens), empty=False)))
    if sum(not isinstance(item, Plain) for item in items) > MAX_SECTIONS:
        raise BadCommand(f"More than {MAX_SECTIONS} sections in one FETCH", "LIMIT")
    return items


def parse_one(tokens: Tokens) -> Item:
    """One item. Raises BadCommand."""
    name = tokens.match(_NAME, "an item of FETCH")[0].decode("ascii").upper()
    if name not in _ATOMS:
        raise BadCommand("Unknown item of FETCH")
    if name in ("BODY", "BODY.PEEK") and tokens.peek(b"["):
        return _section(tokens, peek=name == "BODY.PEEK")
    if name.startswith("BINARY"):
        return _binary(tokens, name)
    if name == "BODY.PEEK":
        raise BadCommand("BODY.PEEK needs a section")
    if name == "PREVIEW" and tokens.peek(b" ("):
        # RFC 8970 §3.1: the LAZY modifier; our previews are ready, so it changes nothing.
        tokens.space()
        if tokens.listed(lambda: tokens.word("LAZY")) != ["LAZY"]:
            raise BadCommand("PREVIEW knows the modifier LAZY")
    return Plain(name)


def _part(tokens: Tokens) -> tuple[int, ...]:
    numbers = tuple(
        int(n) for n in tokens.match(_PART, "a part number")[0].split(b".", MAX_PART_DEPTH)[:MAX_PART_DEPTH]
    )
    if len(numbers) >= MAX_PART_DEPTH:
        raise BadCommand(f"A part number has at most {MAX_PART_DEPTH - 1} levels", "LIMIT")
    return numbers


def _section(tokens: Tokens, *, peek: bool) -> Section:
    tokens.expect(b"[")
    part: tuple[int, ...] = ()
    what = section.What.ALL
    names: tuple[bytes, ...] = ()
    if any(tokens.peek(b"%d" % digit) for digit in range(10)):
        part = _part(tokens)
    if not tokens.peek(b"]"):
        if part:
            tokens.expect(b".")
        what = _what(tokens, part)
    if what in (section.What.FIELDS, section.What.FIELDS_NOT):
        tokens.space()
        names = tuple(tokens.listed(tokens.astring, empty=False))
    tokens.expect(b"]")
    return Section(section.Section(part, what, names), _partial(tokens), peek)


def _what(tokens: Tokens, part: tuple[int, ...]) -> section.What:
    text = tokens.match(_NAME, "a section")[0].decode("ascii").upper()
    known = {what.value: what for what in section.What if what is not section.What.ALL}
    # RFC 9051 §6.4.5: MIME needs a part number before it.
    if text not in known or (text == "MIME" and not part):
        raise BadCommand("Unknown section of BODY")
    return known[text]


def _binary(tokens: Tokens, name: str) -> Binary:
    tokens.expect(b"[")
    part = () if tokens.peek(b"]") else _part(tokens)
    tokens.expect(b"]")
    if name == "BINARY.SIZE":
        return Binary(part, size_only=True)
    return Binary(part, _partial(tokens), peek=name == "BINARY.PEEK")


def _partial(tokens: Tokens) -> tuple[int, int] | None:
    if not tokens.peek(b"<"):
        return None
    found = tokens.match(_PARTIAL, "a partial range like <0.1024>")
    if found[2] is None:
        raise BadCommand("A partial range needs a length: <start.length>")
    start, length = int(found[1]), int(found[2])
    if length == 0:
        raise BadCommand("A partial range of no octets")
    return start, length
