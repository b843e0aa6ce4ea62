"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183, RFC 2231).

    text/plain; charset=utf-8; name="a.txt"        attachment; filename*0*=utf-8''%C3%A6; filename*1=b

In: an unfolded field value.  Out: the value before the first semicolon in lower case, and the parameters as
(name, value) pairs of bytes, in order.  RFC 2231 continuations are put together: `filename*0="a";
filename*1="b"` becomes `filename`, and if any piece is percent-encoded the whole becomes `filename*` with
its charset in front, the form IMAP clients expect in a BODYSTRUCTURE.

Accepted beyond the grammar, because mail holds it: values with spaces and no quotes, a quote that never
closes, comments, a missing semicolon at the end, raw 8-bit bytes.  Never raises.
"""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from mailhost.message.charsets import decode_text
from mailhost.message.encodedwords import decode_words

type Parameters = tuple[tuple[bytes, bytes], ...]

# More parameters, or more pieces of one, than any mailer writes; the rest of the field is not read.
MAX_PARAMETERS = 64
MAX_FIELD = 16 * 1024

_TOKEN = rb"[!#-'*+.0-9A-Z^-~-]"  # RFC 2045 §5.1, `token`
_ONE = re.compile(
    rb"(%b++/%b++)(?:[ \t]*+;[ \t]*+([A-Za-z-]++)=(?:\"([^\"\\]*+)\"|(%b++)))?[ \t]*+;?\Z" % (_TOKEN, _TOKEN, _TOKEN)
)
_PARAMETER = re.compile(
    rb"(?:\([^()]*+\)\s*+)?([^\s=;\"()]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"?+[^;]*+|([^;]*+))", re.DOTALL
)
_START = re.compile(rb"[^\s;]")
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_SECTION = re.compile(rb"([^*]+)(?:\*([0-9]{1,3}))?(\*)?\Z")  # RFC 2231 §3, §4.1
_EXTENDED = re.compile(rb"([^']{0,64})'([^']{0,64})'(.*)\Z", re.DOTALL)


def parse_value(value: bytes) -> tuple[bytes, Parameters]:
    """The main value in lower case and its parameters, their names in lower case, each name once."""
    # The common field has no parameter or a single plain one, and is read by one expression.
    plain = _ONE.match(value)
    if plain:
        main, name, quoted, token = plain.groups()
        if name is None:
            return main.lower(), ()
        return main.lower(), ((name.lower(), token if quoted is None else quoted),)
    value = value[:MAX_FIELD]
    main, _, rest = value.partition(b";")
    pairs = list(_pairs(rest))
    if any(b"*" in name for name, _ in pairs):
        pairs = _joined(pairs)
    return _without_comment(main).lower(), tuple(dict(reversed(pairs)).items())[::-1]


def _pairs(rest: bytes) -> list[tuple[bytes, bytes]]:
    pairs: list[tuple[bytes, bytes]] = []
    at = 0
    while len(pairs) < MAX_PARAMETERS and (start := _START.search(rest, at)):
        at = start.start()
        match = _PARAMETER.match(rest, at)
        if match is None:
            # Not `name=value`: leave out everything up to the next semicolon.
            semicolon = rest.find(b";", at)
            at = len(rest) if semicolon < 0 else semicolon + 1
            continue
        name, quoted, bare = match.groups()
        found = _without_comment(bare) if quoted is None else quoted
        if quoted is not None and b"\\" in quoted:
            found = _ESCAPED.sub(rb"\1", quoted)
        pairs.append((name.lower(), found))
        at = match.end()
    return pairs


def _without_comment(value: bytes) -> bytes:
    """RFC 2045 §5.1 allows `charset=us-ascii (plain text)`; a name like `a(1).pdf` keeps its brackets."""
    value = value.strip()
    if value.endswith(b")"):
        opening = value.rfind(b"(")
        if opening >= 0 and value[:opening].strip() != value[:opening]:
            value = value[:opening].rstrip()
        elif opening == 0:
            value = b""
    return value


def _joined(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """RFC 2231 §3: pieces `name*0`, `name*1*`… of one value, in the order of their numbers."""
    pieces: dict[bytes, list[tuple[int, bool, bytes]]] = {}
    out: list[tuple[bytes, bytes]] = []
    for name, value in pairs:
        match = _SECTION.match(name)
        if match is None or match[2] is None:
            out.append((name, value))
            continue
        pieces.setdefault(match[1], []).append((int(match[2]), match[3] is not None, value))
    for base, numbered in pieces.items():
        numbered.sort(key=lambda piece: piece[0])
        if not any(extended for _, extended, _ in numbered):
            out.append((base, b"".join(value for _, _, value in numbered)))
            continue
        # A percent-encoded value must be so throughout, and begin with charset'language'.
        prefix = b"" if numbered[0][1] and numbered[0][2].count(b"'") >= 2 else b"''"
        whole = b"".join(value if extended else _percent(value) for _, extended, value in numbered)
        out.append((base + b"*", prefix + whole))
    return out


def _percent(value: bytes) -> bytes:
    return quote_from_bytes(value, safe="").encode("ascii")


def parameter_text(parameters: Parameters, name: bytes) -> str | None:
    """The decoded text of a parameter; the RFC 2231 form wins over the plain one (RFC 6266 §4.3 habit)."""
    plain: bytes | None = None
    for key, value in parameters:
        if key == name + b"*":
            return decode_extended(value)
        if key == name:
            plain = value
    # RFC 2047 §5 forbids encoded words in parameters; mailers write them there all the same.
    return None if plain is None else decode_words(plain)


def decode_extended(value: bytes) -> str:
    """The text of an RFC 2231 §4 value: charset'language'percent-encoded."""
    match = _EXTENDED.match(value)
    if match is None:
        return decode_text(unquote_to_bytes(value))
    return decode_text(unquote_to_bytes(match[3]), match[1].decode("latin-1"))


def encode_extended(text: str) -> bytes:
    """`text` as an RFC 2231 §4 value in UTF-8."""
    return b"utf-8''" + _percent(text.encode("utf-8", "replace"))
