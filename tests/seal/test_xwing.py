"""Opening from the parts gives what the library's whole HPKE gives, for honest and for spoiled octets."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal.xwing import ENCAPSULATED_SIZE, OpeningKey

SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
MLKEM = MLKEM768PrivateKey.from_seed_bytes(bytes(range(64)))
X25519 = X25519PrivateKey.from_private_bytes(bytes(range(32)))
WHOLE = MLKEM768X25519PrivateKey(MLKEM, X25519)
KEY = OpeningKey(MLKEM, X25519, X25519.public_key().public_bytes_raw())
SEALED = SUITE.encrypt(b"sixteen bytes...", WHOLE.public_key(), b"info")
# RFC 7748 §6.1: with these shares the exchange gives zeros.
LOW_ORDER = (bytes(32), b"\x01" + bytes(31))


def by_parts(sealed: bytes, info: bytes = b"info") -> bytes | None:
    return KEY.open(sealed[:ENCAPSULATED_SIZE], sealed[ENCAPSULATED_SIZE:], info)


def by_library(sealed: bytes, info: bytes = b"info") -> bytes | None:
    try:
        return SUITE.decrypt(sealed, WHOLE, info)
    except InvalidTag:
        return None


@given(plain=st.binary(max_size=100), info=st.binary(max_size=100))
def test_what_the_library_seals_is_opened(plain: bytes, info: bytes) -> None:
    assert by_parts(SUITE.encrypt(plain, WHOLE.public_key(), info), info) == plain


@given(place=st.integers(0, len(SEALED) - 1), bit=st.integers(0, 7))
def test_one_spoiled_bit_opens_nothing_unless_the_library_says_so(place: int, bit: int) -> None:
    spoiled = bytearray(SEALED)
    spoiled[place] ^= 1 << bit
    assert by_parts(bytes(spoiled)) == by_library(bytes(spoiled))


def test_the_ciphertext_is_bound_to_its_info() -> None:
    assert by_parts(SEALED) == b"sixteen bytes..."
    assert by_parts(SEALED, b"other") is None


def test_a_share_of_low_order_opens_nothing() -> None:
    for share in LOW_ORDER:
        spoiled = SEALED[: ENCAPSULATED_SIZE - 32] + share + SEALED[ENCAPSULATED_SIZE:]
        assert by_parts(spoiled) is by_library(spoiled) is None


def test_somebody_elses_key_opens_nothing() -> None:
    other = OpeningKey(MLKEM768PrivateKey.generate(), X25519, KEY.x25519_public)
    assert other.open(SEALED[:ENCAPSULATED_SIZE], SEALED[ENCAPSULATED_SIZE:], b"info") is None
    assert "OpeningKey" in repr(KEY)
    assert bytes(range(32)).hex() not in repr(KEY)


def test_a_text_too_short_for_its_tag_opens_nothing() -> None:
    assert by_parts(SEALED[: ENCAPSULATED_SIZE + 15]) is None
