"""Keys of an age file: who can be sealed to, and who can open.

`HybridIdentity` and `HybridRecipient` are the two halves of age's post-quantum key (C2SP age.md, "The
MLKEM768-X25519 hybrid recipient type"): X-Wing, that is ML-KEM-768 and X25519 together, so that both must fall
before the key does. The identity is 32 random bytes, written `AGE-SECRET-KEY-PQ-1…`; SHAKE256 makes of it 64
bytes of ML-KEM seed and the 32-byte X25519 scalar. The recipient is 1,216 bytes, written `age1pq1…`. The file
key is wrapped with HPKE base mode (RFC 9180 §6.1).

`X25519Identity` opens files made for a classic age key, for import; nothing is ever sealed to one.

Parsing a key costs some 200 µs (bech32, ML-KEM expansion), using it about 100: keep the parsed objects. A text
that is no key is `InvalidKey`; a stanza that breaks the specification is `CannotOpen`; a stanza for someone
else is simply None.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Protocol, Self, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PublicKey,
    Suite,
)

from mailhost.seal import bech32
from mailhost.seal.errors import CannotOpen, InvalidKey
from mailhost.seal.header import FILE_KEY_SIZE, Stanza, decode_base64, encode_base64, hkdf
from mailhost.seal.xwing import ENCAPSULATED_SIZE, OpeningKey

type RandomBytes = Callable[[int], bytes]

SEED_SIZE = 32
RECIPIENT_SIZE = 1216
_MLKEM_PUBLIC_SIZE = 1184
_MLKEM_SEED_SIZE = 64
_WRAPPED_SIZE = FILE_KEY_SIZE + 16
_ZERO_NONCE = bytes(12)

HYBRID_STANZA = "mlkem768x25519"
X25519_STANZA = "X25519"
_HYBRID_INFO = b"age-encryption.org/mlkem768x25519"
_X25519_INFO = b"age-encryption.org/v1/X25519"
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
# Any scalar finds a point of low order; this one is used for nothing else.
_PROBE = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"skerry low order probe").digest())


class Recipient(Protocol):
    """Someone a file key can be wrapped for."""

    def wrap(self, file_key: bytes) -> Stanza: ...


class Identity(Protocol):
    """Someone who may be able to unwrap a file key."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """The file key, or None where no stanza is for this identity; `CannotOpen` for a malformed stanza."""


@final
class HybridRecipient:
    """A public key `age1pq1…`, parsed once and used for every message of its mailbox."""

    __slots__ = ("_key", "raw")

    def __init__(self, raw: bytes) -> None:
        """`raw` is 1,184 bytes of ML-KEM-768 key and 32 of X25519; `InvalidKey` where either is unusable."""
        if len(raw) != RECIPIENT_SIZE:
            raise InvalidKey(f"a public key age1pq1… holds {RECIPIENT_SIZE} bytes, this one holds {len(raw)}")
        self.raw = raw
        try:
            mlkem_key = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_SIZE])
            x25519_key = X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC_SIZE:])
            # A point of low order would make every later seal fail; better to refuse the key now.
            _PROBE.exchange(x25519_key)
        except ValueError:
            raise InvalidKey("this public key is damaged: its numbers are outside the allowed range") from None
        self._key = MLKEM768X25519PublicKey(mlkem_key, x25519_key)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse `age1pq1…`, else `InvalidKey`."""
        return cls(_decode_key(text, "age1pq", "a public key begins with age1pq1"))

    @property
    def text(self) -> str:
        """`age1pq1…`, 1,959 characters."""
        return bech32.encode("age1pq", self.raw)

    def wrap(self, file_key: bytes) -> Stanza:
        sealed = _SUITE.encrypt(file_key, self._key, _HYBRID_INFO)
        share = encode_base64(sealed[:ENCAPSULATED_SIZE]).decode("ascii")
        return Stanza((HYBRID_STANZA, share), sealed[ENCAPSULATED_SIZE:])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HybridRecipient) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"HybridRecipient({self.text[:19]}…)"


@final
class HybridIdentity:
    """A secret key `AGE-SECRET-KEY-PQ-1…`. It never shows itself in a repr."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_SIZE:
            raise InvalidKey(f"a secret key is made of {SEED_SIZE} bytes, not {len(seed)}")
        self._seed = seed

    @classmethod
    def generate(cls, random_bytes: RandomBytes = secrets.token_bytes) -> Self:
        return cls(random_bytes(SEED_SIZE))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse `AGE-SECRET-KEY-PQ-1…`, else `InvalidKey`."""
        return cls(_decode_key(text, "AGE-SECRET-KEY-PQ-", "a secret key begins with AGE-SECRET-KEY-PQ-1"))

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes."""
        return self._seed

    @property
    def secret_text(self) -> str:
        """`AGE-SECRET-KEY-PQ-1…`; whoever sees it reads everything."""
        return bech32.encode("age-secret-key-pq-", self._seed).upper()

    @cached_property
    def _halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        # Expanding the seed is a great part of a login, and many sessions open nothing: it waits until it is needed.
        expanded = hashlib.shake_256(self._seed).digest(_MLKEM_SEED_SIZE + 32)
        mlkem_key = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_SIZE])
        return mlkem_key, X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_SIZE:])

    @cached_property
    def _key(self) -> OpeningKey:
        mlkem_key, x25519_key = self._halves
        return OpeningKey(mlkem_key, x25519_key, x25519_key.public_key().public_bytes_raw())

    @cached_property
    def recipient(self) -> HybridRecipient:
        mlkem_key, x25519_key = self._halves
        public = mlkem_key.public_key().public_bytes_raw()
        return HybridRecipient(public + x25519_key.public_key().public_bytes_raw())

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        for share, body in _stanzas_of(HYBRID_STANZA, ENCAPSULATED_SIZE, stanzas):
            # We differ: an X25519 share of low order is passed over like any other stanza that is not ours, instead of
            # spoiling the file. Nothing opens with it either way.
            file_key = self._key.open(share, body, _HYBRID_INFO)
            if file_key is not None:
                return file_key
        return None

    def __repr__(self) -> str:
        return f"HybridIdentity(of {self.recipient.text[:19]}…)"


@final
class X25519Identity:
    """A classic secret key `AGE-SECRET-KEY-1…`, for opening files made elsewhere."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32:
            raise InvalidKey(f"a classic secret key is made of 32 bytes, not {len(secret)}")
        self._key = X25519PrivateKey.from_private_bytes(secret)
        self._public = self._key.public_key().public_bytes_raw()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse `AGE-SECRET-KEY-1…`, else `InvalidKey`."""
        return cls(_decode_key(text, "AGE-SECRET-KEY-", "a classic secret key begins with AGE-SECRET-KEY-1"))

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        for share, body in _stanzas_of(X25519_STANZA, 32, stanzas):
            try:
                shared = self._key.exchange(X25519PublicKey.from_public_bytes(share))
            except ValueError:
                # RFC 7748 §6.1: an all-zero shared secret; the specification asks to abort.
                raise CannotOpen from None
            wrap_key = hkdf(shared, share + self._public, _X25519_INFO)
            try:
                return ChaCha20Poly1305(wrap_key).decrypt(_ZERO_NONCE, body, None)
            except InvalidTag:
                continue
        return None

    def __repr__(self) -> str:
        return f"X25519Identity(of {bech32.encode('age', self._public)[:16]}…)"


def _decode_key(text: str, prefix: str, hint: str) -> bytes:
    found, data = bech32.decode(text)
    if found != prefix:
        raise InvalidKey(f"{hint}, and this text does not")
    return data


def _stanzas_of(kind: str, share_size: int, stanzas: Sequence[Stanza]) -> Iterator[tuple[bytes, bytes]]:
    """(share, wrapped file key) of each stanza of one kind; a malformed one spoils the file (C2SP age.md)."""
    for args, body in stanzas:
        if args[0] != kind:
            continue
        # The body's length is checked before any decryption, against partitioning oracles.
        if len(args) != 2 or len(body) != _WRAPPED_SIZE:
            raise CannotOpen
        share = decode_base64(args[1].encode("ascii"))
        if len(share) != share_size:
            raise CannotOpen
        yield share, body
