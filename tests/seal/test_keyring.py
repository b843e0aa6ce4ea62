"""The keyring: every way in leads to it, no other does, and nobody puts an old one back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.secret import SecretBox

from mailhost.seal import CannotOpen, open_header, seal
from mailhost.seal.apppassword import app_password_wrap_key, new_app_password, parse_app_password
from mailhost.seal.keyring import (
    MAX_KEYRING_SIZE,
    Keyring,
    OldKeyring,
    new_keyring_key,
    open_keyring,
    seal_keyring,
    unwrap_as_tenant,
    unwrap_keyring_key,
    wrap_for_tenant,
    wrap_keyring_key,
)
from mailhost.seal.password import Argon2Parameters, derive_keys
from mailhost.seal.phrase import new_phrase, parse_phrase, phrase_wrap_key
from tests.seal.people import ADA, BEN, CLEO, SUMMARY

CHEAP = Argon2Parameters.insecure_for_tests()
KEY = bytes(range(32))
KEYRING = Keyring(3, (ADA, BEN), b"\x07" * 32)
BOX = seal_keyring(KEYRING, KEY)


def seeds_of(keyring: Keyring) -> list[bytes]:
    return [identity.seed for identity in keyring.identities]


def test_a_keyring_comes_back_whole() -> None:
    found = open_keyring(KEY, BOX)
    assert (found.version, seeds_of(found), found.signing_seed) == (3, [ADA.seed, BEN.seed], b"\x07" * 32)
    assert found.recipient == ADA.recipient
    assert found.signing_key.verify_key == KEYRING.signing_key.verify_key


def test_another_key_opens_nothing() -> None:
    for key in (KEY[::-1], b"", bytes(31)):
        with pytest.raises(CannotOpen):
            open_keyring(key, BOX)


@given(st.integers(0, len(BOX) * 8 - 1), st.integers(0, len(BOX) - 1))
def test_any_flipped_bit_or_cut_is_found(bit: int, length: int) -> None:
    damaged = bytearray(BOX)
    damaged[bit // 8] ^= 1 << bit % 8
    for box in (bytes(damaged), BOX[:length], BOX + b"\x00"):
        with pytest.raises(CannotOpen):
            open_keyring(KEY, box)


def test_password_phrase_and_app_password_each_lead_to_the_keyring() -> None:
    keyring_key = new_keyring_key()
    box = seal_keyring(KEYRING, keyring_key)
    app_password, phrase = new_app_password(), new_phrase()
    ways = [
        derive_keys("correct horse", bytes(16), CHEAP).wrap_key,
        phrase_wrap_key(parse_phrase(phrase)),
        app_password_wrap_key(parse_app_password(app_password)),
    ]
    wraps = [wrap_keyring_key(way, keyring_key) for way in ways]
    for way, wrap in zip(ways, wraps, strict=True):
        assert open_keyring(unwrap_keyring_key(way, wrap), box).version == 3
        for other in wraps:
            if other != wrap:
                with pytest.raises(CannotOpen):
                    unwrap_keyring_key(way, other)
    with pytest.raises(CannotOpen):
        unwrap_keyring_key(derive_keys("correct hors", bytes(16), CHEAP).wrap_key, wraps[0])


def test_the_auth_key_that_the_server_sees_unwraps_nothing() -> None:
    keys = derive_keys("correct horse", bytes(16), CHEAP)
    wrap = wrap_keyring_key(keys.wrap_key, KEY)
    with pytest.raises(CannotOpen):
        unwrap_keyring_key(keys.auth_key, wrap)


def test_the_tenants_recovery_key_leads_to_the_keyring_and_no_other_key_does() -> None:
    wrap = wrap_for_tenant(CLEO.recipient, KEY)
    assert unwrap_as_tenant(CLEO, wrap) == KEY
    with pytest.raises(CannotOpen):
        unwrap_as_tenant(BEN, wrap)


def test_two_wraps_of_one_key_differ() -> None:
    assert wrap_keyring_key(bytes(32), KEY) != wrap_keyring_key(bytes(32), KEY)
    assert seal_keyring(KEYRING, KEY) != BOX


def test_rotation_adds_an_identity_and_leaves_every_wrap_as_it_is() -> None:
    rotated = KEYRING.rotated()
    assert rotated.version == 4
    assert seeds_of(rotated)[1:] == [ADA.seed, BEN.seed]
    assert rotated.signing_seed == KEYRING.signing_seed
    wrap = wrap_keyring_key(bytes(32), KEY)
    found = open_keyring(unwrap_keyring_key(bytes(32), wrap), seal_keyring(rotated, KEY), seen_version=4)
    old = seal(ADA.recipient, b"before", SUMMARY)
    new = seal(found.recipient, b"after", SUMMARY)
    assert open_header(found.identities, old.header).summary == open_header(found.identities, new.header).summary
    with pytest.raises(CannotOpen):
        open_header(KEYRING.identities, new.header)


def test_after_a_compromise_the_old_keyring_key_and_signature_are_worth_nothing() -> None:
    fresh, fresh_key = KEYRING.after_compromise(), new_keyring_key()
    assert fresh.version == 4
    assert fresh.signing_seed != KEYRING.signing_seed
    assert fresh.recipient != KEYRING.recipient
    with pytest.raises(CannotOpen):
        open_keyring(KEY, seal_keyring(fresh, fresh_key))


def test_an_older_keyring_than_one_seen_is_refused_by_name() -> None:
    assert open_keyring(KEY, BOX, seen_version=3).version == 3
    with pytest.raises(OldKeyring, match=r"version 3 .* version 4 was seen"):
        open_keyring(KEY, BOX, seen_version=4)


def test_a_new_keyring_is_random_unless_the_caller_says_otherwise() -> None:
    keyring = Keyring.generate()
    assert keyring.version == 1
    assert seeds_of(keyring) != seeds_of(Keyring.generate())
    assert Keyring.generate(lambda size: b"\x05" * size).signing_seed == b"\x05" * 32


def boxed(plaintext: bytes, version: bytes = b"\x01") -> bytes:
    return version + bytes(SecretBox(KEY).encrypt(plaintext))


GOOD = {"version": 1, "identities": [ADA.secret_text], "signing_key": "07" * 32}


@pytest.mark.parametrize(
    "fields",
    [
        GOOD | {"version": 0},
        GOOD | {"version": True},
        GOOD | {"version": "1"},
        GOOD | {"identities": []},
        GOOD | {"identities": 5},
        GOOD | {"identities": [5]},
        GOOD | {"identities": ["AGE-SECRET-KEY-PQ-1"]},
        GOOD | {"signing_key": "07" * 31},
        GOOD | {"signing_key": 7},
        {},
        [],
        "x",
    ],
)
def test_a_keyring_of_the_wrong_shape_is_refused(fields: object) -> None:
    assert open_keyring(KEY, boxed(json.dumps(GOOD).encode())).version == 1
    with pytest.raises(CannotOpen):
        open_keyring(KEY, boxed(json.dumps(fields).encode()))


@pytest.mark.parametrize(
    "box",
    [
        b"",
        b"\x01",
        boxed(b""),
        boxed(b"["),
        boxed(b"\xff"),
        boxed(b"[" * 100_000),
        boxed(json.dumps(GOOD).encode(), version=b"\x02"),
        boxed(json.dumps(GOOD).encode().ljust(MAX_KEYRING_SIZE)),
    ],
    # Boxes are random, and workers that share the tests must agree on their names.
    ids=["nothing", "version", "empty", "cut", "not-text", "deep", "other-version", "too-large"],
)
def test_a_box_of_the_wrong_shape_is_refused(box: bytes) -> None:
    with pytest.raises(CannotOpen):
        open_keyring(KEY, box)


def test_a_keyring_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        wrap_keyring_key(bytes(32), bytes(31))
    with pytest.raises(ValueError, match="32 bytes"):
        wrap_for_tenant(CLEO.recipient, bytes(33))
    with pytest.raises(CannotOpen):
        unwrap_keyring_key(KEY, boxed(bytes(31)))


def test_secrets_do_not_show_themselves() -> None:
    shown = repr(KEYRING) + str(KEYRING)
    assert ADA.secret_text not in shown
    assert repr(KEYRING.signing_seed) not in shown
