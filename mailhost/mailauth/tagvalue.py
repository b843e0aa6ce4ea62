"""Tag lists: `v=DKIM1; k=rsa; p=MIIB…`, the syntax that DKIM, ARC, DMARC and their neighbours share.

RFC 6376 §3.2: names and values joined by `=`, separated by `;`, white space (folding too) around each of them.
Names are case sensitive, order matters only where a protocol says so, and a name that stands twice makes the whole
list void. In: text. Out: a dict in the order written, or `BadTagList`. Unknown tags stay in; who asks ignores them.

`words`, `number` and `binary` read the three kinds of value that these protocols have.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

# Sixteen times what any real list holds; each tag costs a little work.
MAX_TAGS = 100
# RFC 6376 §3.5 t= and x=: at most 12 digits need be read ("until the year 200,000").
MAX_DIGITS = 12

_WSP = " \t\r\n"
_TAG = re.compile(r"[ \t\r\n]*+([A-Za-z][A-Za-z0-9_]*+)[ \t\r\n]*+=")
# RFC 6376 §3.2 `tval`: visible ASCII without the semicolon; RFC 8616 §3 adds UTF-8.
_VALUE_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ANY_WSP = re.compile(r"[ \t\r\n]+")


class BadTagList(ValueError):
    """Not a tag list, or a value that is not what its tag needs; the message names the tag."""


def parse_tags(text: str) -> dict[str, str]:
    """Names and values, white space around them removed, that inside values kept.  Raises BadTagList."""
    if found := _VALUE_CONTROL.search(text):
        raise BadTagList(f"control character {ord(found[0]):#04x}")
    specs = text.split(";")
    # RFC 6376 §3.2: the last semicolon is optional.
    if not specs[-1].strip(_WSP):
        specs.pop()
    if len(specs) > MAX_TAGS:
        raise BadTagList(f"more than {MAX_TAGS} tags")
    tags: dict[str, str] = {}
    for spec in specs:
        name = _TAG.match(spec)
        if name is None:
            raise BadTagList("a tag is not name=value")
        if name[1] in tags:
            # RFC 6376 §3.2: tags with duplicate names make the entire list invalid.
            raise BadTagList(f"{name[1]}= stands twice")
        tags[name[1]] = spec[name.end() :].strip(_WSP)
    return tags


def write_tags(tags: Mapping[str, str]) -> str:
    """The list on one line; the inverse of `parse_tags`."""
    return "; ".join(f"{name}={value}" for name, value in tags.items())


def words(value: str) -> tuple[str, ...]:
    """The parts of a colon-separated value (h=, s=, t= of keys, q=), white space removed, empty ones dropped."""
    return tuple(word for part in value.split(":") if (word := part.strip(_WSP)))


def number(tags: Mapping[str, str], name: str) -> int | None:
    """The value of a numeric tag, None where it is missing.  Raises BadTagList."""
    value = tags.get(name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= MAX_DIGITS):
        raise BadTagList(f"{name}= is not a number")
    return int(value)


def binary(tags: Mapping[str, str], name: str) -> bytes:
    """The bytes of a base64 tag; folding inside it is ignored (RFC 6376 §3.5).  Raises BadTagList."""
    value = _ANY_WSP.sub("", tags.get(name, ""))
    if not value:
        raise BadTagList(f"{name}= is missing or empty")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise BadTagList(f"{name}= is not base64") from None
