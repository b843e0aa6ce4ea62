"""What an owner's client sends, made in Python: the counterpart of `makeAccount` for tests without a browser."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any

from mailhost.seal.identity import HybridRecipient
from mailhost.seal.keyring import Keyring, new_keyring_key, seal_keyring, wrap_for_tenant, wrap_keyring_key
from mailhost.seal.password import Argon2Parameters, PasswordKeys, derive_keys
from mailhost.seal.phrase import SECRET_SIZE, phrase_text, phrase_wrap_key
from mailhost.seal.registration import registration_message


def text64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass(frozen=True)
class OwnerKeys:
    """A form to send, and what only its owner knows."""

    form: dict[str, Any]
    keyring: Keyring
    keyring_key: bytes
    auth_key: bytes
    phrase: str

    @property
    def text(self) -> str:
        return json.dumps(self.form)


def make(
    address: str,
    password: str | None = None,
    tenant: HybridRecipient | None = None,
) -> OwnerKeys:
    """Keys for an address; without a password its two keys are random and nothing slow is computed."""
    keyring, keyring_key = Keyring.generate(), new_keyring_key()
    salt, phrase_secret = secrets.token_bytes(16), secrets.token_bytes(SECRET_SIZE)
    if password is None:
        keys = PasswordKeys(secrets.token_bytes(32), secrets.token_bytes(32))
    else:
        keys = derive_keys(password, salt, Argon2Parameters())
    recipient = keyring.recipient.text
    form = {
        "address": address,
        "recipient": recipient,
        "signing_key": text64(bytes(keyring.signing_key.verify_key)),
        "keyring": text64(seal_keyring(keyring, keyring_key)),
        "keyring_version": 1,
        "password": {
            "wrap": text64(wrap_keyring_key(keys.wrap_key, keyring_key)),
            "salt": text64(salt),
            "parameters": Argon2Parameters().text,
            "auth_key": text64(keys.auth_key),
        },
        "recovery": {"wrap": text64(wrap_keyring_key(phrase_wrap_key(phrase_secret), keyring_key))},
        "tenant": None if tenant is None else {"wrap": text64(wrap_for_tenant(tenant, keyring_key))},
        "proof": text64(keyring.signing_key.sign(registration_message(address, recipient)).signature),
    }
    return OwnerKeys(form, keyring, keyring_key, keys.auth_key, phrase_text(phrase_secret))
