"""Checking a kept ENVELOPE or BODYSTRUCTURE before it goes on the wire (RFC 9051 §7.5.2, §9).

A rendering is made once, sealed with the summary, and later written into a FETCH response as it is. But a client may
seal its own mail, and so its own summary: a line break or a parenthesis too many in one would be a response of this
server's that another client believes. So a kept rendering is read by the grammar of what `envelope` and `bodystructure`
write, and what deviates counts as not kept: whoever needs it renders the message again.

In: the text of a summary. Out: the bytes for the wire, or None. Refused are everything but 7-bit text, bare line ends
and NUL, literals (an honest rendering holds one only for a value above `imapstrings.MAX_QUOTED`, which is rare enough
to be made anew), atoms other than NIL and numbers, more than MAX_RENDERING characters, deeper nesting than
`structure.MAX_DEPTH`, and a second value behind the first. Time is linear: every repetition is possessive, and
what follows it cannot begin what it repeats.
"""

import re
from functools import cache

from mailhost.message.describe import MAX_RENDERING
from mailhost.message.structure import MAX_DEPTH

# RFC 9051 §9 `quoted`: any 7-bit character but NUL, CR and LF; the quote and the backslash escaped.
_QUOTED = r'"[\x01-\x09\x0b\x0c\x0e-!#-\[\]-\x7f]*+(?:\\["\\][\x01-\x09\x0b\x0c\x0e-!#-\[\]-\x7f]*+)*+"'
# In a skeleton all strings are empty, and a whole body is one letter.
_EMPTY = '""'
_BODY = "B"
# What is read in one pass, from the innermost part outwards: two multiparts, a message around them, and a multipart
# around that (a forwarded mail with pictures and attachments). Where a message is, the pattern doubles.
_USUAL = (False, False, False, True, False)


def _envelope(string: str) -> str:
    """The pattern of an envelope whose strings match `string`."""
    nstring = f"(?:{string}|NIL)"
    people = rf"(?:NIL|\((?:\({nstring} {nstring} {nstring} {nstring}\))++\))"
    return rf"\({nstring} {nstring} " + f"{people} " * 6 + rf"{nstring} {nstring}\)"


def _structure(string: str, body: str, *, messages: bool) -> str:
    """The pattern of one body whose parts match `body`; `messages`: or of a message in a message."""
    nstring = f"(?:{string}|NIL)"
    parameters = rf"(?:NIL|\({string} {string}(?: {string} {string})*+\))"
    extension = rf" (?:NIL|\({string} {parameters}\)) (?:{string}|NIL|\({string}(?: {string})*+\)) {nstring}"
    number = "[0-9]{1,19}+"
    nested = rf"(?: {_envelope(string)} {body} {number})?+" if messages else ""
    single = (
        f"{string} {string} {parameters} {nstring} {nstring} {string} {number}"
        f"(?: {number})?+{nested}(?: {nstring}{extension})?+"
    )
    if not body:
        return rf"\({single}\)"
    return rf"\((?:{single}|(?:{body})++ {string}(?: {parameters}{extension})?+)\)"


@cache
def _usual() -> re.Pattern[str]:
    """The pattern of a body as most are; made at its first use, for compiling takes some ten milliseconds."""
    pattern = ""
    for messages in _USUAL:
        pattern = _structure(_QUOTED, pattern, messages=messages)
    return re.compile(pattern)


_is_envelope = re.compile(_envelope(_QUOTED)).fullmatch
# Everything that a rendering may hold, in whatever order.
_is_lexed = re.compile(rf"(?:[()NIL0-9 ]++|{_QUOTED})*+").fullmatch
_strings = re.compile(_QUOTED)
_bodies = re.compile(_structure(_EMPTY, _BODY, messages=True))


def checked_envelope(text: str) -> bytes | None:
    """The bytes of an ENVELOPE, None if it is none that this program writes."""
    if len(text) > MAX_RENDERING or _is_envelope(text) is None:
        return None
    return text.encode("ascii")


def checked_structure(text: str) -> bytes | None:
    """The bytes of a BODY or BODYSTRUCTURE, None if it is none that this program writes."""
    if len(text) > MAX_RENDERING or (_usual().fullmatch(text) is None and not _is_nested(text)):
        return None
    return text.encode("ascii")


def _is_nested(text: str) -> bool:
    """Whether a text folds to one body, from the innermost parts outwards."""
    if _is_lexed(text) is None:
        return False
    skeleton = _strings.sub(_EMPTY, text)
    for _ in range(MAX_DEPTH + 1):
        skeleton, folded = _bodies.subn(_BODY, skeleton)
        if skeleton == _BODY:
            return True
        if not folded:
            return False
    return False
