"""Bech32 as age uses it: the text form of its public and secret keys.

BIP 173 writes bytes as five-bit characters behind a human-readable prefix and ends with a checksum that finds
any four wrong characters. BIP 173 limits a string to 90 characters; age (C2SP age.md, "Conventions") lifts that
limit, for a post-quantum public key is 1,216 bytes long.

In: prefix and bytes, or one string. Out: the other. A string is all upper or all lower case; the checksum is
always over the lower case. Refused with `InvalidKey`: mixed case, a strange character, a wrong checksum,
padding bits that are not zero. An error names a position, never the text, which may be a secret key.
"""

from collections.abc import Iterable

from mailhost.seal.errors import InvalidKey

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
CHECKSUM_LENGTH = 6
# A post-quantum public key takes 1,959 characters; what is much longer is not a key and is not worth the loop.
MAX_LENGTH = 4096

_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def _feedback(top: int) -> int:
    """What the five bits shifted out of the checksum add to it."""
    total = 0
    for bit, term in enumerate(_GENERATOR):
        if top >> bit & 1:
            total ^= term
    return total


_FEEDBACK = tuple(_feedback(top) for top in range(32))


def _polymod(values: Iterable[int]) -> int:
    checksum = 1
    for value in values:
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value ^ _FEEDBACK[checksum >> 25]
    return checksum


def _expand_prefix(prefix: str) -> list[int]:
    return [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]


def _to_fives(data: bytes) -> list[int]:
    """Eight-bit groups to five-bit groups, the last filled with zero bits."""
    fives, pending, bits = [], 0, 0
    for byte in data:
        pending = (pending & 0x1F) << 8 | byte
        bits += 8
        while bits >= 5:
            bits -= 5
            fives.append(pending >> bits & 31)
    if bits:
        fives.append(pending << (5 - bits) & 31)
    return fives


def _to_eights(fives: list[int]) -> bytes:
    """Five-bit groups to bytes; BIP 173 asks that the left-over bits are fewer than five and all zero."""
    data, pending, bits = bytearray(), 0, 0
    for five in fives:
        pending = (pending & 0xFF) << 5 | five
        bits += 5
        if bits >= 8:
            bits -= 8
            data.append(pending >> bits & 0xFF)
    if bits >= 5 or pending & ((1 << bits) - 1):
        raise InvalidKey("the key ends in stray bits: it was not written by a correct program")
    return bytes(data)


def encode(prefix: str, data: bytes) -> str:
    """Lower-case bech32 of `data`; a caller that wants upper case calls `.upper()` on the whole string."""
    prefix = prefix.lower()
    fives = _to_fives(data)
    rest = _polymod([*_expand_prefix(prefix), *fives, *[0] * CHECKSUM_LENGTH]) ^ 1
    fives += [rest >> 5 * (CHECKSUM_LENGTH - 1 - place) & 31 for place in range(CHECKSUM_LENGTH)]
    return prefix + "1" + "".join([ALPHABET[five] for five in fives])


def decode(text: str) -> tuple[str, bytes]:
    """The prefix (in the case it was written in) and the bytes of a bech32 string, else `InvalidKey`."""
    if len(text) > MAX_LENGTH:
        raise InvalidKey(f"a key has at most {MAX_LENGTH} characters, this text has {len(text)}")
    if not all("!" <= character <= "~" for character in text):
        raise InvalidKey("a key is one word of ASCII letters, digits and dashes, without spaces or line breaks")
    if text not in {text.lower(), text.upper()}:
        raise InvalidKey("a key is all lower case or all upper case, this one mixes them")
    prefix, separator, tail = text.rpartition("1")
    if not separator or not prefix or len(tail) < CHECKSUM_LENGTH:
        raise InvalidKey("this is not a key: it lacks its prefix or its end")
    values = []
    for position, character in enumerate(tail.lower(), start=len(prefix) + 2):
        if character not in _VALUE:
            raise InvalidKey(f"character {position} cannot occur in a key")
        values.append(_VALUE[character])
    if _polymod([*_expand_prefix(prefix.lower()), *values]) != 1:
        raise InvalidKey("the checksum does not match: copy the whole key again")
    return prefix, _to_eights(values[:-CHECKSUM_LENGTH])
