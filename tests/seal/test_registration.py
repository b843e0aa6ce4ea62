"""Forms of keys are taken whole or refused: what a client of ours sends, and what a stranger may send instead."""

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.seal.keyring import open_keyring, unwrap_as_tenant, unwrap_keyring_key
from mailhost.seal.password import WeakParameters
from mailhost.seal.phrase import parse_phrase, phrase_wrap_key
from mailhost.seal.registration import (
    MAX_FORM_SIZE,
    BadRegistration,
    parse_app_password_form,
    parse_password,
    parse_recovery,
    parse_registration,
    parse_rotation,
)
from tests.seal.owners import make, text64
from tests.seal.people import ADA

ADDRESS = "ada@example.is"
MADE = make(ADDRESS, tenant=ADA.recipient)


def changed(*path: str, to: object) -> str:
    form = copy.deepcopy(MADE.form)
    part: dict[str, Any] = form
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = to
    return json.dumps(form)


def test_a_registration_is_read_whole() -> None:
    found = parse_registration(MADE.text, ADDRESS)
    assert found.recipient == MADE.keyring.recipient
    assert found.signing_key == MADE.keyring.signing_key.verify_key
    assert found.password.auth_key == MADE.auth_key
    key = unwrap_keyring_key(phrase_wrap_key(parse_phrase(MADE.phrase)), found.recovery_wrap)
    assert open_keyring(key, found.keyring).identities[0].secret_text == MADE.keyring.identities[0].secret_text
    assert found.tenant_wrap is not None
    assert unwrap_as_tenant(ADA, found.tenant_wrap) == key
    assert found.keyring_version == 1


def test_keys_made_for_one_address_are_refused_for_another() -> None:
    with pytest.raises(BadRegistration, match="another address"):
        parse_registration(MADE.text, "ben@example.is")
    with pytest.raises(BadRegistration, match="proof"):
        parse_registration(changed("address", to="ben@example.is"), "ben@example.is")


def test_somebody_elses_public_key_is_refused() -> None:
    with pytest.raises(BadRegistration, match="proof"):
        parse_registration(changed("recipient", to=ADA.recipient.text), ADDRESS)


def test_a_cheap_password_is_refused() -> None:
    with pytest.raises(WeakParameters):
        parse_registration(changed("password", "parameters", to="argon2id,m=8,t=1,p=1"), ADDRESS)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("recipient",), "age1qqqq", "public key"),
        (("recipient",), 7, "public key"),
        (("signing_key",), text64(bytes(31)), "proof"),
        (("proof",), text64(bytes(64)), "proof"),
        (("proof",), None, "proof"),
        (("keyring",), text64(b"\x02" + bytes(100)), "box of version 1"),
        (("keyring",), text64(b"\x01" + bytes(140_000)), "more than"),
        (("keyring",), "?", "base64"),
        (("keyring_version",), 0, "whole number"),
        (("keyring_version",), True, "whole number"),
        (("keyring_version",), 2**31, "whole number"),
        (("password",), None, "JSON object"),
        (("password", "wrap"), text64(b"\x01" + bytes(73)), "right length"),
        (("password", "salt"), text64(bytes(15)), "right length"),
        (("password", "auth_key"), text64(bytes(33)), "right length"),
        (("password", "parameters"), "scrypt", "of the form"),
        (("password", "parameters"), 3, "of the form"),
        (("recovery",), [], "JSON object"),
        (("recovery", "wrap"), text64(b"\x00" + bytes(72)), "box of version 1"),
        (("tenant", "wrap"), text64(b"age-encryption.org/v1\n" + bytes(5000)), "age file"),
        (("tenant", "wrap"), text64(b"something else"), "age file"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_a_part_of_the_wrong_shape_is_named(path: tuple[str, ...], value: object, reason: str) -> None:
    with pytest.raises(BadRegistration, match=reason):
        parse_registration(changed(*path, to=value), ADDRESS)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "7", "[" * 100_000, '"' + "x" * MAX_FORM_SIZE + '"'])
def test_what_is_no_object_is_refused(text: str) -> None:
    for parse in (parse_password, parse_recovery, parse_rotation, parse_app_password_form):
        with pytest.raises(BadRegistration):
            parse(text)
    with pytest.raises(BadRegistration):
        parse_registration(text, ADDRESS)


# Anything JSON can say, in the places where a form has its parts.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(MADE.form)), inner, max_size=4),
    max_leaves=8,
)


@given(name=st.sampled_from(sorted(MADE.form)), value=JSON)
@pytest.mark.slow
def test_no_json_gets_past_with_another_error(name: str, value: object) -> None:
    text = json.dumps(MADE.form | {name: value})
    try:
        parse_registration(text, ADDRESS)
    except (BadRegistration, WeakParameters):
        return
    # The tenant's wrap is the one part that may be left out; of versions any is as good as another.
    fine = (name == "tenant" and value is None) or (name == "keyring_version" and type(value) is int and value >= 1)
    assert fine or value == MADE.form[name]


def test_an_app_password_has_a_wrap_with_session_access_only() -> None:
    secret, wrap = text64(bytes(16)), text64(b"\x01" + bytes(72))
    assert parse_app_password_form(json.dumps({"secret": secret, "access": "sealed", "wrap": None})).wrap is None
    session = parse_app_password_form(json.dumps({"secret": secret, "access": "session", "wrap": wrap}))
    assert session.wrap == base64.b64decode(wrap)
    for fields in (
        {"secret": secret, "access": "sealed", "wrap": wrap},
        {"secret": secret, "access": "session", "wrap": None},
        {"secret": secret, "access": "root", "wrap": wrap},
        {"secret": text64(bytes(15)), "access": "sealed", "wrap": None},
    ):
        with pytest.raises(BadRegistration):
            parse_app_password_form(json.dumps(fields))


def test_a_rotation_needs_a_signature_of_the_right_length() -> None:
    fields = {"recipient": ADA.recipient.text, "keyring": text64(b"\x01" + bytes(99)), "keyring_version": 2}
    assert parse_rotation(json.dumps(fields | {"signature": "00" * 64})).recipient == ADA.recipient
    with pytest.raises(BadRegistration, match="signature"):
        parse_rotation(json.dumps(fields | {"signature": "00"}))
