"""Words that open one message: spoken, typed anyhow, and the only way in."""

from __future__ import annotations

import pytest

from mailhost.seal import CannotOpen, InvalidKey, Summary, open_file, seal
from mailhost.seal.link import (
    REFERENCE_SIZE,
    WORDS,
    check_link,
    link_keys,
    link_verifier,
    new_reference,
    new_salt,
    new_token,
    new_words,
    record_identity,
    spelled,
    token_digest,
)
from mailhost.seal.password import Argon2Parameters
from mailhost.seal.phrase import random_words

CHEAP = Argon2Parameters.insecure_for_tests()
SALT = bytes(16)
KEY = b"k" * 32


def test_words_are_seven_random_ones_and_every_word_of_the_list_can_come() -> None:
    assert len(new_words().split()) == WORDS
    assert new_words() != new_words()
    assert random_words(2, lambda size: b"\xff" * size) == ("zoo", "zoo")
    assert random_words(2, bytes) == ("abandon", "abandon")
    assert len({word for _ in range(400) for word in random_words(WORDS)}) > 1200


@pytest.mark.parametrize(
    "typed", ["Zoo, wolf. Able", " zoo-wolf-able ", "zoo\u00a0wolf\nable", "ZOO  wolf\table", "zoo, wolf - able."]
)
def test_how_words_are_typed_makes_no_difference(typed: str) -> None:
    assert spelled(typed) == "zoo wolf able"


def test_other_words_or_another_salt_open_nothing() -> None:
    keys = link_keys("zoo wolf able", SALT, CHEAP)
    sealed = seal(keys.identity.recipient, b"High at noon.", Summary(size=13, internaldate=0))
    file = sealed.header + sealed.payload
    assert open_file([link_keys("Zoo Wolf Able", SALT, CHEAP).identity], file) == b"High at noon."
    for other in (link_keys("zoo wolf", SALT, CHEAP), link_keys("zoo wolf able", b"1" * 16, CHEAP)):
        assert other.auth_key != keys.auth_key
        with pytest.raises(CannotOpen):
            open_file([other.identity], file)
    with pytest.raises(InvalidKey):
        link_keys(" ,. ", SALT, CHEAP)


def test_the_key_that_is_sent_opens_the_record_and_not_the_message() -> None:
    keys = link_keys("zoo wolf able", SALT, CHEAP)
    sealed = seal(keys.identity.recipient, b"High at noon.", Summary(size=13, internaldate=0))
    with pytest.raises(CannotOpen):
        open_file([record_identity(keys.auth_key)], sealed.header + sealed.payload)


def test_the_host_knows_the_key_again_by_a_hash_of_its_own() -> None:
    keys = link_keys("zoo wolf able", SALT, CHEAP)
    verifier = link_verifier(KEY, keys.auth_key)
    check_link(KEY, keys.auth_key, verifier)
    for key, auth_key in ((b"x" * 32, keys.auth_key), (KEY, bytes(32)), (KEY, b"")):
        with pytest.raises(CannotOpen):
            check_link(key, auth_key, verifier)
    with pytest.raises(ValueError, match="32 bytes"):
        link_verifier(b"short", keys.auth_key)


def test_tokens_salts_and_references_are_fresh() -> None:
    assert len(new_token()) == 43
    assert new_token() != new_token()
    assert len(new_salt()) == 16
    assert len(new_reference()) == REFERENCE_SIZE
    assert not set("IO01") & set("".join(new_reference() for _ in range(500)))
    assert len(token_digest(KEY, new_token())) == 16
    assert token_digest(KEY, "a") != token_digest(b"x" * 32, "a")
    assert token_digest(KEY, "\udc80")
