"""The signed form of header and body: the examples of RFC 6376 §3.4.5, and that pieces make no difference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.mailauth import canonicalization
from mailhost.mailauth.canonicalization import Canonicalization, Parts, canonical_body, canonical_field

SIMPLE, RELAXED = Canonicalization.SIMPLE, Canonicalization.RELAXED
# RFC 6376 §3.4.5: the message of the examples.
EXAMPLE = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n"


def body(text: bytes, form: Canonicalization) -> bytes:
    return b"".join(bytes(piece) for piece in canonical_body(memoryview(text), form))


def test_the_examples_of_the_rfc() -> None:
    parts = Parts(EXAMPLE)
    assert [canonical_field(parts, one, RELAXED) for one in parts.fields] == [b"a:X", b"b:Y Z"]
    assert [canonical_field(parts, one, SIMPLE) for one in parts.fields] == [b"A: X", b"B : Y\t\r\n\tZ  "]
    assert body(bytes(parts.body), RELAXED) == b" C\r\nD E\r\n"
    assert body(bytes(parts.body), SIMPLE) == b" C \r\nD \t E\r\n"


@pytest.mark.parametrize(
    ("text", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),
        (b"\r\n\r\n", b"\r\n", b""),
        (b" \r\n\t\r\n", b" \r\n\t\r\n", b""),
        (b"x", b"x\r\n", b"x\r\n"),
        (b"x\r\n", b"x\r\n", b"x\r\n"),
        (b"\r\nx \r\n", b"\r\nx \r\n", b"\r\nx\r\n"),
    ],
)
def test_the_end_of_the_body(text: bytes, simple: bytes, relaxed: bytes) -> None:
    assert (body(text, SIMPLE), body(text, RELAXED)) == (simple, relaxed)


LINES = st.lists(st.sampled_from([b"", b" ", b"a", b"a  b", b"\t\tc \t", b"word " * 5]), max_size=40)


@given(LINES, st.integers(1, 40))
def test_pieces_of_any_size_give_the_same_body(lines: list[bytes], size: int) -> None:
    text = b"\r\n".join([*lines, b""])
    whole = [body(text, form) for form in Canonicalization]
    before, canonicalization._PIECE = canonicalization._PIECE, size
    try:
        assert [body(text, form) for form in Canonicalization] == whole
    finally:
        canonicalization._PIECE = before


@given(LINES)
def test_relaxed_is_relaxed_already(lines: list[bytes]) -> None:
    once = body(b"\r\n".join([*lines, b""]), RELAXED)
    assert body(once, RELAXED) == once


def test_millions_of_empty_lines_take_no_time() -> None:
    text = b"x\r\n" + b" \r\n" * 1_000_000
    assert body(text, RELAXED) == b"x\r\n"
    assert Parts(b"\r\n" + text).body_hash(RELAXED) == Parts(b"\r\nx\r\n").body_hash(RELAXED)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_gives_the_same_parts(kind: type) -> None:
    parts = Parts(kind(EXAMPLE))
    assert [one.name for one in parts.fields] == [b"A", b"B"]
    assert bytes(parts.body) == b" C \r\nD \t E\r\n\r\n\r\n"
