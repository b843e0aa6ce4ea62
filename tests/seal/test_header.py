"""The age header: what is written is read, and nothing that differs by one byte is."""

import contextlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal.errors import CannotOpen
from mailhost.seal.header import (
    MAX_HEADER_SIZE,
    MAX_STANZAS,
    Stanza,
    decode_base64,
    encode_base64,
    encode_header,
    header_length,
    hmac_sha256,
    parse_header,
)

FILE_KEY = b"YELLOW SUBMARINE"
ARGUMENTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
STANZAS = st.lists(
    st.builds(Stanza, st.lists(ARGUMENTS, min_size=1, max_size=4).map(tuple), st.binary(max_size=200)),
    min_size=1,
    max_size=5,
)


@given(STANZAS, st.binary(min_size=16, max_size=16))
def test_any_stanzas_round_trip_under_any_file_key(stanzas: list[Stanza], file_key: bytes) -> None:
    header = encode_header(stanzas, file_key)
    parsed = parse_header(header)
    parsed.verify(file_key)
    assert list(parsed.stanzas) == stanzas
    assert header_length(header + b"payload --- \n--- more") == len(header)


@given(STANZAS, st.data())
def test_a_header_cut_short_or_continued_is_refused(stanzas: list[Stanza], draw: st.DataObject) -> None:
    header = encode_header(stanzas, FILE_KEY)
    cut = draw.draw(st.integers(0, len(header) - 1))
    with pytest.raises(CannotOpen):
        parse_header(header[:cut])
    with pytest.raises(CannotOpen):
        header_length(header[:cut])
    with pytest.raises(CannotOpen):
        parse_header(header + draw.draw(st.binary(min_size=1, max_size=20)))


@given(STANZAS, st.data())
def test_any_flipped_bit_breaks_the_header_or_its_mac(stanzas: list[Stanza], draw: st.DataObject) -> None:
    header = bytearray(encode_header(stanzas, FILE_KEY))
    header[draw.draw(st.integers(0, len(header) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(CannotOpen):
        parse_header(bytes(header)).verify(FILE_KEY)


@given(st.binary(max_size=400))
def test_rubbish_raises_nothing_else(data: bytes) -> None:
    for header in (data, b"age-encryption.org/v1\n" + data, b"age-encryption.org/v1\n-> X25519 " + data):
        for parse in (parse_header, header_length):
            with contextlib.suppress(CannotOpen):
                parse(header)


def test_the_mac_of_another_file_key_is_refused() -> None:
    header = parse_header(encode_header([Stanza(("x",), b"")], FILE_KEY))
    with pytest.raises(CannotOpen):
        header.verify(b"0123456789abcdef")


def test_a_header_may_be_as_big_as_its_limit_and_not_a_byte_more() -> None:
    room = MAX_HEADER_SIZE - len(encode_header([Stanza(("",), b"")], FILE_KEY))
    fits = encode_header([Stanza(("a" * room,), b"")], FILE_KEY)
    assert len(fits) == MAX_HEADER_SIZE
    parse_header(fits)
    assert header_length(fits + b"payload") == MAX_HEADER_SIZE
    exceeds = encode_header([Stanza(("a" * (room + 1),), b"")], FILE_KEY)
    for parse in (parse_header, header_length):
        with pytest.raises(CannotOpen):
            parse(exceeds)


def test_a_header_has_a_limited_number_of_stanzas() -> None:
    parse_header(encode_header([Stanza(("x",), b"")] * MAX_STANZAS, FILE_KEY))
    with pytest.raises(CannotOpen):
        parse_header(encode_header([Stanza(("x",), b"")] * (MAX_STANZAS + 1), FILE_KEY))


def test_a_header_without_a_stanza_is_refused() -> None:
    with pytest.raises(CannotOpen):
        parse_header(encode_header([], FILE_KEY))


def test_a_body_line_longer_than_64_columns_is_refused() -> None:
    header = encode_header([Stanza(("x",), bytes(51))], FILE_KEY)
    joined = header.replace(b"A" * 64 + b"\n", b"A" * 64)
    assert joined != header
    with pytest.raises(CannotOpen):
        parse_header(joined)


@given(st.binary(max_size=100))
def test_base64_has_one_spelling(data: bytes) -> None:
    assert decode_base64(encode_base64(data)) == data


@pytest.mark.parametrize("text", [b"A", b"AA==", b"AB", b"AAB", b"AA=A", b"AA A", b"AA\n", b"====", b"AAA=", b"A-_A"])
def test_other_base64_is_refused(text: bytes) -> None:
    with pytest.raises(CannotOpen):
        decode_base64(text)


@given(st.binary(max_size=64), st.binary(max_size=3000))
def test_the_hmac_is_the_librarys(key: bytes, data: bytes) -> None:
    assert hmac_sha256(key, data) == hmac.digest(key, data, "sha256")


def test_a_key_longer_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        hmac_sha256(bytes(65), b"")
