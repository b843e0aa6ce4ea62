"""The account password: slow enough, the same everywhere, and no server can talk a client into less."""

import unicodedata

import pytest

from mailhost.seal import CannotOpen, InvalidKey
from mailhost.seal.password import (
    CEILING_MEMORY_KIB,
    CEILING_PASSES,
    FLOOR_MEMORY_KIB,
    FLOOR_PASSES,
    MAX_PASSWORD_LENGTH,
    Argon2Parameters,
    WeakParameters,
    auth_verifier,
    check_auth_key,
    derive_keys,
    fake_salt,
    normalize_password,
)

CHEAP = Argon2Parameters.insecure_for_tests()
SALT = bytes(range(16))
SERVER_KEY = bytes(range(32))


def test_the_default_is_64_mebibytes_and_three_passes() -> None:
    assert Argon2Parameters().text == "argon2id,m=65536,t=3,p=1"
    assert Argon2Parameters.from_text("argon2id,m=65536,t=3,p=1") == Argon2Parameters()


@pytest.mark.parametrize(
    "text",
    [
        f"argon2id,m={FLOOR_MEMORY_KIB - 1},t={FLOOR_PASSES},p=1",
        f"argon2id,m={FLOOR_MEMORY_KIB},t={FLOOR_PASSES - 1},p=1",
        CHEAP.text,
    ],
)
def test_a_client_refuses_a_server_that_makes_guessing_cheap(text: str) -> None:
    with pytest.raises(WeakParameters, match="Do not type the password here"):
        Argon2Parameters.from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        f"argon2id,m={CEILING_MEMORY_KIB + 1},t={FLOOR_PASSES},p=1",
        f"argon2id,m={FLOOR_MEMORY_KIB},t={CEILING_PASSES + 1},p=1",
    ],
)
def test_a_client_refuses_a_server_that_would_freeze_it(text: str) -> None:
    with pytest.raises(WeakParameters, match="freeze"):
        Argon2Parameters.from_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "argon2i,m=65536,t=3,p=1",
        "argon2id,m=65536,t=3,p=2",
        "argon2id,m=065536,t=3,p=1",
        "argon2id,m=٦٥٥٣٦,t=3,p=1",
        "argon2id,m=65536,t=3,p=1\n",
        "argon2id,m=-65536,t=3,p=1",
    ],
)
def test_other_parameters_are_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match="not of the form"):
        Argon2Parameters.from_text(text)


def test_parameters_below_the_floor_exist_only_by_the_name_that_says_so() -> None:
    with pytest.raises(WeakParameters):
        Argon2Parameters(8, 1)
    assert Argon2Parameters.insecure_for_tests(8, 1).text == "argon2id,m=8,t=1,p=1"


def test_one_password_gives_two_unrelated_keys() -> None:
    keys = derive_keys("correct horse", SALT, CHEAP)
    assert keys.auth_key != keys.wrap_key
    assert len(keys.auth_key) == len(keys.wrap_key) == 32
    assert repr(keys.wrap_key) not in repr(keys)


@pytest.mark.parametrize(
    ("password", "salt", "parameters"),
    [
        ("correct hors", SALT, CHEAP),
        ("Correct horse", SALT, CHEAP),
        ("correct horse", SALT[::-1], CHEAP),
        ("correct horse", SALT, Argon2Parameters.insecure_for_tests(16, 1)),
        ("correct horse", SALT, Argon2Parameters.insecure_for_tests(8, 2)),
    ],
)
def test_any_other_input_gives_other_keys(password: str, salt: bytes, parameters: Argon2Parameters) -> None:
    found, expected = derive_keys(password, salt, parameters), derive_keys("correct horse", SALT, CHEAP)
    assert found.auth_key != expected.auth_key
    assert found.wrap_key != expected.wrap_key


def test_two_keyboards_that_type_the_same_text_agree() -> None:
    typed = "caf\N{LATIN SMALL LETTER E WITH ACUTE} au\N{NO-BREAK SPACE}lait"
    assert normalize_password(typed) == normalize_password(unicodedata.normalize("NFD", typed))
    assert normalize_password(typed) == "café au lait".encode()
    assert normalize_password("ﬁ") == "ﬁ".encode()  # compatibility forms are kept: RFC 8265 §4.2 uses NFC


@pytest.mark.parametrize("password", ["", "x" * (MAX_PASSWORD_LENGTH + 1), "\ud800"])
def test_an_impossible_password_is_refused_with_advice(password: str) -> None:
    with pytest.raises(InvalidKey, match="password"):
        derive_keys(password, SALT, CHEAP)


def test_a_salt_has_sixteen_bytes() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        derive_keys("x", bytes(15), CHEAP)


def test_the_server_knows_the_auth_key_again_but_does_not_store_it() -> None:
    auth_key = derive_keys("correct horse", SALT, CHEAP).auth_key
    verifier = auth_verifier(SERVER_KEY, auth_key)
    check_auth_key(SERVER_KEY, auth_key, verifier)
    assert auth_key not in verifier
    for key, attempt in ((SERVER_KEY, bytes(32)), (SERVER_KEY[::-1], auth_key)):
        with pytest.raises(CannotOpen):
            check_auth_key(key, attempt, verifier)


def test_an_unknown_account_has_always_the_same_salt_and_nobody_elses() -> None:
    salts = {fake_salt(SERVER_KEY, name) for name in ("a@example.is", "b@example.is", "ö@example.is")}
    assert fake_salt(SERVER_KEY, "a@example.is") in salts
    assert len(salts) == 3
    assert {len(salt) for salt in salts} == {16}
    assert fake_salt(SERVER_KEY[::-1], "a@example.is") not in salts


def test_a_short_server_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        fake_salt(b"", "a@example.is")
