"""Bech32 as age uses it: the text form of its public and secret keys.

BIP 173 writes bytes as five-bit characters behind a human-readable prefix and ends with a checksum that finds
any four wrong characters. BIP 173 limits a string to 90 characters; age (C2SP age.md, "Conventions") lifts that
limit, for a post-quantum public key is 1,216 bytes long.

In: prefix and bytes, or one string. Out: the other. A string is all upper or all lower case; the checksum is
always over the lower case. Refused with `InvalidKey`: mixed case, a strange character, a wrong checksum,
padding bits that are not zero. An error names a position, never the text, which may be a secret key.
"""

import base64
import re

from mailhost.seal.errors import InvalidKey

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHECKSUM_LENGTH = 6
# A post-quantum public key takes 1,959 characters; what is much longer is not a key and is not worth the loop.
MAX_LENGTH = 4096

# The same five bits as digits that `int` reads in base 32, and as RFC 4648 §6 writes them.
_DIGITS = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_FROM_BASE32 = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET, "=")
_VALUES = bytes(max(ALPHABET.find(chr(character)), 0) for character in range(256))
_STRANGE = re.compile(f"[^{ALPHABET}]")
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def _feedback(top: int) -> int:
    """What the five bits shifted out of the checksum add to it."""
    total = 0
    for bit, term in enumerate(_GENERATOR):
        if top >> bit & 1:
            total ^= term
    return total


_FEEDBACK = tuple(_feedback(top) for top in range(32))


def _twice(top: int) -> int:
    """What the ten bits do that two steps shift out."""
    first = _FEEDBACK[top >> 5]
    return (first & 0x1FFFFFF) << 5 ^ _FEEDBACK[top & 31 ^ first >> 25]


# A key has two thousand characters, and a session begins with one: they are taken two at a time.
_FEEDBACK_TWICE = tuple(_twice(top) for top in range(1024))


def _polymod(values: bytes, checksum: int) -> int:
    """The checksum that was `checksum` before these five-bit values."""
    start = len(values) & 1
    if start:
        checksum = (checksum & 0x1FFFFFF) << 5 ^ values[0] ^ _FEEDBACK[checksum >> 25]
    for first, second in zip(values[start::2], values[start + 1 :: 2], strict=True):
        checksum = (checksum & 0xFFFFF) << 10 ^ first << 5 ^ second ^ _FEEDBACK_TWICE[checksum >> 20]
    return checksum


def _expand_prefix(prefix: str) -> bytes:
    return bytes([ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix])


# The checksum behind the prefixes of our own keys: a third of the work, and each session begins with a key.
_BEHIND = {each: _polymod(_expand_prefix(each), 1) for each in ("age1pq", "age-secret-key-pq-")}


def _after_prefix(prefix: str) -> int:
    """The checksum behind a prefix in lower case."""
    known = _BEHIND.get(prefix)
    return _polymod(_expand_prefix(prefix), 1) if known is None else known


def _to_eights(tail: str) -> bytes:
    """Five-bit characters to bytes; BIP 173 asks that the left-over bits are fewer than five and all zero."""
    size, left_over = divmod(5 * len(tail), 8)
    number = int(tail.translate(_DIGITS) or "0", 32)
    if left_over >= 5 or number & ((1 << left_over) - 1):
        raise InvalidKey("the key ends in stray bits: it was not written by a correct program")
    return (number >> left_over).to_bytes(size)


def encode(prefix: str, data: bytes) -> str:
    """Lower-case bech32 of `data`; a caller that wants upper case calls `.upper()` on the whole string."""
    prefix = prefix.lower()
    tail = base64.b32encode(data).decode("ascii").translate(_FROM_BASE32)
    fives = tail.encode("ascii").translate(_VALUES)
    rest = _polymod(fives + bytes(CHECKSUM_LENGTH), _after_prefix(prefix)) ^ 1
    checksum = [ALPHABET[rest >> 5 * (CHECKSUM_LENGTH - 1 - place) & 31] for place in range(CHECKSUM_LENGTH)]
    return prefix + "1" + tail + "".join(checksum)


def decode(text: str) -> tuple[str, bytes]:
    """The prefix (in the case it was written in) and the bytes of a bech32 string, else `InvalidKey`."""
    if len(text) > MAX_LENGTH:
        raise InvalidKey(f"a key has at most {MAX_LENGTH} characters, this text has {len(text)}")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidKey("a key is one word of ASCII letters, digits and dashes, without spaces or line breaks")
    if text not in {text.lower(), text.upper()}:
        raise InvalidKey("a key is all lower case or all upper case, this one mixes them")
    prefix, separator, tail = text.rpartition("1")
    if not separator or not prefix or len(tail) < CHECKSUM_LENGTH:
        raise InvalidKey("this is not a key: it lacks its prefix or its end")
    tail = tail.lower()
    strange = _STRANGE.search(tail)
    if strange is not None:
        raise InvalidKey(f"character {len(prefix) + 2 + strange.start()} cannot occur in a key")
    if _polymod(tail.encode("ascii").translate(_VALUES), _after_prefix(prefix.lower())) != 1:
        raise InvalidKey("the checksum does not match: copy the whole key again")
    return prefix, _to_eights(tail[:-CHECKSUM_LENGTH])
