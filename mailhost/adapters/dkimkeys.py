"""A domain's DKIM keys: sealed in the database, opened and kept ready in memory.

A key is opened once per process (an RSA key costs a millisecond to read); which keys sign now is asked of the
database again after `KEPT` seconds, so a rotation needs no restart.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from cryptography.hazmat.primitives import serialization

from mailhost.adapters.database import Readers, statements
from mailhost.mailauth.dkim_key import PrivateKey
from mailhost.mailauth.dkim_signing import SigningKey
from mailhost.ports import StoreUnavailable
from mailhost.seal import CannotOpen, HybridIdentity, decrypt, encrypt

log = logging.getLogger(__name__)

# The cell's key file for what belongs to hosted domains.
DOMAINS_KEY: Final = "domains.key"
# Seconds for which the answer "these keys sign" is believed; a retired key's record stays for two weeks.
KEPT: Final = 60.0
# Answers and keys in memory; a domain has two keys that sign.
MAX_KEPT: Final = 5000


def seal_key(private: PrivateKey, identity: HybridIdentity) -> bytes:
    """A private key as it is stored: an age file to the cell's domain key."""
    data = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return encrypt([identity.recipient], data)


def open_key(sealed: bytes, identity: HybridIdentity) -> PrivateKey:
    """The inverse of `seal_key`. Raises CannotOpen."""
    # What we sealed ourselves is one of our two kinds.
    return cast("PrivateKey", serialization.load_der_private_key(decrypt([identity], sealed), password=None))


class DatabaseDkimKeys:
    """`signing.SigningKeys` over the cell's database. `identity` is the cell's domain key."""

    def __init__(self, readers: Readers, identity: HybridIdentity, clock: Callable[[], float] = time.monotonic) -> None:
        self._readers = readers
        self._identity = identity
        self._clock = clock
        self._answers: dict[tuple[int, str], tuple[float, tuple[SigningKey, ...]]] = {}
        self._opened: dict[int, PrivateKey] = {}

    async def signing(self, tenant_id: int, domain: str) -> Sequence[SigningKey]:
        kept = self._answers.get((tenant_id, domain))
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        rows = await self._readers.run(_signing, tenant_id, domain)
        found = tuple(SigningKey(domain, selector, self._open(key_id, sealed)) for key_id, selector, sealed in rows)
        if len(self._answers) >= MAX_KEPT:
            self._answers.clear()
        self._answers[tenant_id, domain] = (self._clock() + KEPT, found)
        return found

    def _open(self, key_id: int, sealed: bytes) -> PrivateKey:
        found = self._opened.get(key_id)
        if found is None:
            try:
                found = open_key(bytes(sealed), self._identity)
            except CannotOpen:
                # Unsigned mail would be refused or lost in spam; waiting for the right key file loses nothing.
                log.error("a DKIM key cannot be opened: restore the key file %s", DOMAINS_KEY)  # noqa: TRY400
                raise StoreUnavailable from None
            if len(self._opened) >= MAX_KEPT:
                self._opened.clear()
            self._opened[key_id] = found
        return found


def _signing(tenant_id: int, domain: str) -> list[Any]:
    with statements() as cursor:
        cursor.execute(
            "SELECT k.id, k.selector, k.private FROM mailhost_dkimkey k JOIN mailhost_domain d ON d.id = k.domain_id"
            " WHERE d.name = %s AND d.tenant_id = %s AND d.verified IS NOT NULL AND k.state = 'signing'"
            " ORDER BY k.algorithm DESC",
            [domain, tenant_id],
        )
        return cursor.fetchall()
