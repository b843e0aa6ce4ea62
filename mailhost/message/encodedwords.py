"""RFC 2047 encoded words: `=?utf-8?q?S=C3=A6ll?=` and the text it means, in both directions.

Decoding accepts what mail really holds: spaces inside a word, words glued to their neighbours, a character
cut in half between two words of one charset, raw 8-bit text around them, unknown charsets.  It never raises.
Encoding always writes UTF-8, in words of at most 75 characters that end between characters (RFC 2047 §2, §5).
"""

import binascii
import re
from collections.abc import Iterator

from mailhost.message.charsets import decode_text
from mailhost.message.transferencoding import decode_base64

# RFC 2047 §2: an encoded word may be at most 75 characters long; `=?utf-8?B?` and `?=` take 12 of them.
MAX_WORD = 75
_ROOM = MAX_WORD - len("=?utf-8?B??=")

# RFC 2231 §5 lets a language follow the charset: `=?us-ascii*en?q?text?=`.
_WORD = re.compile(rb"=\?([!-)+-<>@-~]{1,64}+)(?:\*[!->@-~]{0,64}+)?\?([BbQq])\?([^?]*+)\?=")

# RFC 2047 §5 (3): what may stand unencoded in a Q word inside a phrase.
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def decode_words(value: bytes) -> str:
    """The text of an unfolded header value."""
    if b"=?" not in value:
        return value.decode("ascii") if value.isascii() else decode_text(value)
    out: list[str] = []
    run = b""  # neighbouring words of one charset, joined before decoding
    charset = ""
    at = 0
    for match in _WORD.finditer(value):
        gap = value[at : match.start()]
        name = match[1].decode("ascii").lower()
        # RFC 2047 §6.2: white space between two encoded words is not shown.
        joined = at > 0 and not gap.strip()
        if not (joined and name == charset):
            out.append(decode_text(run, charset))
            run = b""
        if not joined:
            out.append(decode_text(gap))
        charset = name
        run += _payload(match)
        at = match.end()
    out.append(decode_text(run, charset))
    out.append(decode_text(value[at:]))
    return "".join(out)


def _payload(match: re.Match[bytes]) -> bytes:
    if match[2] in b"Bb":
        return decode_base64(match[3])
    return binascii.a2b_qp(match[3], header=True)


def encode_words(text: str) -> bytes:
    """`text` as encoded words in ASCII, separated by single spaces; plain ASCII comes back as it is."""
    if text.isascii() and "=?" not in text:
        return text.encode("ascii")
    cost = {char: _q_length(char) for char in set(text)}
    data_length = len(text.encode("utf-8", "replace"))
    if sum(map(cost.__getitem__, text)) <= data_length * 4 / 3:
        return b" ".join(b"=?utf-8?Q?%b?=" % _q_encode(piece) for piece in _split(text, cost, _ROOM))
    lengths = {char: len(char.encode("utf-8", "replace")) for char in cost}
    return b" ".join(
        b"=?utf-8?B?%b?=" % binascii.b2a_base64(piece.encode("utf-8", "replace"), newline=False)
        for piece in _split(text, lengths, _ROOM // 4 * 3)
    )


def _q_length(char: str) -> int:
    return sum(1 if byte in _Q_SAFE or byte == 0x20 else 3 for byte in char.encode("utf-8", "replace"))


def _q_encode(piece: str) -> bytes:
    return b"".join(
        b"_" if byte == 0x20 else bytes((byte,)) if byte in _Q_SAFE else b"=%02X" % byte
        for byte in piece.encode("utf-8", "replace")
    )


def _split(text: str, cost: dict[str, int], room: int) -> Iterator[str]:
    """Pieces of `text` whose characters cost at most `room` together."""
    start = used = 0
    for at, char in enumerate(text):
        if used + cost[char] > room:
            yield text[start:at]
            start, used = at, 0
        used += cost[char]
    yield text[start:]
