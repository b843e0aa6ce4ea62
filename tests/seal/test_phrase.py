"""The recovery phrase: the list is the published one, and a mistake is explained."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal import InvalidKey
from mailhost.seal.phrase import MAX_TYPED_LENGTH, _bip39, new_phrase, parse_phrase, phrase_text, phrase_wrap_key

# The 256-bit vectors of BIP-39 (github.com/trezor/python-mnemonic, vectors.json, MIT).
PUBLISHED = [
    ("00" * 32, "abandon " * 23 + "art"),
    (
        "7f" * 32,
        "legal winner thank year wave sausage worth useful " * 2 + "legal winner thank year wave sausage worth title",
    ),
    (
        "80" * 32,
        "letter advice cage absurd amount doctor acoustic avoid " * 2
        + "letter advice cage absurd amount doctor acoustic bless",
    ),
    ("ff" * 32, "zoo " * 23 + "vote"),
]
PHRASE = PUBLISHED[1][1]


@pytest.mark.parametrize(("secret", "phrase"), PUBLISHED)
def test_published_phrases(secret: str, phrase: str) -> None:
    assert phrase_text(bytes.fromhex(secret)) == phrase
    assert parse_phrase(phrase) == bytes.fromhex(secret)


def test_the_word_list_is_the_published_one() -> None:
    # github.com/bitcoin/bips, bip-0039/english.txt
    text = "".join(word + "\n" for word in _bip39().wordlist)
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    )


@given(st.binary(min_size=32, max_size=32))
def test_any_secret_comes_back_however_the_phrase_is_typed(secret: bytes) -> None:
    phrase = phrase_text(secret)
    assert len(phrase.split()) == 24
    assert parse_phrase("\n  ".join(phrase.upper().split()) + "\r\n") == secret


@pytest.mark.parametrize(
    ("phrase", "advice"),
    [
        (PHRASE.replace("winner", "wimner", 1), r"word 2 is not in the list of recovery words; near it are: .*winner"),
        (PHRASE.replace("title", "☃"), r"word 24 is not in the list of recovery words$"),
        (PHRASE.replace(" title", ""), "has 24 words, this one has 23"),
        (PHRASE + " zoo", "has 24 words, this one has 25"),
        ("", "has 24 words, this one has 0"),
        (PHRASE.replace("winner thank", "thank winner", 1), "compare each word and the order"),
        (PHRASE.replace("title", "tiger"), "compare each word and the order"),
        ("x" * (MAX_TYPED_LENGTH + 1), "much longer"),
    ],
)
def test_a_mistake_is_explained(phrase: str, advice: str) -> None:
    with pytest.raises(InvalidKey, match=advice):
        parse_phrase(phrase)


@given(st.text(max_size=200))
def test_rubbish_is_never_anything_but_an_invalid_key(text: str) -> None:
    with pytest.raises(InvalidKey):
        parse_phrase(text)


def test_a_fresh_phrase_is_random_and_its_key_is_its_own() -> None:
    one, other = parse_phrase(new_phrase()), parse_phrase(new_phrase())
    assert one != other
    assert phrase_wrap_key(one) not in {phrase_wrap_key(other), one}


def test_a_secret_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        phrase_text(bytes(16))
