"""The words of a message, for SEARCH TEXT, BODY and HEADER (RFC 9051 §6.4.4).

Bodies are decoded from their transfer encoding and charset, headers from their encoded words, and everything is
case-folded, so that `SEARCH BODY "grüße"` finds what a person would call a match. Only text parts are read, and
of each message no more than `MAX_TEXT` octets, so that one huge message cannot hold up the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.imap.folding import fold
from mailhost.message.charsets import decode_text
from mailhost.message.encodedwords import decode_words
from mailhost.message.headers import Headers, fields
from mailhost.message.structure import Part
from mailhost.message.transferencoding import UnknownEncoding, decode

# Octets of text looked at in one message, still encoded: more than any text a person wrote.
MAX_TEXT = 4 * 1024 * 1024


def header_holds(headers: Headers, field: str, needle: str) -> bool:
    """Whether one of the fields of this name holds the folded needle; "" asks whether there is one."""
    values = headers.all(field.encode("utf-8", "replace"))
    if not needle:
        return bool(values)
    return any(needle in fold(decode_words(value)) for value in values)


class Words:
    """The texts of one message, each decoded and folded once for all keys of a search."""

    def __init__(self, content: bytes | memoryview, root: Part, *, headers: bool) -> None:
        self._known: list[str] = []
        self._more = _texts(content, root, headers=headers)

    def hold(self, needle: str) -> bool:
        """Whether the text of the message holds the folded needle."""
        if any(needle in text for text in self._known):
            return True
        for text in self._more:
            self._known.append(text)
            if needle in text:
                return True
        return False


def _texts(content: bytes | memoryview, root: Part, *, headers: bool) -> Iterator[str]:
    budget = MAX_TEXT
    view = memoryview(content)
    for part in root.walk():
        if headers or part is not root:
            yield _header_text(part)
        if part.type != "text" or budget <= 0:
            continue
        raw = view[part.body_start : min(part.body_end, part.body_start + budget)]
        budget -= len(raw)
        octets = decode(raw, part.encoding)
        if not isinstance(octets, UnknownEncoding):
            yield fold(decode_text(bytes(octets), part.charset))


def _header_text(part: Part) -> str:
    return fold(
        "\n".join(
            f"{field.name.decode('latin-1')}: {decode_words(field.value)}" for field in fields(part.headers.block)
        )
    )
