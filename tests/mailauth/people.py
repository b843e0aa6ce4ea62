"""Who writes in these tests: Ada at example.is, whose domain signs with both algorithms; keys are made once."""

from datetime import UTC, datetime
from functools import cache

from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim_key import Algorithm, PrivateKey, key_record, new_key
from mailhost.mailauth.dkim_signing import SigningKey, sign
from mailhost.mailauth.resolver import Txt
from tests.fakedns import FakeDns

NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)
MESSAGE = (
    b"From: Ada Lovelace <ada@example.is>\r\n"
    b"To: Ben <ben@demo.test>\r\n"
    b"Subject: Notes  on the\r\n\tengine\r\n"
    b"Date: Thu, 2 Jan 2025 10:00:00 +0000\r\n"
    b"Message-ID: <notes@example.is>\r\n"
    b"\r\n"
    b"It weaves algebraic patterns \t \r\n"
    b"\r\n"
    b"just as the loom weaves flowers.\r\n"
    b"\r\n"
)


@cache
def private(algorithm: Algorithm = Algorithm.RSA_SHA256, name: str = "ada") -> PrivateKey:
    """One key per algorithm and name, for the whole run."""
    del name
    return new_key(algorithm)


def key(algorithm: Algorithm = Algorithm.RSA_SHA256, domain: str = "example.is", selector: str = "s1") -> SigningKey:
    return SigningKey(domain, selector, private(algorithm))


RSA = key()
ED25519 = key(Algorithm.ED25519_SHA256, selector="s2")


def dns_of(*keys: SigningKey) -> FakeDns:
    """A DNS that publishes these keys."""
    zone = {f"{one.selector}._domainkey.{one.domain}": [Txt(key_record(one.private).encode())] for one in keys}
    return FakeDns(zone)


def signed(message: bytes = MESSAGE, *keys: SigningKey) -> bytes:
    return sign(Parts(message), keys or (RSA,), now=NOW) + message
