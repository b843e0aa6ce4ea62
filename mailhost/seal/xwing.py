"""Opening what was sealed by HPKE with X-Wing, from its parts.

RFC 9180 §6.1 in base mode: KEM 0x647a (X-Wing, draft-connolly-cfrg-xwing-kem §5.5: ML-KEM-768 and X25519, whose
secrets SHA3-256 joins), KDF HKDF-SHA256, AEAD ChaCha20-Poly1305. The library has all of this in one call, and
`identity` seals with that. Opening is done ten thousand times in a row, when a client lists a large folder, and the
library's call spends two fifths of its time on finding algorithms anew and on the part of the key schedule that is
the same for every message. Here it happens once for each `info`. Every secret operation is still the library's:
decapsulation, the X25519 exchange, the AEAD and, in OpenSSL, the hashes.

In: both secret keys, the encapsulated secret, the sealed octets. Out: the plaintext, or None for whoever it was not
sealed to. Only single-shot opening is here: one sealed text for one encapsulation, sequence number 0.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha3_256
from typing import NamedTuple, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mailhost.seal.header import hmac_sha256

ENCAPSULATED_SIZE = 1120
_MLKEM_CIPHERTEXT = 1088
# RFC 9180 §7: the version, then "HPKE" and the numbers of KEM, KDF and AEAD, stand before every label.
_PREFIX = b"HPKE-v1" + b"HPKE" + bytes.fromhex("647a 0001 0003")
_XWING_LABEL = rb"\.//^" + b"\\"


class _Schedule(NamedTuple):
    """RFC 9180 §5.1: what LabeledExpand appends to the secret of a message, for its key and for its nonce."""

    key: bytes
    nonce: bytes


@cache
def _schedule(info: bytes) -> _Schedule:
    # Base mode has no pre-shared key: its identifier is empty (RFC 9180 §5.1.1).
    context = b"\x00" + hmac_sha256(b"", _PREFIX + b"psk_id_hash") + hmac_sha256(b"", _PREFIX + b"info_hash" + info)
    return _Schedule(
        (32).to_bytes(2) + _PREFIX + b"key" + context + b"\x01",
        (12).to_bytes(2) + _PREFIX + b"base_nonce" + context + b"\x01",
    )


@final
@dataclass(frozen=True, slots=True, repr=False)
class OpeningKey:
    """The two halves of an X-Wing secret key."""

    mlkem: MLKEM768PrivateKey
    x25519: X25519PrivateKey
    x25519_public: bytes

    def open(self, encapsulated: bytes, sealed: bytes, info: bytes) -> bytes | None:
        """The plaintext, or None where it was sealed to another key or is damaged."""
        share = encapsulated[_MLKEM_CIPHERTEXT:]
        # FIPS 203 §6.3: a ciphertext that is not ours gives a secret too, one that opens nothing.
        first = self.mlkem.decapsulate(encapsulated[:_MLKEM_CIPHERTEXT])
        try:
            second = self.x25519.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            # RFC 7748 §6.1: a share of low order; nobody honest sends one.
            return None
        shared = sha3_256(first + second + share + self.x25519_public + _XWING_LABEL).digest()
        secret = hmac_sha256(shared, _PREFIX + b"secret")
        schedule = _schedule(info)
        cipher = ChaCha20Poly1305(hmac_sha256(secret, schedule.key))
        try:
            return cipher.decrypt(hmac_sha256(secret, schedule.nonce)[:12], sealed, None)
        except InvalidTag:
            return None
