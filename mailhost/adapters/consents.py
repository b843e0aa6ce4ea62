"""Standing consents in the cell's database (`consents.Consents`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date

from mailhost.adapters.database import Readers, statements
from mailhost.consents import consent_digest
from mailhost.message.address import BadAddress, parse_address


class DatabaseConsents:
    """Asks anew each time: one that was taken back is gone for the next question."""

    def __init__(self, readers: Readers, *, key: bytes) -> None:
        self._readers = readers
        self._key = key

    async def given(self, mailbox_id: int, readers: Collection[str], *, today: date) -> frozenset[str]:
        digests = {}
        for reader in readers:
            with suppress(BadAddress):
                digests[consent_digest(self._key, mailbox_id, parse_address(reader))] = reader
        return await self._readers.run(_given, digests, today)


def _given(digests: Mapping[bytes, str], today: date) -> frozenset[str]:
    found = set()
    with statements() as cursor:
        for digest, reader in digests.items():
            cursor.execute(
                "SELECT 1 FROM mailhost_consent WHERE digest = %s AND kept_until >= %s", [digest, today.isoformat()]
            )
            if cursor.fetchone():
                found.add(reader)
    return frozenset(found)
