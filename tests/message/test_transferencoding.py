"""Transfer encodings undone, however damaged."""

import base64
import quopri
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.message.transferencoding import (
    MAX_RUNS,
    UnknownEncoding,
    decode,
    decode_base64,
    decode_quoted_printable,
    normal_encoding,
)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"", b""),
        (b"SGVsbG8=", b"Hello"),
        (b"SGVs\r\nbG8=\r\n", b"Hello"),
        (b"SGVsbG8", b"Hello"),
        (b"SGVsbG8====", b"Hello"),
        (b"SGV!s\xffbG8=", b"Hello"),
        (b"SGVsbG8=SGVsbG8=", b"HelloHello"),
        (b"SGVsb", b"Hel"),
        (b"A", b""),
        (b"=", b""),
        (b"====SGVsbG8=", b"Hello"),
    ],
)
def test_base64_is_decoded_as_far_as_it_makes_sense(text: bytes, data: bytes) -> None:
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (b"S=C3=A6ll", "Sæll".encode()),
        (b"s=c3=a6ll", "sæll".encode()),
        (b"soft=\r\nbreak", b"softbreak"),
        (b"soft=\nbreak", b"softbreak"),
        (b"soft= \t\r\nbreak", b"softbreak"),
        (b"padding \t\r\nnext", b"padding\r\nnext"),
        (b"end  ", b"end"),
        (b"a b", b"a b"),
        (b"broken=zz", b"broken=zz"),
        (b"end=", b"end"),
        (b"\xe6", b"\xe6"),
    ],
)
def test_quoted_printable_is_decoded_as_far_as_it_makes_sense(text: bytes, data: bytes) -> None:
    assert decode_quoted_printable(text) == data


def test_more_padded_runs_than_the_limit_are_read_as_one() -> None:
    runs = b"SGVs" * 2 + b"SGU=" * (MAX_RUNS + 5)
    assert decode_base64(runs).startswith(b"HelHel" + b"He" * MAX_RUNS)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "7bit"),
        (b"", "7bit"),
        (b"7BIT", "7bit"),
        (b"Base64", "base64"),
        (b'"base64"', "base64"),
        (b"base64 (comment)", "base64"),
        (b"base64;", "base64"),
        (b"8-bit", "8bit"),
        (b"BiNaRy", "binary"),
        (b"x-uuencode", "x-uuencode"),
        (b"\xff", "\xff"),
    ],
)
def test_names_of_encodings_are_normalised(value: bytes | None, name: str) -> None:
    assert normal_encoding(value) == name


def test_identity_encodings_give_the_same_object() -> None:
    data = b"a\x00b"
    for name in ("7bit", "8bit", "binary"):
        assert decode(data, name) is data


def test_an_unknown_encoding_is_a_value() -> None:
    assert decode(b"x", "x-uuencode") == UnknownEncoding("x-uuencode")


@given(st.binary(max_size=200))
def test_what_was_encoded_comes_back(data: bytes) -> None:
    assert decode(base64.encodebytes(data), "base64") == data
    assert decode(memoryview(quopri.encodestring(data, quotetabs=True)), "quoted-printable") == data


@given(
    st.binary(max_size=100)
    | st.lists(st.sampled_from([b"=", b"A", b"==", b"\r\n", b" ", b"=4"]), max_size=30).map(b"".join)
)
def test_any_bytes_decode_to_something(data: bytes) -> None:
    assert isinstance(decode_base64(data), bytes)
    assert isinstance(decode_quoted_printable(data), bytes)


@pytest.mark.parametrize("piece", [b" ", b" \t", b"=", b"A", b"A=", b"=\r\n", b" x", b"\r", b"\n"])
def test_no_repetition_takes_more_than_linear_time(piece: bytes) -> None:
    started = time.process_time()
    decode_base64(piece * (1_000_000 // len(piece)))
    decode_quoted_printable(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 1.5
