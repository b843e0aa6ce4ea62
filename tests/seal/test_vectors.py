"""The published vectors (tests/vectors/sealed) against this code; tests/js/vectors.mjs reads them with other libraries."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from mailhost.seal import (
    CannotOpen,
    HybridIdentity,
    HybridRecipient,
    decrypt,
    open_file,
    open_header,
    open_payload,
    split,
)
from mailhost.seal.apppassword import (
    app_password_hash,
    app_password_text,
    app_password_wrap_key,
    parse_app_password,
)
from mailhost.seal.keyring import open_keyring, unwrap_as_tenant, unwrap_keyring_key
from mailhost.seal.link import link_keys, link_verifier, record_identity, token_digest
from mailhost.seal.password import Argon2Parameters, auth_verifier, derive_keys, fake_salt
from mailhost.seal.phrase import parse_phrase, phrase_text, phrase_wrap_key
from mailhost.seal.segment import SegmentPlace, open_segment
from mailhost.seal.summary import encode_summary

FOLDER = Path(__file__).parent.parent / "vectors" / "sealed"

type Vector = dict[str, Any]


def vectors(name: str) -> list[Vector]:
    found: list[Vector] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["vectors"]
    return found


def hexed(vector: Vector, *names: str) -> list[bytes]:
    return [bytes.fromhex(vector[name]) for name in names]


@pytest.mark.parametrize("vector", vectors("keys"), ids=lambda vector: vector["name"])
def test_keys(vector: Vector) -> None:
    identity = HybridIdentity(bytes.fromhex(vector["seed"]))
    assert identity.secret_text == vector["identity"]
    assert identity.recipient.text == vector["recipient"]
    assert HybridRecipient.from_text(vector["recipient"]) == identity.recipient


@pytest.mark.parametrize("vector", vectors("messages"), ids=lambda vector: vector["name"])
def test_messages(vector: Vector) -> None:
    identities = [HybridIdentity.from_text(text) for text in vector["identities"]]
    header, payload = base64.b64decode(vector["header"]), base64.b64decode(vector["payload"])
    opened = open_header(identities, header)
    assert opened.file_key.hex() == vector["file_key"]
    assert json.loads(encode_summary(opened.summary)) == vector["summary"]
    message = open_payload(opened, payload, vector["message_size"])
    assert hashlib.sha256(message).hexdigest() == vector["message_sha256"]
    assert open_file(identities, header + payload) == message
    if vector["message"] is not None:
        assert message == base64.b64decode(vector["message"])


@pytest.mark.parametrize("vector", vectors("refused"), ids=lambda vector: vector["name"])
def test_refused(vector: Vector) -> None:
    identity, file = HybridIdentity.from_text(vector["identity"]), base64.b64decode(vector["file"])
    if vector["layer"] == "summary":
        open_file([identity], file, vector["max_size"])
        with pytest.raises(CannotOpen):
            open_header([identity], split(file).header)
        return
    with pytest.raises(CannotOpen):
        open_file([identity], file, vector["max_size"])
    if vector["layer"] == "body":
        decrypt([identity], file)


@pytest.mark.parametrize("vector", vectors("passwords"), ids=lambda vector: vector["parameters"])
def test_passwords(vector: Vector) -> None:
    _, memory, passes, _ = vector["parameters"].split(",")
    parameters = Argon2Parameters.insecure_for_tests(int(memory[2:]), int(passes[2:]))
    salt, server_key = hexed(vector, "salt", "server_key")
    keys = derive_keys(vector["password"], salt, parameters)
    assert [keys.auth_key, keys.wrap_key] == hexed(vector, "auth_key", "wrap_key")
    assert auth_verifier(server_key, keys.auth_key).hex() == vector["auth_verifier"]
    assert fake_salt(server_key, "ada@example.is").hex() == vector["fake_salt_of_ada_example_is"]


def test_one_of_the_password_vectors_has_the_default_cost() -> None:
    assert Argon2Parameters().text in [vector["parameters"] for vector in vectors("passwords")]


@pytest.mark.parametrize("vector", vectors("phrases"), ids=lambda vector: vector["secret"][:8])
def test_phrases(vector: Vector) -> None:
    secret, wrap_key = hexed(vector, "secret", "wrap_key")
    assert phrase_text(secret) == vector["phrase"]
    assert parse_phrase(vector["phrase"]) == secret
    assert phrase_wrap_key(secret) == wrap_key


@pytest.mark.parametrize("vector", vectors("app-passwords"), ids=lambda vector: vector["secret"][:8])
def test_app_passwords(vector: Vector) -> None:
    secret, wrap_key, server_key, expected = hexed(vector, "secret", "wrap_key", "server_key", "hash")
    assert app_password_text(secret) == vector["app_password"]
    assert parse_app_password(vector["app_password"]) == secret
    assert app_password_wrap_key(secret) == wrap_key
    assert app_password_hash(server_key, secret) == expected


@pytest.mark.parametrize("vector", vectors("keyrings"), ids=["keyring"])
def test_keyrings(vector: Vector) -> None:
    keyring_key, wrap_key = hexed(vector, "keyring_key", "wrap_key")
    assert unwrap_keyring_key(wrap_key, base64.b64decode(vector["wrap"])) == keyring_key
    tenant = HybridIdentity.from_text(vector["tenant_identity"])
    assert unwrap_as_tenant(tenant, base64.b64decode(vector["tenant_wrap"])) == keyring_key
    keyring = open_keyring(keyring_key, base64.b64decode(vector["box"]))
    assert keyring.version == vector["version"]
    assert [identity.secret_text for identity in keyring.identities] == vector["identities"]
    assert keyring.signing_seed.hex() == vector["signing_seed"]
    assert keyring.signing_key.verify_key.encode().hex() == vector["verify_key"]


@pytest.mark.parametrize("vector", vectors("records"), ids=["record"])
def test_records(vector: Vector) -> None:
    identity = HybridIdentity.from_text(vector["identity"])
    assert decrypt([identity], base64.b64decode(vector["file"])) == base64.b64decode(vector["plaintext"])


@pytest.mark.parametrize("vector", vectors("segments"), ids=["segment"])
def test_segments(vector: Vector) -> None:
    place = SegmentPlace(vector["folder"], vector["uidvalidity"], vector["number"])
    entries = open_segment(HybridIdentity.from_text(vector["identity"]), place, base64.b64decode(vector["box"]))
    texts = [
        {name: value.encode() if isinstance(value, str) else value for name, value in each.items()}
        for each in vector["entries"]
    ]
    assert [entry._asdict() for entry in entries] == [
        {**each, "file_key": bytes.fromhex(each["file_key"].decode())} for each in texts
    ]


@pytest.mark.parametrize("vector", vectors("links"), ids=lambda vector: vector["parameters"])
@pytest.mark.slow
def test_links(vector: Vector) -> None:
    _, memory, passes, _ = vector["parameters"].split(",")
    parameters = Argon2Parameters.insecure_for_tests(int(memory[2:]), int(passes[2:]))
    salt, server_key = hexed(vector, "salt", "server_key")
    for words in (vector["words"], vector["typed"]):
        keys = link_keys(words, salt, parameters)
        assert keys.auth_key.hex() == vector["auth_key"]
        assert keys.identity.secret_text == vector["identity"]
    assert token_digest(server_key, vector["token"]).hex() == vector["token_digest"]
    assert link_verifier(server_key, keys.auth_key).hex() == vector["verifier"]
    assert open_file([keys.identity], base64.b64decode(vector["file"])) == base64.b64decode(vector["message"])
    record = record_identity(keys.auth_key)
    assert record.secret_text == vector["record_identity"]
    assert decrypt([record], base64.b64decode(vector["record"])) == base64.b64decode(vector["record_plaintext"])
