"""Whether only its reader can read a message: what it says of itself, and whether its body keeps that.

What its author sealed may go where readable mail may not, in clear if need be. But the words of Content-Type are chosen
by whoever wrote the message, in a forward by a stranger: believed alone they would carry any text past every policy. So
the body is looked at, too. It holds ciphertext in a form that mail knows, what belongs to the form, and nothing else:

    multipart/encrypted       parts that are OpenPGP messages (RFC 3156 §4) or age files
    application/pkcs7-mime    CMS that is EnvelopedData or AuthEnvelopedData (RFC 8551 §3.2.2)
    application/age           an age file

In: a message. Out: yes or no. What cannot be told is a no: then a policy holds the message, and nothing is lost.
Nothing is decrypted, and nobody can say whether base64 stands for noise: who wants to deceive his own organisation will
find a way.
"""

import re
from typing import Final

from mailhost.message.headers import Buffer, Headers, read_headers, searchable
from mailhost.message.structure import Part, boundary_of, scan
from mailhost.message.transferencoding import UnknownEncoding, decode

# In front of the first part some programs explain in a sentence what follows; this much and no more.
MAX_PREAMBLE: Final = 120
# Fields of one part: type, encoding, a file name, a description.
MAX_PART_HEADER: Final = 1024
# Fields inside an armor, such as "Comment".
MAX_ARMOR_HEADER: Final = 400

_SMIME = frozenset({b"application/pkcs7-mime", b"application/x-pkcs7-mime"})
_SMIME_SEALED = frozenset({b"smime-type=enveloped-data", b"smime-type=authenveloped-data"})
# RFC 5652 §6.1 and RFC 5083 §2.1, as the object identifiers stand in the first octets of a file.
_CMS: Final = (
    bytes.fromhex("06092a864886f70d010703"),
    bytes.fromhex("060b2a864886f70d0109100117"),
)
_AGE: Final = b"age-encryption.org/v1\n"
_ARMOR = re.compile(
    rb"\s*-----BEGIN (PGP MESSAGE|AGE ENCRYPTED FILE)-----[ \t]*\r?\n(.*)-----END \1-----\s*", re.DOTALL
)
_BLANK = re.compile(rb"(?:\A|\n)[ \t]*\r?\n")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"
_VERSIONS = frozenset({b"", b"version: 1"})


def is_sealed(message: Buffer) -> bool:
    """Whether it says that it is sealed, and is. Linear in its size; at once for what does not say so."""
    data = searchable(message)
    if not _says_so(read_headers(data)):
        return False
    root = scan(data)
    return _holds_nothing_else(data, root) if root.is_multipart else _is_ciphertext(data, root)


def _says_so(headers: Headers) -> bool:
    kinds = headers.all(b"content-type")
    if len(kinds) != 1:
        # RFC 2045 §5: one field. Of two each reader takes another, and one of them may be for readable text.
        return False
    # White space may stand around each word, tabs of folded lines too, and a value in quotes (RFC 2045 §5.1).
    words = kinds[0].lower().translate(None, b' \t"').split(b";")
    # S/MIME says with a parameter whether it is sealed or only signed.
    enveloped = words[0] in _SMIME and not _SMIME_SEALED.isdisjoint(words)
    return words[0] in {b"multipart/encrypted", b"application/age"} or enveloped


def _holds_nothing_else(data: bytes | bytearray, root: Part) -> bool:
    """RFC 1847 §2.2: what says how it is sealed, and what is sealed; no readable part, no text around the parts."""
    delimiter = b"--" + boundary_of(root.parameters)
    front, _, _ = data[root.body_start : root.children[0].header_start].partition(delimiter)
    _, _, back = data[root.children[-1].body_end : root.body_end].partition(delimiter + b"--")
    if len(front.strip()) > MAX_PREAMBLE or back.strip():
        return False
    sealed = [_is_ciphertext(data, part) for part in root.children]
    return any(sealed) and all(
        not part.children
        and part.header_end - part.header_start <= MAX_PART_HEADER
        and (hidden or _is_version(data, part))
        for part, hidden in zip(root.children, sealed, strict=True)
    )


def _is_version(data: bytes | bytearray, part: Part) -> bool:
    """RFC 3156 §4: the first part, which says nothing but the version."""
    kind = (part.type, part.subtype)
    return kind == ("application", "pgp-encrypted") and (
        part.size <= MAX_PREAMBLE and bytes(data[part.body_start : part.body_end]).strip().lower() in _VERSIONS
    )


def _is_ciphertext(data: bytes | bytearray, part: Part) -> bool:
    raw = memoryview(data)[part.body_start : part.body_end]
    # What stands between the letters of base64 is passed over by readers, and can be read.
    if part.encoding == "base64" and bytes(raw).translate(None, _BASE64):
        return False
    body = decode(raw, part.encoding)
    if isinstance(body, UnknownEncoding):
        return False
    start = bytes(body[:64])
    if start.startswith(_AGE) or (start.startswith(b"\x30") and any(one in start for one in _CMS)):
        return True
    found = _ARMOR.fullmatch(body)
    return found is not None and _is_armored(found[2], fields=found[1] == b"PGP MESSAGE")


def _is_armored(inside: bytes, *, fields: bool) -> bool:
    """RFC 9580 §6.2: fields, an empty line and base64; an age file has base64 alone."""
    if fields:
        blank = _BLANK.search(inside, 0, MAX_ARMOR_HEADER)
        if blank is None:
            return False
        inside = inside[blank.end() :]
    return bool(inside.strip()) and not inside.translate(None, _BASE64)
