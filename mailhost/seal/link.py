"""A secure link: a message sealed to words that its reader hears from its author.

The message is sealed as for a mailbox, to an age identity that is made of a passphrase: `root = Argon2id(passphrase,
salt)` with a salt of the link's own (RFC 9106), and from it by HKDF-SHA256 (RFC 5869) the identity's seed and an
`auth_key`. Who has the words can open the file with the ordinary `age` tool; who has the file alone must guess 77 bits
through Argon2id.

The reader's browser derives both. It sends the auth key, of which the host keeps a keyed hash, and gets the sealed
file: so nobody gets a file to guess at without having guessed already, and the words never come to the host. The auth
key opens one thing more, the link's `record`: who reads and whom an answer goes to. The host can make that answer only
while a reader is there to send the key.

In: words, salt, cost. Out: keys. Nothing is stored here.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import final

from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import hkdf
from mailhost.seal.identity import HybridIdentity, RandomBytes
from mailhost.seal.password import SALT_SIZE, SERVER_KEY_SIZE, Argon2Parameters, derive_root
from mailhost.seal.phrase import random_words

# Seven of 2,048 words: 77 bits, and still something that is said on a telephone.
WORDS = 7
TOKEN_SIZE = 32
AUTH_KEY_SIZE = 32
# What a person reads out to find the right link among several; it opens nothing.
REFERENCE_SIZE = 6

_AUTH_INFO = b"skerry.link.auth.v1"
_IDENTITY_INFO = b"skerry.link.identity.v1"
_RECORD_INFO = b"skerry.link.record.v1"
_TOKEN_PERSON = b"skerry.link.to.1"
_VERIFIER_PERSON = b"skerry.link.au.1"
# Without letters and digits that are taken for one another.
_REFERENCE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_BETWEEN_WORDS = re.compile(r"[\s.,-]+")


@final
@dataclass(frozen=True, slots=True, repr=False)
class LinkKeys:
    """What a link's passphrase gives: the key that the page sends, and the identity that never leaves the browser."""

    auth_key: bytes
    identity: HybridIdentity


def new_words(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """A fresh passphrase."""
    return " ".join(random_words(WORDS, random_bytes))


def new_token(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """What stands in a link's address: 32 random bytes in base64url, 43 characters."""
    return base64.urlsafe_b64encode(random_bytes(TOKEN_SIZE)).rstrip(b"=").decode("ascii")


def new_reference(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """Six letters and digits."""
    return "".join([_REFERENCE_LETTERS[byte % len(_REFERENCE_LETTERS)] for byte in random_bytes(REFERENCE_SIZE)])


def new_salt(random_bytes: RandomBytes = secrets.token_bytes) -> bytes:
    return random_bytes(SALT_SIZE)


def spelled(words: str) -> str:
    """The one spelling of a passphrase: small letters, one space; whatever somebody types between the words."""
    return " ".join(_BETWEEN_WORDS.split(words.strip(" .,-\t\r\n").lower()))


def link_keys(words: str, salt: bytes, parameters: Argon2Parameters) -> LinkKeys:
    """The slow step. `InvalidKey` for no words at all or endlessly many."""
    root = derive_root(spelled(words), salt, parameters)
    return LinkKeys(hkdf(root, b"", _AUTH_INFO), HybridIdentity(hkdf(root, b"", _IDENTITY_INFO)))


def record_identity(auth_key: bytes) -> HybridIdentity:
    """To whom the link's record is sealed: whoever has the auth key."""
    return HybridIdentity(hkdf(auth_key, b"", _RECORD_INFO))


def token_digest(server_key: bytes, token: str) -> bytes:
    """16 bytes under which a link is found; with the table alone nobody makes an address."""
    return _keyed(server_key, token.encode("utf-8", "surrogatepass"), _TOKEN_PERSON)[:16]


def link_verifier(server_key: bytes, auth_key: bytes) -> bytes:
    """What the host keeps of an auth key; a fast hash is enough, the slow one lies behind the auth key."""
    return _keyed(server_key, auth_key, _VERIFIER_PERSON)


def check_link(server_key: bytes, auth_key: bytes, verifier: bytes) -> None:
    """Raise `CannotOpen` unless the auth key belongs to the verifier, in the same time for every wrong one."""
    if not hmac.compare_digest(link_verifier(server_key, auth_key), verifier):
        raise CannotOpen


def _keyed(server_key: bytes, data: bytes, person: bytes) -> bytes:
    """Keyed BLAKE2b (RFC 7693 §2.5), separated by what it is for."""
    if len(server_key) != SERVER_KEY_SIZE:
        raise ValueError(f"the server's key has {SERVER_KEY_SIZE} bytes, not {len(server_key)}")
    return hashlib.blake2b(data, digest_size=32, key=server_key, person=person).digest()
