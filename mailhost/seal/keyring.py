"""The keyring: every secret of one mailbox, in a box that several keys can lead to.

A keyring holds the mailbox's age identities (the current one first, then the old ones, newest first, for old
mail), the Ed25519 key that signs what its owner sends and enters in the ledger, and a version number that only
grows. It is stored on the server under a random 256-bit *keyring key*. The keyring key in turn is wrapped once
for each way in: the account password, the recovery phrase, an app password with session access (each a
secretbox under a derived key), and, where the tenant has one, its recovery key (an age file).

Rotation adds an identity and leaves the keyring key, so no wrap changes. After a compromise the keyring key is
new too, and with it every wrap. A box of an older version than one already seen is `OldKeyring`: someone has
put back a backup. All other failures are `CannotOpen`.

In: values and keys. Out: bytes to store. Format: docs/sealed-format.md.
"""

import binascii
import json
import secrets
from dataclasses import dataclass, replace
from typing import Self, final

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.signing import SigningKey

from mailhost.seal import age
from mailhost.seal.errors import CannotOpen, InvalidKey
from mailhost.seal.identity import HybridIdentity, HybridRecipient, RandomBytes

KEYRING_KEY_SIZE = 32
SIGNING_SEED_SIZE = 32
BOX_VERSION = b"\x01"
# A keyring of a thousand rotations; more is not a keyring.
MAX_KEYRING_SIZE = 128 * 1024

_NONCE_SIZE = SecretBox.NONCE_SIZE


class OldKeyring(Exception):
    """An older keyring than this client has seen: a restored backup, or an attempt to undo a rotation."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """One mailbox's secrets. `identities[0]` is current; its recipient is the mailbox's public key."""

    version: int
    identities: tuple[HybridIdentity, ...]
    signing_seed: bytes

    @classmethod
    def generate(cls, random_bytes: RandomBytes = secrets.token_bytes) -> Self:
        return cls(1, (HybridIdentity.generate(random_bytes),), random_bytes(SIGNING_SEED_SIZE))

    @property
    def recipient(self) -> HybridRecipient:
        """The public key new mail is sealed to."""
        return self.identities[0].recipient

    @property
    def signing_key(self) -> SigningKey:
        return SigningKey(self.signing_seed)

    def rotated(self, random_bytes: RandomBytes = secrets.token_bytes) -> Self:
        """The next version: a new current identity, the old ones kept for old mail, the same signing key."""
        fresh = HybridIdentity.generate(random_bytes)
        return replace(self, version=self.version + 1, identities=(fresh, *self.identities))

    def after_compromise(self, random_bytes: RandomBytes = secrets.token_bytes) -> Self:
        """The next version with a new signing key as well. Seal it under a new keyring key and make every wrap anew."""
        return replace(self.rotated(random_bytes), signing_seed=random_bytes(SIGNING_SEED_SIZE))


def new_keyring_key(random_bytes: RandomBytes = secrets.token_bytes) -> bytes:
    return random_bytes(KEYRING_KEY_SIZE)


def seal_keyring(keyring: Keyring, keyring_key: bytes, *, random_bytes: RandomBytes = secrets.token_bytes) -> bytes:
    """The keyring as it is stored on the server: as long as a browser's, so that no length tells who made it."""
    fields = {
        "version": keyring.version,
        "identities": [identity.secret_text for identity in keyring.identities],
        "signing_key": keyring.signing_seed.hex(),
    }
    return _box(keyring_key, json.dumps(fields, separators=(",", ":")).encode("ascii"), random_bytes)


def open_keyring(keyring_key: bytes, box: bytes, *, seen_version: int = 0) -> Keyring:
    """The keyring in a box; `OldKeyring` if it is older than the newest version this client has seen."""
    if len(box) > MAX_KEYRING_SIZE:
        raise CannotOpen
    keyring = _parse(_unbox(keyring_key, box))
    if keyring.version < seen_version:
        raise OldKeyring(
            f"the server offers version {keyring.version} of the keyring, but version {seen_version} was seen before. "
            "Ask the operator whether a backup was restored, and do not send anything until it is explained."
        )
    return keyring


def wrap_keyring_key(wrap_key: bytes, keyring_key: bytes, *, random_bytes: RandomBytes = secrets.token_bytes) -> bytes:
    """The keyring key under a key derived from a password, a phrase or an app password."""
    return _box(wrap_key, _checked_key(keyring_key), random_bytes)


def unwrap_keyring_key(wrap_key: bytes, wrap: bytes) -> bytes:
    """The inverse of `wrap_keyring_key`; `CannotOpen` for a wrong password as for a damaged wrap."""
    keyring_key = _unbox(wrap_key, wrap)
    if len(keyring_key) != KEYRING_KEY_SIZE:
        raise CannotOpen
    return keyring_key


def wrap_for_tenant(
    recipient: HybridRecipient, keyring_key: bytes, *, random_bytes: RandomBytes = secrets.token_bytes
) -> bytes:
    """The keyring key as an age file to the tenant's recovery key."""
    return age.encrypt([recipient], _checked_key(keyring_key), random_bytes=random_bytes)


def unwrap_as_tenant(identity: HybridIdentity, wrap: bytes) -> bytes:
    """The keyring key, for the tenant's admin who holds the recovery key offline."""
    keyring_key = age.decrypt([identity], wrap)
    if len(keyring_key) != KEYRING_KEY_SIZE:
        raise CannotOpen
    return keyring_key


def _checked_key(keyring_key: bytes) -> bytes:
    if len(keyring_key) != KEYRING_KEY_SIZE:
        raise ValueError(f"a keyring key has {KEYRING_KEY_SIZE} bytes, not {len(keyring_key)}")
    return keyring_key


def _box(key: bytes, plaintext: bytes, random_bytes: RandomBytes) -> bytes:
    """Version byte, nonce, XSalsa20-Poly1305."""
    return BOX_VERSION + bytes(SecretBox(key).encrypt(plaintext, random_bytes(_NONCE_SIZE)))


def _unbox(key: bytes, box: bytes) -> bytes:
    if box[:1] != BOX_VERSION or len(key) != SecretBox.KEY_SIZE:
        raise CannotOpen
    try:
        return bytes(SecretBox(key).decrypt(box[1:]))
    except (CryptoError, ValueError):
        raise CannotOpen from None


def _parse(data: bytes) -> Keyring:
    """The keyring in its JSON; only who holds the keyring key can have written it, but old programs err too."""
    try:
        fields = json.loads(data)
        version, texts = fields["version"], fields["identities"]
        identities = tuple([HybridIdentity.from_text(text) for text in texts])
        signing_seed = binascii.unhexlify(fields["signing_key"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidKey):
        raise CannotOpen from None
    if type(version) is not int or version < 1 or not identities or len(signing_seed) != SIGNING_SEED_SIZE:
        raise CannotOpen
    return Keyring(version, identities, signing_seed)
