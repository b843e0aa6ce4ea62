"""Agreements of those who are forwarded to, in the cell's database (`agreements.Agreements`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from mailhost.adapters.database import Readers, statements
from mailhost.agreements import agreement_digest
from mailhost.message.address import BadAddress, parse_address


class DatabaseAgreements:
    """Asks anew each time: who has just agreed gets the next message."""

    def __init__(self, readers: Readers, *, key: bytes) -> None:
        self._readers = readers
        self._key = key

    async def given(self, mailbox_id: int, targets: Collection[str]) -> frozenset[str]:
        digests = {}
        for target in targets:
            with suppress(BadAddress):
                digests[target] = agreement_digest(self._key, mailbox_id, parse_address(target))
        return await self._readers.run(_given, digests)


def _given(digests: Mapping[str, bytes]) -> frozenset[str]:
    found = set()
    with statements() as cursor:
        for target, digest in digests.items():
            cursor.execute("SELECT 1 FROM mailhost_forwardagreement WHERE digest = %s AND agreed IS NOT NULL", [digest])
            if cursor.fetchone():
                found.add(target)
    return frozenset(found)
