"""The form of header fields and body that is signed (RFC 6376 §3.4), and the hash of the body (§3.7).

Mail is changed a little on its way: lines are folded anew, spaces lost. "simple" tolerates nothing (but empty lines
at the end), "relaxed" tolerates changes of white space and of the case of field names. ARC uses the same two.

In: a message with CRLF line ends, as SMTP hands it over. Out: bytes to hash. `Parts` finds header fields and body
once; the body is hashed once per canonicalisation however many signatures ask, in pieces, without a second copy.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from enum import StrEnum

from mailhost.message.headers import Buffer, Field, fields, header_end, searchable

# The relaxed form is made of pieces of about this size; large enough for C to do the work, small enough for caches.
_PIECE = 256 * 1024
_TRAILING = b" \t\r\n"
_WSP_RUN = re.compile(rb"[ \t]+")


class Canonicalization(StrEnum):
    """RFC 6376 §3.4."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


class Parts:
    """A message as signatures see it: `fields` from top to bottom with the `block` they stand in, and the body."""

    def __init__(self, message: Buffer) -> None:
        data = searchable(message)
        end = header_end(data)
        self.block = bytes(data[:end])
        self.fields: tuple[Field, ...] = tuple(fields(self.block))
        self.body = memoryview(data)[end:]
        self._hashes: dict[Canonicalization, tuple[bytes, int]] = {}
        self._from_bottom: dict[bytes, list[Field]] = {}
        for field in reversed(self.fields):
            self._from_bottom.setdefault(field.name.lower(), []).append(field)

    @property
    def is_malformed(self) -> bool:
        """Whether the header holds a line that is no field: some readers take it for the end of the header."""
        at = 0
        for field in self.fields:
            if field.start != at:
                return True
            at = field.end
        return bool(self.block[at:].strip(b"\r\n"))

    def named(self, name: bytes) -> list[Field]:
        """The fields called `name` (lower case), lowest first: the order in which h= uses them."""
        return self._from_bottom.get(name, [])

    def raw(self, field: Field) -> bytes:
        """The lines of a field as they stand, without their last line end."""
        return self.block[field.start : field.end].removesuffix(b"\n").removesuffix(b"\r")

    def body_hash(self, form: Canonicalization) -> tuple[bytes, int]:
        """SHA-256 of the canonical body, and how long it is."""
        found = self._hashes.get(form)
        if found is None:
            digest, total = hashlib.sha256(), 0
            for piece in canonical_body(self.body, form):
                digest.update(piece)
                total += len(piece)
            found = self._hashes[form] = (digest.digest(), total)
        return found


def canonical_body(body: memoryview, form: Canonicalization) -> Iterator[bytes | memoryview]:
    """The canonical body in pieces (RFC 6376 §3.4.3, §3.4.4)."""
    if form is Canonicalization.SIMPLE:
        end = _end_of_text(body, b"\r\n")
        yield body[:end]
        yield b"\r\n"  # An empty body becomes one line end, and so does every missing one.
        return
    end = _end_of_text(body, _TRAILING)
    at = 0
    while at < end:
        stop = _line_end(body, at + _PIECE, end)
        yield _relaxed(bytes(body[at:stop]))
        at = stop
    if end:
        yield b"\r\n"


def _end_of_text(body: memoryview, noise: bytes) -> int:
    """The offset behind the last octet that is not in `noise`, found without looking at each in Python."""
    end = len(body)
    while end:
        start = max(0, end - _PIECE)
        kept = len(bytes(body[start:end]).rstrip(noise))
        if kept:
            return start + kept
        end = start
    return 0


def _line_end(body: memoryview, at: int, end: int) -> int:
    """The offset behind the first LF at or after `at`, so that no run of white space is cut in two."""
    while at < end:
        found = bytes(body[at : min(at + _PIECE, end)]).find(b"\n")
        if found >= 0:
            return at + found + 1
        at += _PIECE
    return end


def _relaxed(lines: bytes) -> bytes:
    # RFC 6376 §3.4.4: runs of white space become one space, and none stays at the end of a line. Halving the runs
    # again and again is several times faster than an expression that stops at every space.
    if b"\t" in lines:
        lines = lines.replace(b"\t", b" ")
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    return lines.replace(b" \r\n", b"\r\n")


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376 §3.4.2: name in lower case, one line, single spaces, none around the colon or at the end."""
    text = value.replace(b"\r\n", b"").replace(b"\n", b"")
    return name.lower() + b":" + _WSP_RUN.sub(b" ", text).strip(b" \r")


def canonical_field(parts: Parts, field: Field, form: Canonicalization) -> bytes:
    """One field, without the CRLF behind it."""
    if form is Canonicalization.SIMPLE:
        return parts.raw(field)
    return relaxed_field(field.name, field.value)
