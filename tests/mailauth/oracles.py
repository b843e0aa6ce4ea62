"""Independent implementations that must agree with ours: dkimpy and pyspf, both installed for development only."""

import base64
import hashlib
import warnings
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mailhost.mailauth.dkim_signing import SigningKey
from mailhost.mailauth.resolver import Txt
from tests.fakedns import FakeDns

with warnings.catch_warnings():
    # Both are older than this Python and say so while they are compiled.
    warnings.simplefilter("ignore")
    import dkim as dkimpy  # type: ignore[import-untyped]
    import spf as pyspf  # type: ignore[import-untyped]

__all__ = ["dkimpy", "dkimpy_body_hash", "dkimpy_dns", "dkimpy_key", "pyspf"]


def dkimpy_dns(dns: FakeDns) -> Any:
    """The TXT look-up dkimpy asks for, out of the tests' DNS."""

    def lookup(name: bytes, timeout: int = 5) -> bytes | None:
        records = dns.zone.get(name.decode().lower().removesuffix("."), [])
        return next((record.text for record in records if isinstance(record, Txt)), None)

    return lookup


def dkimpy_key(key: SigningKey) -> bytes:
    """A private key in the form dkimpy takes."""
    if isinstance(key.private, RSAPrivateKey):
        return key.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    return base64.b64encode(key.private.private_bytes_raw())


def dkimpy_body_hash(body: bytes, form: bytes) -> bytes:
    """SHA-256 of the canonical body, as dkimpy makes it."""
    from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]

    policy = CanonicalizationPolicy.from_c_value(form + b"/" + form)
    return hashlib.sha256(policy.canonicalize_body(body)).digest()
