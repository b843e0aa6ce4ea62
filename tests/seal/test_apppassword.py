"""App passwords: one spelling, any typing, and a hash that helps no thief."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal import InvalidKey
from mailhost.seal.apppassword import (
    MAX_TYPED_LENGTH,
    app_password_hash,
    app_password_text,
    app_password_wrap_key,
    new_app_password,
    parse_app_password,
)

SERVER_KEY = bytes(range(32))
SECRETS = st.binary(min_size=16, max_size=16)


@given(SECRETS)
def test_any_secret_comes_back_however_it_is_typed(secret: bytes) -> None:
    text = app_password_text(secret)
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz234567-")
    assert [len(group) for group in text.split("-")] == [5, 5, 5, 5, 6]
    for typed in (text, text.upper(), text.replace("-", ""), text.replace("-", " "), f" {text} "):
        assert parse_app_password(typed) == secret


def test_a_fresh_one_is_random() -> None:
    assert new_app_password() != new_app_password()
    assert new_app_password(bytes) == "aaaaa-aaaaa-aaaaa-aaaaa-aaaaaa"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "this one has 0"),
        ("aaaaa-aaaaa-aaaaa-aaaaa-aaaaa", "this one has 25"),
        ("aaaaa-aaaaa-aaaaa-aaaaa-aaaaa1", "digits 2 to 7"),
        ("aaaaa-aaaaa-aaaaa-aaaaa-aaaaaß", "digits 2 to 7"),
        ("aaaaa-aaaaa-aaaaa-aaaaa-aaaaab", "last character is impossible"),
        ("-" * (MAX_TYPED_LENGTH + 1), "this text is longer"),
    ],
)
def test_a_text_that_is_none_is_named(text: str, advice: str) -> None:
    with pytest.raises(InvalidKey, match=advice):
        parse_app_password(text)


@given(SECRETS, SECRETS)
def test_hash_and_wrap_key_tell_secrets_apart_and_differ_from_each_other(one: bytes, other: bytes) -> None:
    hashes = {app_password_hash(SERVER_KEY, secret) for secret in (one, other)}
    wraps = {app_password_wrap_key(secret) for secret in (one, other)}
    assert len(hashes) == len(wraps) == len({one, other})
    assert not hashes & wraps


def test_the_hash_depends_on_the_servers_key() -> None:
    assert app_password_hash(SERVER_KEY, bytes(16)) != app_password_hash(SERVER_KEY[::-1], bytes(16))
    with pytest.raises(ValueError, match="32 bytes"):
        app_password_hash(b"short", bytes(16))


def test_a_secret_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        app_password_text(bytes(15))
