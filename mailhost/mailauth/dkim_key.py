"""DKIM keys: the record a domain publishes, and what can be done with a key (RFC 6376 §3.6.1, RFC 8301, RFC 8463).

    brisbane._domainkey.football.example.com. TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

In: the text of a TXT record, or a private key. Out: a `KeyRecord`, a usable public key, a signature, a record to
publish. Two algorithms exist: rsa-sha256 (1024 to 8192 bits; we sign with 2048) and ed25519-sha256, which signs the
SHA-256 of the data, not the data. rsa-sha1 is history and refused (RFC 8301 §3.1).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

from mailhost.mailauth.resolver import DnsAnswer, DnsFailure, Lookup, Resolver, Txt
from mailhost.mailauth.tagvalue import BadTagList, binary, parse_tags, words, write_tags

# RFC 8301 §3.2: signatures by shorter keys are never valid; signers use at least 2048.
MIN_RSA_BITS = 1024
# RFC 8301 §3.2 asks for up to 4096; above twice that a key only costs time.
MAX_RSA_BITS = 8192
SIGNING_RSA_BITS = 2048
# A key record with a key of MAX_RSA_BITS and notes has less than 2 KiB.
MAX_KEY_RECORD = 4096

type PublicKey = RSAPublicKey | Ed25519PublicKey
type PrivateKey = RSAPrivateKey | Ed25519PrivateKey


class Algorithm(StrEnum):
    """RFC 6376 §3.3, RFC 8463 §3: the value of a=."""

    RSA_SHA256 = "rsa-sha256"
    ED25519_SHA256 = "ed25519-sha256"

    @property
    def key_type(self) -> str:
        """The value of k= in the key record."""
        return self.value.partition("-")[0]


class BadKey(ValueError):
    """The record is no key record, or its key cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """RFC 6376 §3.6.1. `data` is empty for a revoked key; `hashes` empty means any."""

    key_type: str
    data: bytes
    hashes: tuple[str, ...] = ()
    testing: bool = False
    same_domain: bool = False

    def public_key(self, algorithm: Algorithm) -> PublicKey:
        """The key, if it may be used with `algorithm`.  Raises BadKey."""
        if not self.data:
            raise BadKey("the key is revoked")
        if self.key_type != algorithm.key_type:
            raise BadKey(f"the key is for {self.key_type}, the signature by {algorithm}")
        if self.hashes and "sha256" not in self.hashes:
            raise BadKey("the key may not be used with sha256")
        return _ed25519(self.data) if algorithm is Algorithm.ED25519_SHA256 else _rsa(self.data)


def _ed25519(data: bytes) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(data)
    except ValueError:
        raise BadKey("the key is not an Ed25519 key of 32 octets") from None


def _rsa(data: bytes) -> RSAPublicKey:
    # RFC 6376 §3.6.1 says SubjectPublicKeyInfo; keys in the bare form of RFC 8017 A.1.1 are published as well, and
    # the loader takes both.
    try:
        key = serialization.load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise BadKey("the key is not an RSA key") from None
    if not isinstance(key, RSAPublicKey):
        raise BadKey("the key is not an RSA key")
    if key.key_size < MIN_RSA_BITS:
        raise BadKey(f"the key has {key.key_size} bits, fewer than {MIN_RSA_BITS}")
    if key.key_size > MAX_RSA_BITS:
        raise BadKey(f"the key has more than {MAX_RSA_BITS} bits")
    return key


def parse_key_record(text: bytes) -> KeyRecord:
    """The record in one TXT answer.  Raises BadKey; for a record of another protocol too."""
    if len(text) > MAX_KEY_RECORD:
        raise BadKey(f"the record is longer than {MAX_KEY_RECORD} octets")
    try:
        tags = parse_tags(text.decode("utf-8"))
        # RFC 6376 §3.6.1: v= is optional, but where it stands it stands first and says DKIM1.
        if "v" in tags and (tags["v"] != "DKIM1" or next(iter(tags)) != "v"):
            raise BadKey("v= is not DKIM1 in the first place")
        if "p" not in tags:
            raise BadKey("p= is missing")
        data = binary(tags, "p") if tags["p"] else b""
    except (UnicodeDecodeError, BadTagList) as wrong:
        raise BadKey(f"not a key record: {wrong}") from None
    services, flags = words(tags.get("s", "*")), words(tags.get("t", ""))
    if not {"*", "email"} & set(services):
        raise BadKey("the key is not for email")
    return KeyRecord(
        tags.get("k", "rsa") or "rsa",
        data,
        words(tags.get("h", "")),
        testing="y" in flags,
        same_domain="s" in flags,
    )


class NoKey(Exception):
    """There is no usable key record; a later attempt will find none either."""


class KeyUnavailable(Exception):
    """The DNS did not answer; a later attempt may succeed."""


async def fetch_key(resolver: Resolver, selector: str, domain: str) -> KeyRecord:
    """The key record of a selector (RFC 6376 §3.6.2, §6.1.2).  Raises NoKey, KeyUnavailable."""
    return read_key(await resolver.lookup(f"{selector}._domainkey.{domain}", Txt))


def read_key(answer: Lookup[Txt]) -> KeyRecord:
    """The first key record of an answer: with several, RFC 6376 §6.1.2 leaves the choice to the verifier."""
    if isinstance(answer, DnsFailure):
        raise KeyUnavailable("no answer for the key")
    if not isinstance(answer, DnsAnswer):
        raise NoKey("no key published")
    problem = ""
    for record in answer.records[:10]:
        try:
            return parse_key_record(record.text)
        except BadKey as wrong:
            problem = problem or str(wrong)
    raise NoKey(problem)


def verify_signature(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is of `data` by `key`."""
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(signature, data, PKCS1v15(), hashes.SHA256())
        else:
            # RFC 8463 §3: PureEdDSA over the SHA-256 of the data.
            key.verify(signature, hashlib.sha256(data).digest())
    except InvalidSignature:
        return False
    return True


def make_signature(key: PrivateKey, data: bytes) -> bytes:
    """The inverse of `verify_signature`."""
    if isinstance(key, RSAPrivateKey):
        return key.sign(data, PKCS1v15(), hashes.SHA256())
    return key.sign(hashlib.sha256(data).digest())


def algorithm_of(key: PrivateKey) -> Algorithm:
    """The algorithm a private key signs with."""
    return Algorithm.RSA_SHA256 if isinstance(key, RSAPrivateKey) else Algorithm.ED25519_SHA256


def new_key(algorithm: Algorithm) -> PrivateKey:
    """A fresh private key; the randomness is the library's."""
    if algorithm is Algorithm.ED25519_SHA256:
        return Ed25519PrivateKey.generate()
    return generate_private_key(public_exponent=65537, key_size=SIGNING_RSA_BITS)


def key_record(key: PrivateKey, *, testing: bool = False) -> str:
    """The TXT record to publish for a private key of ours."""
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    else:
        public = key.public_key().public_bytes_raw()
    tags = {"v": "DKIM1", "k": algorithm_of(key).key_type} | ({"t": "y"} if testing else {})
    return write_tags(tags | {"p": base64.b64encode(public).decode()})
