"""Bech32: published strings, round trips, and every way a copied key goes wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal.bech32 import ALPHABET, MAX_LENGTH, decode, encode
from mailhost.seal.errors import InvalidKey

# BIP 173, "Test vectors", the valid strings whose data are whole bytes or nothing.
VALID = ["A12UEL5L", "a12uel5l", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"]
# BIP 173, "Test vectors", the invalid strings (but not those that are only too long for an address).
INVALID = ["\x201nwldj5", "\x7f1axkwrx", "\x801eym55h", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3"]
INVALID += ["de1lg7wt\xff", "A1G7SGD8", "10a06t8", "1qzzfhee"]
# C2SP age.md, "The X25519 recipient type".
AGE_SECRET = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"


@pytest.mark.parametrize("text", VALID)
def test_published_strings_are_read(text: str) -> None:
    prefix, data = decode(text)
    assert encode(prefix, data) == text.lower()


@pytest.mark.parametrize("text", INVALID)
def test_published_mistakes_are_refused(text: str) -> None:
    with pytest.raises(InvalidKey):
        decode(text)


def test_an_age_secret_key_of_the_specification_is_read_and_written() -> None:
    assert decode(AGE_SECRET) == ("AGE-SECRET-KEY-", b"\x42" * 32)
    assert encode("AGE-SECRET-KEY-", b"\x42" * 32).upper() == AGE_SECRET


@given(st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20), st.binary(max_size=1300))
def test_any_bytes_round_trip_in_either_case(prefix: str, data: bytes) -> None:
    text = encode(prefix, data)
    assert decode(text) == (prefix, data)
    assert decode(text.upper()) == (prefix.upper(), data)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_one_to_four_wrong_characters_are_always_found(data: bytes, draw: st.DataObject) -> None:
    text = list(encode("age", data))
    places = draw.draw(st.sets(st.integers(4, len(text) - 1), min_size=1, max_size=4))
    for place in places:
        text[place] = draw.draw(st.sampled_from([letter for letter in ALPHABET if letter != text[place]]))
    with pytest.raises(InvalidKey):
        decode("".join(text))


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (AGE_SECRET + "\n", "without spaces or line breaks"),
        (AGE_SECRET[:-1] + "x", "mixes them"),
        (AGE_SECRET[:20] + "B" + AGE_SECRET[21:], "character 21 cannot occur"),
        (AGE_SECRET[:-1], "checksum does not match"),
        ("", "lacks its prefix"),
        ("q" * (MAX_LENGTH + 1), f"at most {MAX_LENGTH} characters"),
    ],
)
def test_the_error_says_what_to_do_and_never_repeats_the_key(text: str, advice: str) -> None:
    with pytest.raises(InvalidKey, match=advice) as caught:
        decode(text)
    assert "GFPYYSJZ" not in str(caught.value)


def test_padding_bits_that_are_not_zero_are_refused() -> None:
    # One byte takes two characters of five bits; the last two bits belong to nothing.
    good = encode("age", b"\x00")
    assert decode(good) == ("age", b"\x00")
    from mailhost.seal import bech32

    fives = bytes([0, 1])
    rest = bech32._polymod(bech32._expand_prefix("age") + fives + bytes(6), 1) ^ 1
    fives += bytes([rest >> 5 * (5 - place) & 31 for place in range(6)])
    with pytest.raises(InvalidKey, match="stray bits"):
        decode("age1" + "".join(ALPHABET[five] for five in fives))
