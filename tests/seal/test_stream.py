"""The payload stream: any pieces, any size, and every damage found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal.errors import CannotOpen
from mailhost.seal.stream import CHUNK_SIZE, decrypt_payload, encrypt_payload

FILE_KEY = b"YELLOW SUBMARINE"
NONCE = bytes(range(16))
EDGES = [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE - 1, 2 * CHUNK_SIZE, 2 * CHUNK_SIZE + 1]


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("piece", [1000, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 10 * CHUNK_SIZE])
def test_pieces_of_any_size_make_the_same_payload(size: int, piece: int) -> None:
    body = (bytes(range(251)) * (size // 251 + 1))[:size]
    payload = encrypt_payload(FILE_KEY, NONCE, [body[at : at + piece] for at in range(0, size, piece)])
    assert payload == encrypt_payload(FILE_KEY, NONCE, [memoryview(body)])
    assert decrypt_payload(FILE_KEY, payload) == body
    assert len(payload) == 16 + size + 16 * max(1, -(-size // CHUNK_SIZE))


@given(st.binary(max_size=300), st.data())
def test_any_flipped_bit_or_cut_or_tail_is_found(body: bytes, draw: st.DataObject) -> None:
    payload = encrypt_payload(FILE_KEY, NONCE, [body])
    flipped = bytearray(payload)
    flipped[draw.draw(st.integers(0, len(payload) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    cut = payload[: draw.draw(st.integers(0, len(payload) - 1))]
    longer = payload + draw.draw(st.binary(min_size=1, max_size=20))
    for damaged in (bytes(flipped), cut, longer):
        with pytest.raises(CannotOpen):
            decrypt_payload(FILE_KEY, damaged)


def test_a_payload_cut_between_chunks_is_refused() -> None:
    payload = encrypt_payload(FILE_KEY, NONCE, [bytes(3 * CHUNK_SIZE)])
    sealed_chunk = CHUNK_SIZE + 16
    for chunks in range(3):
        with pytest.raises(CannotOpen):
            decrypt_payload(FILE_KEY, payload[: 16 + chunks * sealed_chunk])


def test_swapped_chunks_are_refused() -> None:
    payload = encrypt_payload(FILE_KEY, NONCE, [bytes(3 * CHUNK_SIZE)])
    first, second = slice(16, 16 + CHUNK_SIZE + 16), slice(32 + CHUNK_SIZE, 48 + 2 * CHUNK_SIZE)
    with pytest.raises(CannotOpen):
        decrypt_payload(FILE_KEY, payload[:16] + payload[second] + payload[first] + payload[second.stop :])


def test_another_file_key_opens_nothing() -> None:
    with pytest.raises(CannotOpen):
        decrypt_payload(b"0123456789abcdef", encrypt_payload(FILE_KEY, NONCE, [b"hello"]))
