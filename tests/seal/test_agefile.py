"""Large age files piece by piece: the same files as in one go, and none that was cut, padded or changed."""

from __future__ import annotations

import io
import random

import pytest

from mailhost.seal import CannotOpen, HybridIdentity
from mailhost.seal.age import decrypt, encrypt
from mailhost.seal.agefile import OpeningFile, SealingFile
from mailhost.seal.stream import CHUNK_SIZE, SEALED_CHUNK

KEY = HybridIdentity.generate()
SIZES = (0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE, 200_000)


def sealed(content: bytes, piece: int = 10_000) -> bytes:
    raw = io.BytesIO()
    file = SealingFile([KEY.recipient], raw)
    for start in range(0, len(content), piece):
        file.write(content[start : start + piece])
    file.close()
    return raw.getvalue()


def opened(data: bytes) -> bytes:
    return OpeningFile([KEY], io.BytesIO(data)).read()


@pytest.mark.parametrize("size", SIZES)
def test_piece_by_piece_is_the_same_as_in_one_go(size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert decrypt([KEY], sealed(content)) == content
    assert opened(encrypt([KEY.recipient], content)) == content
    assert opened(sealed(content, piece=CHUNK_SIZE + 7)) == content


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_was_cut_or_lengthened_never_comes_to_its_end(size: int) -> None:
    data = sealed(bytes(size))
    for damaged in (data[:-1], data + b"x", data[: len(data) - SEALED_CHUNK] if size > CHUNK_SIZE else data[:-16]):
        with pytest.raises(CannotOpen):
            opened(damaged)


def test_a_changed_byte_and_another_key_open_nothing() -> None:
    data = bytearray(sealed(bytes(100_000)))
    with pytest.raises(CannotOpen):
        OpeningFile([HybridIdentity.generate()], io.BytesIO(bytes(data)))
    data[-5] ^= 1
    with pytest.raises(CannotOpen):
        opened(bytes(data))


@pytest.mark.parametrize("data", [b"", b"age-encryption.org/v1\n", b"\0" * 5000])
def test_what_is_no_age_file_is_refused(data: bytes) -> None:
    with pytest.raises(CannotOpen):
        opened(data)
