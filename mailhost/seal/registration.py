"""What an owner's client sends about keys it made: a mailbox's first keys, and each later change to them.

The browser (`webadmin/frontend/src/keys.js`) and the bridge make keys and send JSON in which everything is public,
sealed, or meant to be hashed on arrival: the auth key, and the secret of an app password. Bytes are base64. A first
registration carries a *proof*, an Ed25519 signature (RFC 8032) by the mailbox's own signing key over its address and
public key, so that nobody registers a key that is somebody else's, or one meant for another address.

In: text from a stranger. Out: values of the right shape and size, or `BadRegistration` with a reason for the
developer of a client: an owner never sees one from a client that works. Whether the sealed parts open is for the
owner to know; the server cannot check it.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, final

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.signing import VerifyKey

from mailhost.seal import apppassword
from mailhost.seal.errors import InvalidKey
from mailhost.seal.identity import HybridRecipient
from mailhost.seal.keyring import BOX_VERSION, KEYRING_KEY_SIZE, MAX_KEYRING_SIZE
from mailhost.seal.password import SALT_SIZE, Argon2Parameters, WeakParameters

# A keyring of the largest size in base64, and a few kilobytes of everything else.
MAX_FORM_SIZE = 200_000
# An age header to one post-quantum recipient has 1,700 bytes; twice that is no recovery wrap.
MAX_TENANT_WRAP = 4096
WRAP_SIZE = len(BOX_VERSION) + SecretBox.NONCE_SIZE + SecretBox.MACBYTES + KEYRING_KEY_SIZE
AUTH_KEY_SIZE = 32
VERIFY_KEY_SIZE = 32
SIGNATURE_SIZE = 64

_CONTEXT = b"skerry-registration-v1\n"
_RECOVERY_CONTEXT = b"skerry-recovery-v1\n"


class BadRegistration(ValueError):
    """A client sent keys in a form that is not one, or a proof that proves nothing. Nothing was stored."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class PasswordForm:
    """An account password, as far as a server may know it."""

    wrap: bytes
    salt: bytes
    parameters: Argon2Parameters
    auth_key: bytes


@final
@dataclass(frozen=True, slots=True, repr=False)
class Registration:
    """A mailbox's keys: new ones for an invited mailbox, or all anew after a compromise."""

    recipient: HybridRecipient
    signing_key: VerifyKey
    keyring: bytes
    keyring_version: int
    password: PasswordForm
    recovery_wrap: bytes
    tenant_wrap: bytes | None


@final
@dataclass(frozen=True, slots=True, repr=False)
class Rotation:
    """A new current identity; `signature` is the key log's, by the signing key of before, in hex."""

    recipient: HybridRecipient
    keyring: bytes
    keyring_version: int
    signature: str


@final
@dataclass(frozen=True, slots=True, repr=False)
class AppPasswordForm:
    """An app password made by the owner's client; the wrap is there for session access only."""

    secret: bytes
    access: str
    wrap: bytes | None


def registration_message(address: str, recipient: str) -> bytes:
    """What the mailbox's signing key signs to prove that address and public key belong together."""
    return _CONTEXT + f"{address}\n{recipient}".encode()


def parse_registration(text: str, address: str) -> Registration:
    """The keys for `address`. Raises BadRegistration, and WeakParameters for a cost outside floor and ceiling."""
    fields = _object(text)
    if fields.get("address") != address:
        raise BadRegistration("the keys were made for another address")
    recipient = _recipient(fields)
    try:
        signing_key = VerifyKey(_bytes(fields, "signing_key", VERIFY_KEY_SIZE))
        signing_key.verify(registration_message(address, recipient.text), _bytes(fields, "proof", SIGNATURE_SIZE))
    except (CryptoError, ValueError, TypeError):
        raise BadRegistration("the proof is not the signing key's over this address and public key") from None
    tenant = fields.get("tenant")
    return Registration(
        recipient=recipient,
        signing_key=signing_key,
        keyring=_keyring(fields),
        keyring_version=_version(fields),
        password=_password(fields),
        recovery_wrap=_wrap(_part(fields, "recovery")),
        tenant_wrap=None if tenant is None else _tenant_wrap(_part(fields, "tenant")),
    )


def parse_password(text: str) -> PasswordForm:
    """A new account password, from `rewrap` or `recover`. Raises BadRegistration, WeakParameters."""
    return _password(_object(text))


def recovery_message(address: str, challenge: str, form: str) -> bytes:
    """What the mailbox's signing key signs to prove that whoever sends a new password had the recovery words."""
    return _RECOVERY_CONTEXT + f"{address}\n{challenge}\n{form}".encode()


def parse_recovered(text: str, address: str, challenge: str, *, proof: str, signing_key: bytes) -> PasswordForm:
    """A new account password from `recover`, signed over the challenge by the key that only the words open.

    `proof` is base64. Raises BadRegistration, WeakParameters.
    """
    try:
        signature = base64.b64decode(proof, validate=True)
        VerifyKey(signing_key).verify(recovery_message(address, challenge, text), signature)
    except (CryptoError, ValueError, TypeError):
        raise BadRegistration("the proof is not the signing key's over this address and challenge") from None
    return parse_password(text)


def parse_recovery(text: str) -> bytes:
    """The wrap under a new recovery phrase. Raises BadRegistration."""
    return _wrap(_part(_object(text), "recovery"))


def parse_rotation(text: str) -> Rotation:
    """A new current identity. Raises BadRegistration; whether the signature is right, the key log decides."""
    fields = _object(text)
    signature = fields.get("signature")
    if type(signature) is not str or len(signature) != 2 * SIGNATURE_SIZE:
        raise BadRegistration("signature is not 128 hexadecimal digits")
    return Rotation(_recipient(fields), _keyring(fields), _version(fields), signature)


def parse_app_password_form(text: str, expected: str | None = None) -> AppPasswordForm:
    """An app password; with `expected`, of that access and no other. Raises BadRegistration."""
    fields = _object(text)
    access, wrap = fields.get("access"), fields.get("wrap")
    if access not in {"sealed", "session"} or (wrap is not None) is not (access == "session"):
        raise BadRegistration("access is sealed, without a wrap, or session, with one")
    if expected is not None and access != expected:
        raise BadRegistration(f"made for {access} access, and {expected} was chosen")
    secret = _bytes(fields, "secret", apppassword.SECRET_SIZE)
    return AppPasswordForm(secret, access, None if wrap is None else _wrap(fields))


def _object(text: str) -> dict[str, Any]:
    if len(text) > MAX_FORM_SIZE:
        raise BadRegistration(f"the form has more than {MAX_FORM_SIZE} characters")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRegistration("the form is not JSON") from None
    if type(fields) is not dict:
        raise BadRegistration("the form is not a JSON object")
    return fields


def _part(fields: dict[str, Any], name: str) -> dict[str, Any]:
    part = fields.get(name)
    if type(part) is not dict:
        raise BadRegistration(f"{name} is not a JSON object")
    return part


def _bytes(fields: dict[str, Any], name: str, *sizes: int) -> bytes:
    value = fields.get(name)
    try:
        data = base64.b64decode(value, validate=True) if type(value) is str else None
    except (binascii.Error, ValueError):
        data = None
    if data is None or (sizes and len(data) not in sizes):
        raise BadRegistration(f"{name} is not base64 of the right length")
    return data


def _wrap(fields: dict[str, Any]) -> bytes:
    return _boxed(_bytes(fields, "wrap", WRAP_SIZE), "wrap")


def _tenant_wrap(fields: dict[str, Any]) -> bytes:
    wrap = _bytes(fields, "wrap")
    if len(wrap) > MAX_TENANT_WRAP or not wrap.startswith(b"age-encryption.org/v1\n"):
        raise BadRegistration("the tenant's wrap is not a small age file")
    return wrap


def _keyring(fields: dict[str, Any]) -> bytes:
    keyring = _boxed(_bytes(fields, "keyring"), "keyring")
    if len(keyring) > MAX_KEYRING_SIZE:
        raise BadRegistration(f"the keyring has more than {MAX_KEYRING_SIZE} bytes")
    return keyring


def _boxed(data: bytes, name: str) -> bytes:
    if data[:1] != BOX_VERSION:
        raise BadRegistration(f"{name} is not a box of version {BOX_VERSION[0]}")
    return data


def _version(fields: dict[str, Any]) -> int:
    version = fields.get("keyring_version")
    if type(version) is not int or not 1 <= version < 2**31:
        raise BadRegistration("keyring_version is not a whole number from 1")
    return version


def _recipient(fields: dict[str, Any]) -> HybridRecipient:
    text = fields.get("recipient")
    try:
        return HybridRecipient.from_text(text if type(text) is str else "")
    except InvalidKey:
        raise BadRegistration("recipient is not a public key age1pq1…") from None


def _password(fields: dict[str, Any]) -> PasswordForm:
    part = _part(fields, "password")
    parameters = part.get("parameters")
    try:
        cost = Argon2Parameters.from_text(parameters if type(parameters) is str else "")
    except WeakParameters:
        raise
    except ValueError:
        raise BadRegistration("parameters are not of the form argon2id,m=65536,t=3,p=1") from None
    return PasswordForm(
        wrap=_wrap(part),
        salt=_bytes(part, "salt", SALT_SIZE),
        parameters=cost,
        auth_key=_bytes(part, "auth_key", AUTH_KEY_SIZE),
    )
