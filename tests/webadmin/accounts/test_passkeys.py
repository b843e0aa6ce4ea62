"""A passkey answers the challenge that waits, once; an answer to none proves nothing. With an authenticator in Python."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.test import Client
from webauthn.helpers import encode_cbor

from tests.webadmin import people
from webadmin.accounts.models import Account

pytestmark = pytest.mark.django_db
NAME = b"a laptop's"
PRESENT, VERIFIED = 1, 4  # WebAuthn level 3 §6.1, flags of the authenticator's data


class Laptop:
    """One passkey of this host's name, its counter at zero for ever as phones have it."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> bytes:
        """The key as COSE has it."""
        point = self._key.public_key().public_numbers()
        return encode_cbor({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})

    def answer(self, challenge: str) -> str:
        """What a browser sends as an answer to a challenge in base64url."""
        asked = {"type": "webauthn.get", "challenge": challenge, "origin": settings.ENVIRON.web_address}
        about = json.dumps(asked).encode()
        host = urlsplit(settings.ENVIRON.web_address).hostname or ""
        own = hashlib.sha256(host.encode()).digest() + bytes([PRESENT | VERIFIED]) + bytes(4)
        signed = self._key.sign(own + hashlib.sha256(about).digest(), ec.ECDSA(hashes.SHA256()))
        parts = {"clientDataJSON": about, "authenticatorData": own, "signature": signed}
        sent = {"id": _text(NAME), "rawId": _text(NAME), "type": "public-key"}
        return json.dumps(sent | {"response": {name: _text(part) for name, part in parts.items()}})


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.fixture
def laptop() -> Laptop:
    return Laptop()


@pytest.fixture
def ada(laptop: Laptop) -> Account:
    people.found()
    account = people.account_of("ada@example.is")
    account.passkey_set.create(words="laptop", credential_id=NAME, public_key=laptop.public, created=people.TODAY)
    return account


def _use(browser: Client, answer: str) -> str:
    """Where an answer leads."""
    return browser.post("/second-factor/passkey/", {"credential": answer}).headers["Location"]


def test_the_answer_to_a_challenge_counts_once(ada: Account, laptop: Laptop) -> None:
    browser = people.signed_in(ada, verified=False)
    challenge = browser.post("/second-factor/passkey/options").json()["challenge"]
    answer = laptop.answer(challenge)
    assert _use(browser, answer) == "/account/"
    assert browser.get("/account/").status_code == 200
    thief = people.signed_in(ada, verified=False)
    assert _use(thief, answer) == "/second-factor/"
    thief.post("/second-factor/passkey/options")
    assert _use(thief, answer) == "/second-factor/"


def test_an_answer_to_no_challenge_proves_nothing(ada: Account, laptop: Laptop) -> None:
    thief = people.signed_in(ada, verified=False)
    assert _use(thief, laptop.answer("")) == "/second-factor/"
    assert thief.get("/account/").status_code == 302
