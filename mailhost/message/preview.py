"""The first words of a message, for a list (RFC 8970): the first part that can be read, as one line of text.

In: the message and its skeleton.  Out: at most `PREVIEW_LENGTH` characters, empty where there is no text.  Plain
text is preferred to HTML (RFC 2046 §5.1.4 puts the plainest alternative first).  HTML is not parsed, only
stripped: tags, comments, scripts, styles and the head go, character references are replaced.  What comes out is
text to be escaped by whoever shows it, never markup to be trusted.

Only the first bytes of a part are looked at, so a preview costs the same for every size of message.
"""

import html
import re

from mailhost.message.charsets import decode_text, visible
from mailhost.message.structure import Part
from mailhost.message.transferencoding import UnknownEncoding, decode

PREVIEW_LENGTH = 160
# Bytes of a text part that are read: a few lines.
_TEXT_BYTES = 2048
# HTML mail begins with kilobytes of styles.
_HTML_BYTES = 64 * 1024
# Text that is kept after stripping, before white space is collapsed.
_KEPT = PREVIEW_LENGTH * 8

_HIDDEN = ("script", "style", "head", "title", "template", "noscript", "svg")
_TAG = re.compile(r"<(?:!--|(/?[A-Za-z][A-Za-z0-9]{0,20})|[!/?])", re.ASCII)
# HTML has numeric references of any length; those longer than a code point are noise, and `int` refuses them.
_LONG_REFERENCE = re.compile(r"&#[xX]?[0-9A-Fa-f]{9,}+;?")


def preview(message: bytes | bytearray | memoryview, root: Part) -> str:
    """The preview of a message."""
    first_html: Part | None = None
    for part in root.walk():
        if part.type != "text" or not part.size or _is_attachment(part):
            continue
        if part.subtype == "html":
            first_html = first_html or part
        elif part.subtype == "plain":
            found = _shortened(_read(message, part, _TEXT_BYTES))
            if found:
                return found
    if first_html is None:
        return ""
    return _shortened(strip_html(_read(message, first_html, _HTML_BYTES)))


def _shortened(text: str) -> str:
    # A few times the length is nearly always enough, unless the text is mostly white space.
    found = visible(" ".join(text[: PREVIEW_LENGTH * 2].split()))
    if len(found) < PREVIEW_LENGTH < len(text):
        found = visible(" ".join(text.split()))
    return found[:PREVIEW_LENGTH].rstrip()


def _is_attachment(part: Part) -> bool:
    disposition = part.disposition
    return disposition is not None and disposition[0] == b"attachment"


def _read(message: bytes | bytearray | memoryview, part: Part, limit: int) -> str:
    data = decode(memoryview(message)[part.body_start : min(part.body_end, part.body_start + limit)], part.encoding)
    return "" if isinstance(data, UnknownEncoding) else decode_text(bytes(data), part.charset)


def strip_html(markup: str) -> str:
    """The text of HTML without tags and hidden elements, at most a few lines of it; linear, never raises."""
    out: list[str] = []
    kept = at = 0
    missing: set[str] = set()  # end marks that do not occur behind `at`: looked for once
    while kept < _KEPT:
        match = _TAG.search(markup, at)
        end = len(markup) if match is None else match.start()
        piece = markup[at:end].strip()
        if piece:
            out.append(piece)
            kept += len(piece)
        if match is None:
            break
        name = (match[1] or "").lower()
        if match[0] == "<!--":
            at = _behind(markup, "-->", match.end(), missing)
        else:
            at = _behind(markup, ">", match.end(), missing)
            if name in _HIDDEN:
                at = _behind_element(markup, name, at, missing)
        out.append(" ")
    text = "".join(out)[: _KEPT * 2]
    return html.unescape(_LONG_REFERENCE.sub("", text))


def _behind(markup: str, mark: str, at: int, missing: set[str]) -> int:
    """The offset behind `mark`, the end of the text where it never comes."""
    if mark in missing:
        return len(markup)
    found = markup.find(mark, at)
    if found < 0:
        missing.add(mark)
        return len(markup)
    return found + len(mark)


def _behind_element(markup: str, name: str, at: int, missing: set[str]) -> int:
    """The offset of the end tag of a hidden element; `at` itself where the element is never closed."""
    if name in missing:
        return at
    closing = _CLOSING[name].search(markup, at)
    if closing is None:
        missing.add(name)
        return at
    return closing.start()


_CLOSING = {name: re.compile(f"</{name}[\\s>]", re.IGNORECASE) for name in _HIDDEN}
