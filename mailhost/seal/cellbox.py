"""Boxes that only this cell can open: what it keeps for itself for a while, such as the outbound queue.

Mail in a mailbox is sealed to a public key, because whoever stores it must not be able to read it. What waits in the
queue is different: the cell wrote it and the cell will read it, both with the same key file. A public key protects
nothing there and costs two key exchanges a message; a symmetric box gives the same: noise without the key file, dead
when the file is gone, and nothing for a quantum computer to do.

In: the 32 bytes of a key file, what the boxes are for, and for each box what it is about, so that a box does not open
in another's place. Out: version byte, 24 random bytes, XChaCha20-Poly1305. Opening raises `CannotOpen` and nothing
else.
"""

import secrets
from typing import final

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_ABYTES,
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
    crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
)
from nacl.exceptions import CryptoError

from mailhost.seal.errors import CannotOpen, InvalidKey
from mailhost.seal.header import hkdf
from mailhost.seal.identity import RandomBytes
from mailhost.seal.stream import Buffer

SECRET_SIZE = 32
# One for all boxes: a second form would need the first to be told apart.
VERSION = b"\x01"
# Random nonces of this length do not meet, however many boxes one key makes.
_NONCE_SIZE: int = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
OVERHEAD: int = len(VERSION) + _NONCE_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES


@final
class CellBox:
    """Makes and opens boxes with a key of its own, made from `secret`. It never shows itself in a repr."""

    __slots__ = ("_key",)

    def __init__(self, secret: bytes, purpose: str) -> None:
        if len(secret) != SECRET_SIZE:
            raise InvalidKey(f"a key file of the cell holds {SECRET_SIZE} bytes, this one {len(secret)}")
        self._key = hkdf(secret, b"", f"skerry.{purpose}.v1".encode())

    def seal(self, plaintext: Buffer, about: bytes, *, random_bytes: RandomBytes = secrets.token_bytes) -> bytes:
        """A box; `about` is not in it, and must be said again to open it."""
        nonce = random_bytes(_NONCE_SIZE)
        sealed = crypto_aead_xchacha20poly1305_ietf_encrypt(bytes(plaintext), about, nonce, self._key)
        return b"%b%b%b" % (VERSION, nonce, sealed)

    def open(self, box: Buffer, about: bytes) -> bytes:
        """What is in a box that was sealed with the same secret, purpose and `about`, else `CannotOpen`."""
        data = bytes(box)
        if len(data) < OVERHEAD or not data.startswith(VERSION):
            raise CannotOpen
        start = len(VERSION) + _NONCE_SIZE
        try:
            return bytes(
                crypto_aead_xchacha20poly1305_ietf_decrypt(data[start:], about, data[len(VERSION) : start], self._key)
            )
        except CryptoError:
            raise CannotOpen from None

    def __repr__(self) -> str:
        return "CellBox(…)"
