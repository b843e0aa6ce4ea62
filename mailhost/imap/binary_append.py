"""Messages that arrive with NUL octets (literal8 of RFC 3516): their binary parts become base64.

BODY[…] cannot carry NUL, so a part with `Content-Transfer-Encoding: binary` that holds one is re-encoded when
it is appended, as RFC 3516 §4.3 lets a server do. BINARY[…] then gives the client its octets back. Everything
else in the message stays as it was sent.
"""

from __future__ import annotations

import binascii

from mailhost.message.headers import fields
from mailhost.message.structure import Part, scan

_ENCODING = b"Content-Transfer-Encoding: base64\r\n"
# 57 octets make a base64 line of 76 (RFC 2045 §6.8).
_LINE = 57


def without_nul(content: bytes | bytearray) -> bytes | bytearray:
    """The message with every binary part that holds NUL in base64; the same object if there is none."""
    if b"\0" not in content:
        return content
    root = scan(content)
    pieces: list[bytes] = []
    position = 0
    for part in root.walk():
        body = bytes(content[part.body_start : part.body_end])
        if part.children or b"\0" not in body or part.encoding not in ("binary", "8bit", "7bit"):
            continue
        pieces.append(bytes(content[position : part.header_start]))
        pieces.append(_header(part))
        pieces += [
            binascii.b2a_base64(body[i : i + _LINE], newline=False) + b"\r\n" for i in range(0, len(body), _LINE)
        ]
        position = part.body_end
        if part is not root:
            # The line end before a delimiter belongs to the delimiter; ours has just been written.
            pieces[-1] = pieces[-1][:-2]
    pieces.append(bytes(content[position:]))
    return b"".join(pieces)


def _header(part: Part) -> bytes:
    block = part.headers.block
    for field in fields(block):
        if field.name.lower() == b"content-transfer-encoding":
            return block[: field.start] + _ENCODING + block[field.end :]
    return _ENCODING + block
