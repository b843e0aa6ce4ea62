"""App passwords: what a mail program types instead of the account password.

128 random bits, written in groups of `[a-z2-7]` (RFC 4648 §6 in lower case): `kq3vz-…`. Nobody can guess 2^128,
so no slow hash is needed, a login costs microseconds and no wrong attempt ever has to lock anything. The server
stores a hash under its own key; a copy of the database without the key file cannot even check a guess. With
*session* access it also stores the keyring key wrapped under a key derived from the app password, which it
forgets at LOGOUT.

In: random bytes, or what a person typed, in any case, with or without the dashes. Out: the text, or the 16
bytes. A text that is no app password is `InvalidKey`; at a login that is the same as a wrong one.
"""

import base64
import hashlib
import secrets

from mailhost.seal.errors import InvalidKey
from mailhost.seal.header import hkdf
from mailhost.seal.identity import RandomBytes
from mailhost.seal.password import SERVER_KEY_SIZE

SECRET_SIZE = 16
# 26 characters of five bits hold 128 bits and two zero bits.
LENGTH = 26
GROUPS = (5, 5, 5, 5, 6)
# What a person may paste: the app password with dashes or spaces in it, and room for some more of those.
MAX_TYPED_LENGTH = 80

_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_ALPHABET = frozenset(_LETTERS)
_BASE_32 = str.maketrans(_LETTERS, "0123456789abcdefghijklmnopqrstuv")
_WRAP_INFO = b"skerry.app.v1"
_PERSON = b"skerry.app.v1"


def new_app_password(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """A fresh app password in its groups, shown once."""
    return app_password_text(random_bytes(SECRET_SIZE))


def app_password_text(secret: bytes) -> str:
    """`xxxxx-xxxxx-xxxxx-xxxxx-xxxxxx` for 16 secret bytes."""
    if len(secret) != SECRET_SIZE:
        raise ValueError(f"an app password is made of {SECRET_SIZE} bytes, not {len(secret)}")
    letters = base64.b32encode(secret).decode("ascii").rstrip("=").lower()
    ends = [sum(GROUPS[: count + 1]) for count in range(len(GROUPS))]
    return "-".join([letters[end - size : end] for size, end in zip(GROUPS, ends, strict=True)])


def parse_app_password(text: str) -> bytes:
    """The 16 secret bytes, else `InvalidKey`; one secret has exactly one spelling, dashes, spaces and case aside."""
    if len(text) > MAX_TYPED_LENGTH:
        raise InvalidKey(f"an app password has {LENGTH} letters and digits, this text is longer")
    letters = text.replace("-", "").replace(" ", "").lower()
    if len(letters) != LENGTH:
        raise InvalidKey(f"an app password has {LENGTH} letters and digits, this one has {len(letters)}")
    if not _ALPHABET.issuperset(letters):
        raise InvalidKey("an app password holds only the letters a to z and the digits 2 to 7")
    # The library's base32 takes a sixth of a login; a number in base 32 differs from it only in its digits.
    number = int(letters.translate(_BASE_32), 32)
    if number & 3:
        raise InvalidKey("this app password was not made here: its last character is impossible")
    return (number >> 2).to_bytes(SECRET_SIZE)


def app_password_hash(server_key: bytes, secret: bytes) -> bytes:
    """What the server stores and looks up: keyed BLAKE2b (RFC 7693 §2.5), 32 bytes."""
    if len(server_key) != SERVER_KEY_SIZE:
        raise ValueError(f"the server's key has {SERVER_KEY_SIZE} bytes, not {len(server_key)}")
    return hashlib.blake2b(secret, digest_size=32, key=server_key, person=_PERSON).digest()


def app_password_wrap_key(secret: bytes) -> bytes:
    """The key under which session access wraps the keyring key; it cannot be computed from the stored hash."""
    return hkdf(secret, b"", _WRAP_INFO)
