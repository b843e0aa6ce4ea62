"""IMAP BODY and BODYSTRUCTURE: the MIME tree of a message in parentheses (RFC 9051 §7.5.2, RFC 3501 §7.4.2).

    ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)

In: the root `Part`.  Out: both forms in one walk; they differ only in the extension data that BODYSTRUCTURE adds.
Names of types, encodings and parameters are written in capitals as in the RFC's examples.

What clients taught: a text part always shows a charset; a multipart always has a part; a message always has an
envelope and a body; no raw 8-bit byte anywhere in 7-bit output: a parameter with one becomes an RFC 2231
`NAME*`.  message/global is a message only for a client that enabled UTF8=ACCEPT: RFC 3501 knows no such form.
"""

from typing import NamedTuple

from mailhost.message.charsets import decode_text
from mailhost.message.envelope import envelope
from mailhost.message.imapstrings import identifier, string, text
from mailhost.message.parameters import Parameters, encode_extended
from mailhost.message.structure import Part

# Fields that are reported besides type and encoding; a part without any of them is rendered by a short cut.
_DESCRIBING = frozenset(
    b"content-%b" % name for name in (b"id", b"description", b"md5", b"disposition", b"language", b"location")
)

# Tags in one Content-Language field that are listed.
MAX_LANGUAGES = 32


class Rendered(NamedTuple):
    """The two forms of one structure."""

    body: bytes
    bodystructure: bytes


def render(part: Part, *, utf8: bool = False) -> Rendered:
    """BODY and BODYSTRUCTURE of a message or part."""
    if part.is_multipart:
        return _multipart(part, utf8=utf8)
    return _single(part, utf8=utf8)


def _multipart(part: Part, *, utf8: bool) -> Rendered:
    children = [render(child, utf8=utf8) for child in part.children]
    subtype = string(part.subtype.upper().encode("ascii"))
    body = b"(%b %b)" % (b"".join([child.body for child in children]), subtype)
    # RFC 9051 §7.5.2, extension data of a multipart: parameters, disposition, language, location.
    extension = b"%b %b" % (_parameters(part.parameters, utf8=utf8), _extension(part, utf8=utf8))
    return Rendered(body, b"(%b %b %b)" % (b"".join([c.bodystructure for c in children]), subtype, extension))


def _single(part: Part, *, utf8: bool) -> Rendered:
    parameters = part.parameters
    tail = tail_extended = b""
    if part.type == "text":
        # RFC 2045 §5.2: the default charset; clients expect one to be named.
        if not any(name in {b"charset", b"charset*"} for name, _ in parameters):
            parameters = ((b"charset", b"us-ascii"), *parameters)
        tail = tail_extended = b" %d" % part.lines
    elif part.is_message and (utf8 or part.subtype == "rfc822"):
        # RFC 9051 §7.5.2: a message part carries the envelope and structure of the message in it.
        inner = part.children[0]
        nested = render(inner, utf8=utf8)
        described = envelope(inner.headers, utf8=utf8)
        tail = b" %b %b %d" % (described, nested.body, part.lines)
        tail_extended = b" %b %b %d" % (described, nested.bodystructure, part.lines)
    content_id = description = b"NIL"
    extension = b"NIL NIL NIL NIL"
    if part.headers.has_any(_DESCRIBING):
        content_id, description = identifier(part.content_id), text(part.description, utf8=utf8)
        extension = b"%b %b" % (identifier(part.md5), _extension(part, utf8=utf8))
    common = b'"%b" "%b" %b %b %b %b %d' % (
        part.type.upper().encode("ascii"),
        part.subtype.upper().encode("ascii"),
        _parameters(parameters, utf8=utf8),
        content_id,
        description,
        _encoding(part),
        part.size,
    )
    return Rendered(b"(%b%b)" % (common, tail), b"(%b%b %b)" % (common, tail_extended, extension))


def _encoding(part: Part) -> bytes:
    """The encoding is never NIL (RFC 9051 §9 `body-fld-enc`)."""
    return identifier(part.encoding.upper().encode("latin-1", "replace"))


def _parameters(parameters: Parameters, *, utf8: bool) -> bytes:
    if not parameters:
        return b"NIL"
    out: list[bytes] = []
    names = {name for name, _ in parameters}
    for name, value in parameters:
        if value.isascii() or utf8:
            out.append(b"%b %b" % (identifier(name.upper()), text(value, utf8=utf8)))
        elif name + b"*" not in names:
            # RFC 2231 §4 is how a parameter says non-ASCII; a client that cannot read it shows percent signs.
            extended = encode_extended(decode_text(value))
            out.append(b"%b %b" % (identifier(name.upper().rstrip(b"*") + b"*"), string(extended)))
    return b"(%b)" % b" ".join(out) if out else b"NIL"


def _extension(part: Part, *, utf8: bool) -> bytes:
    """Disposition, language and location, present for every kind of part."""
    disposition = part.disposition
    if disposition is None:
        rendered = b"NIL"
    else:
        kind, parameters = disposition
        rendered = b"(%b %b)" % (identifier(kind.upper() or b"ATTACHMENT"), _parameters(parameters, utf8=utf8))
    return b"%b %b %b" % (rendered, _languages(part.language), identifier(part.location))


def _languages(value: bytes | None) -> bytes:
    """RFC 9051 §9 `body-fld-lang`: NIL, one string, or a list of them."""
    tags = [tag.strip() for tag in (value or b"").split(b",", MAX_LANGUAGES)[:MAX_LANGUAGES] if tag.strip()]
    if not tags:
        return b"NIL"
    if len(tags) == 1:
        return identifier(tags[0])
    return b"(%b)" % b" ".join(identifier(tag) for tag in tags)
