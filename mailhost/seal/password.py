"""The account password: one slow derivation, two keys, of which the server sees one.

The owner's client computes `root = Argon2id(password, salt)` (RFC 9106) and from it, by HKDF-SHA256 (RFC 5869),
the `auth_key`, which it sends to sign in, and the `wrap_key`, which never leaves the client and unwraps the
keyring key. The server stores a keyed hash of the auth key: a thief of the database has nothing to compare a
guess with.

The server names salt and cost, so a dishonest server could name a cost that makes guessing cheap: a client
refuses parameters below the floor with `WeakParameters`. For an account that does not exist the server names a
salt as well, always the same one.

In: text and parameters. Out: keys. Nothing is stored here.
"""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from typing import Self, final

from nacl.pwhash import argon2id

from mailhost.seal.errors import CannotOpen, InvalidKey
from mailhost.seal.header import hkdf

SALT_SIZE = 16
DEFAULT_MEMORY_KIB = 64 * 1024
DEFAULT_PASSES = 3
# No account was ever made with less than today's default, so a server that names less is not to be trusted.
FLOOR_MEMORY_KIB = 64 * 1024
FLOOR_PASSES = 3
# And one that names this much more would only freeze the client.
CEILING_MEMORY_KIB = 1024 * 1024
CEILING_PASSES = 16
# Longer is not stronger, and normalising a megabyte is work for an attacker to give us.
MAX_PASSWORD_LENGTH = 1024
SERVER_KEY_SIZE = 32
# A new password, not one that is in use: the thief of the tables has nothing but guesses (`is_easy`).
LEAST_LENGTH = 12
LEAST_DIFFERENT = 6
TOO_EASY = (
    "Too easy to guess: use at least twelve characters, better four words that have nothing to do with each other."
)

_ROOT_SIZE = 32
_AUTH_INFO = b"skerry.auth.v1"
_WRAP_INFO = b"skerry.wrap.v1"
_LAZY = re.compile(r"\A(.{1,4})\1+\Z|0123|1234|abcd|qwer|asdf|passw", re.DOTALL | re.IGNORECASE)
_FAKE_SALT_PERSON = b"skerry.salt.v1"
_VERIFIER_PERSON = b"skerry.auth.v1"
_PARAMETERS = re.compile(r"argon2id,m=([1-9][0-9]{0,7}),t=([1-9][0-9]{0,3}),p=1")


class WeakParameters(ValueError):
    """The named Argon2id cost is outside what a client agrees to use."""


@final
@dataclass(frozen=True, slots=True)
class Argon2Parameters:
    """Memory in KiB and number of passes; always one lane, as in libsodium. As text: `argon2id,m=65536,t=3,p=1`."""

    memory_kib: int = DEFAULT_MEMORY_KIB
    passes: int = DEFAULT_PASSES

    def __post_init__(self) -> None:
        if self.memory_kib < FLOOR_MEMORY_KIB or self.passes < FLOOR_PASSES:
            raise WeakParameters(
                f"Argon2id with {self.memory_kib} KiB and {self.passes} passes is too weak; "
                f"at least {FLOOR_MEMORY_KIB} KiB and {FLOOR_PASSES} passes are needed. Do not type the password here."
            )
        if self.memory_kib > CEILING_MEMORY_KIB or self.passes > CEILING_PASSES:
            raise WeakParameters(
                f"Argon2id with {self.memory_kib} KiB and {self.passes} passes would freeze this machine; "
                f"at most {CEILING_MEMORY_KIB} KiB and {CEILING_PASSES} passes are accepted."
            )

    @classmethod
    def insecure_for_tests(cls, memory_kib: int = 8, passes: int = 1) -> Self:
        """Parameters below the floor. Never for a real password: it could be guessed from what they derive."""
        parameters = object.__new__(cls)
        object.__setattr__(parameters, "memory_kib", memory_kib)
        object.__setattr__(parameters, "passes", passes)
        return parameters

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse what a server names; `WeakParameters` outside floor and ceiling, `ValueError` for any other text."""
        match = _PARAMETERS.fullmatch(text)
        if match is None:
            raise ValueError("the parameters are not of the form argon2id,m=65536,t=3,p=1")
        return cls(int(match[1]), int(match[2]))

    @property
    def text(self) -> str:
        return f"argon2id,m={self.memory_kib},t={self.passes},p=1"


@final
@dataclass(frozen=True, slots=True, repr=False)
class PasswordKeys:
    """What one password gives: 32 bytes to sign in with, 32 bytes that never leave the client."""

    auth_key: bytes
    wrap_key: bytes


def normalize_password(password: str) -> bytes:
    """The bytes that are hashed: RFC 8265 §4.2 in short, so that two keyboards that type the same text agree.

    Every Unicode space becomes U+0020, then NFC, then UTF-8. `InvalidKey` for an empty or endless password, or for
    half a character.
    """
    if not password or len(password) > MAX_PASSWORD_LENGTH:
        raise InvalidKey(f"a password has from 1 to {MAX_PASSWORD_LENGTH} characters")
    spaced = "".join([" " if unicodedata.category(letter) == "Zs" else letter for letter in password])
    try:
        return unicodedata.normalize("NFC", spaced).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidKey("the password holds half of a character; type it again") from None


def is_easy(password: str) -> bool:
    """Whether a new password is refused: too short, few characters, one piece over and over, or a row of the keyboard.

    Rough on purpose, for length is what counts. `isEasy` of keys.js is the same where the server sees no password.
    """
    few = len(set(password.lower())) < LEAST_DIFFERENT
    return len(password) < LEAST_LENGTH or few or _LAZY.search(password) is not None


def derive_root(password: str, salt: bytes, parameters: Argon2Parameters) -> bytes:
    """The slow step, 32 bytes: about a fifth of a second and 64 MiB with the default parameters."""
    if len(salt) != SALT_SIZE:
        raise ValueError(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
    return argon2id.kdf(
        _ROOT_SIZE,
        normalize_password(password),
        salt,
        opslimit=parameters.passes,
        memlimit=parameters.memory_kib * 1024,
    )


def derive_keys(password: str, salt: bytes, parameters: Argon2Parameters) -> PasswordKeys:
    """What the root of an account password gives."""
    root = derive_root(password, salt, parameters)
    return PasswordKeys(hkdf(root, b"", _AUTH_INFO), hkdf(root, b"", _WRAP_INFO))


def auth_verifier(server_key: bytes, auth_key: bytes) -> bytes:
    """What the server stores of an auth key. A fast hash is enough: the slow one is behind the auth key already."""
    return _keyed(server_key, auth_key, _VERIFIER_PERSON)


def check_auth_key(server_key: bytes, auth_key: bytes, verifier: bytes) -> None:
    """Raise `CannotOpen` unless the auth key belongs to the stored verifier, in the same time for every wrong one."""
    if not hmac.compare_digest(auth_verifier(server_key, auth_key), verifier):
        raise CannotOpen


def fake_salt(server_key: bytes, address: str) -> bytes:
    """The salt of an account that does not exist: the same at every visit, unlike any other, useless without the key.

    `address` in the one spelling under which accounts are looked up. Compute it for existing accounts too, so that the
    answer takes the same time.
    """
    return _keyed(server_key, address.encode("utf-8", "surrogatepass"), _FAKE_SALT_PERSON)[:SALT_SIZE]


def _keyed(server_key: bytes, data: bytes, person: bytes) -> bytes:
    """Keyed BLAKE2b (RFC 7693 §2.5) of 32 bytes, separated by what it is for."""
    if len(server_key) != SERVER_KEY_SIZE:
        raise ValueError(f"the server's key has {SERVER_KEY_SIZE} bytes, not {len(server_key)}")
    return hashlib.blake2b(data, digest_size=32, key=server_key, person=person).digest()
