"""Boxes of the cell's own: they open with the same key, purpose and subject, and with nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal import CannotOpen, CellBox, InvalidKey
from mailhost.seal.cellbox import OVERHEAD

KEY = bytes(range(32))


@given(st.binary(max_size=3000), st.binary(max_size=40))
def test_a_box_gives_back_what_was_put_in(plaintext: bytes, about: bytes) -> None:
    box = CellBox(KEY, "queue")
    sealed = box.seal(plaintext, about)
    assert len(sealed) == len(plaintext) + OVERHEAD
    assert box.open(memoryview(sealed), about) == plaintext


def test_two_boxes_of_one_thing_share_no_byte_that_tells() -> None:
    box = CellBox(KEY, "queue")
    one, two = box.seal(b"high at noon", b"tides"), box.seal(b"high at noon", b"tides")
    assert one[1:] != two[1:]
    assert b"noon" not in one


@pytest.mark.parametrize(
    ("box", "about"),
    [
        (CellBox(KEY[::-1], "queue"), b"tides"),
        (CellBox(KEY, "reports"), b"tides"),
        (CellBox(KEY, "queue"), b"winds"),
        (CellBox(KEY, "queue"), b""),
    ],
    ids=["another key", "another purpose", "another subject", "no subject"],
)
def test_a_box_stays_shut_for_others(box: CellBox, about: bytes) -> None:
    sealed = CellBox(KEY, "queue").seal(b"high at noon", b"tides")
    with pytest.raises(CannotOpen):
        box.open(sealed, about)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_shuts_a_box(place: int, difference: int) -> None:
    box = CellBox(KEY, "queue")
    sealed = bytearray(box.seal(b"high at noon", b"tides"))
    sealed[place % len(sealed)] ^= difference
    with pytest.raises(CannotOpen):
        box.open(sealed, b"tides")


@pytest.mark.parametrize("length", [0, 1, OVERHEAD - 1, OVERHEAD + 11])
def test_a_cut_box_does_not_open(length: int) -> None:
    box = CellBox(KEY, "queue")
    with pytest.raises(CannotOpen):
        box.open(box.seal(b"high at noon", b"tides")[:length], b"tides")


def test_a_secret_has_one_length_and_is_never_shown() -> None:
    with pytest.raises(InvalidKey, match="32 bytes"):
        CellBox(KEY[1:], "queue")
    assert repr(CellBox(KEY, "queue")) == "CellBox(…)"
