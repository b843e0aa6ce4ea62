"""Sealed files go out to other people's programs and come back from them.

The counterparts: the JavaScript library `age-encryption` under Node (tests/js, `npm ci`), which speaks
post-quantum recipients, and Debian's `age` and `zstd`, which speak the classic ones. A missing counterpart
skips the journey, but is an error under CI=true.
"""

import base64
import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mailhost.seal import (
    CannotOpen,
    HybridIdentity,
    HybridRecipient,
    X25519Identity,
    bech32,
    decrypt,
    open_header,
    open_payload,
    seal,
    split,
)
from mailhost.seal.header import Stanza, encode_base64, encode_header, hkdf
from mailhost.seal.keyring import unwrap_keyring_key, wrap_keyring_key
from mailhost.seal.padding import body_pieces
from mailhost.seal.password import Argon2Parameters, derive_keys
from mailhost.seal.sealed import _seal_summary
from mailhost.seal.stream import encrypt_payload
from mailhost.seal.summary import encode_summary
from tests.seal.people import ADA, SUMMARY

pytestmark = pytest.mark.journey

SCRIPTS = Path(__file__).parent.parent / "js"
VECTORS = Path(__file__).parent.parent / "vectors" / "sealed"
LETTER = b"From: ben@demo.test\r\n\r\nDear Ada,\r\n" * 100
MESSAGES = [b"", b"x", LETTER, random.Random(1).randbytes(200_000)]


def missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI=true allows no skipping")
    pytest.skip(what)


def need_program(name: str) -> None:
    if shutil.which(name) is None:
        missing(f"the program {name} is not installed")


def node(script: str, *arguments: str, stdin: str = "") -> str:
    need_program("node")
    if not (SCRIPTS / "node_modules" / "age-encryption").exists():
        missing("tests/js has no node_modules; run `npm ci` there")
    command = ["node", str(SCRIPTS / script), *arguments]
    run = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def exchange(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = json.loads(node("exchange.mjs", stdin=json.dumps(tasks)))
    return answers


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def run(*command: str | Path, stdin: bytes = b"") -> bytes:
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=True).stdout


def test_other_libraries_agree_with_the_published_vectors() -> None:
    checked = json.loads(node("vectors.mjs", str(VECTORS)))
    for path in VECTORS.glob("*.json"):
        assert checked[path.stem] == len(json.loads(path.read_text(encoding="utf-8"))["vectors"])


def test_the_checker_in_javascript_can_disagree(tmp_path: Path) -> None:
    shutil.copytree(VECTORS, tmp_path / "sealed")
    path = tmp_path / "sealed" / "messages.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"message_size": 0', '"message_size": 1'), encoding="utf-8"
    )
    with pytest.raises(AssertionError):
        node("vectors.mjs", str(tmp_path / "sealed"))


def test_what_python_seals_javascript_opens() -> None:
    files = [seal(ADA.recipient, message, SUMMARY) for message in MESSAGES]
    answers = exchange(
        *[{"do": "open", "identity": ADA.secret_text, "file": text64(file.header + file.payload)} for file in files]
    )
    for message, answer in zip(MESSAGES, answers, strict=True):
        assert base64.b64decode(answer["message"]) == message
        assert answer["summary"] == json.loads(encode_summary(SUMMARY))


def test_what_javascript_seals_python_opens() -> None:
    [made] = exchange({"do": "identity"})
    identity = HybridIdentity.from_text(made["identity"])
    assert identity.recipient == HybridRecipient.from_text(made["recipient"])
    summary = json.loads(encode_summary(SUMMARY))
    bodies = [b"".join(bytes(piece) for piece in body_pieces([message])) for message in MESSAGES]
    answers = exchange(
        *[{"do": "seal", "recipient": made["recipient"], "body": text64(body), "summary": summary} for body in bodies]
    )
    for message, answer in zip(MESSAGES, answers, strict=True):
        sealed = split(base64.b64decode(answer["file"]))
        opened = open_header([identity], sealed.header)
        assert opened.summary == SUMMARY
        assert open_payload(opened, sealed.payload) == message


def test_a_keyring_key_wrapped_in_the_browser_unwraps_here() -> None:
    parameters, salt, key = Argon2Parameters(), bytes(range(16)), bytes(range(32))
    password = "pa\u00dfwort\u00a0e\u0301"
    task = {"do": "wrap", "password": password, "salt": text64(salt), "parameters": parameters.text, "key": text64(key)}
    [answer] = exchange(task)
    keys = derive_keys(password, salt, parameters)
    assert base64.b64decode(answer["authKey"]) == keys.auth_key
    assert unwrap_keyring_key(keys.wrap_key, base64.b64decode(answer["wrap"])) == key
    assert wrap_keyring_key(keys.wrap_key, key) != base64.b64decode(answer["wrap"])


def classic_key(tmp_path: Path) -> tuple[str, str, Path]:
    """Secret key, public key and key file made by `age-keygen`."""
    need_program("age")
    need_program("age-keygen")
    path = tmp_path / "key.txt"
    run("age-keygen", "-o", path)
    lines = path.read_text().splitlines()
    return lines[2], lines[1].removeprefix("# public key: "), path


def test_a_classic_file_of_the_age_program_is_imported(tmp_path: Path) -> None:
    secret, public, _ = classic_key(tmp_path)
    identity = X25519Identity.from_text(secret)
    for message in MESSAGES:
        file = run("age", "-r", public, stdin=message)
        assert decrypt([ADA, identity], file) == message
        with pytest.raises(CannotOpen):
            decrypt([ADA], file)


class ClassicRecipient:
    """C2SP age.md, "X25519 recipient stanza"; only here, since the product never seals to a classic key."""

    def __init__(self, text: str) -> None:
        self.raw = bech32.decode(text)[1]

    def wrap(self, file_key: bytes) -> Stanza:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(self.raw))
        key = hkdf(shared, share + self.raw, b"age-encryption.org/v1/X25519")
        body = ChaCha20Poly1305(key).encrypt(bytes(12), file_key, None)
        return Stanza(("X25519", encode_base64(share).decode()), body)


def test_age_and_zstd_open_our_layout_summary_and_padding_included(tmp_path: Path) -> None:
    # Debian's age knows no post-quantum recipient yet, so the same layout is sealed to a classic one.
    need_program("zstd")
    _, public, key_file = classic_key(tmp_path)
    for message in MESSAGES:
        file_key = os.urandom(16)
        stanzas = [ClassicRecipient(public).wrap(file_key), _seal_summary(file_key, os.urandom(16), SUMMARY)]
        payload = encrypt_payload(file_key, os.urandom(16), body_pieces([message]))
        body = run("age", "-d", "-i", key_file, stdin=encode_header(stanzas, file_key) + payload)
        assert run("zstd", "-d", stdin=body) == message
