"""Agreements of those who are forwarded to, in the cell's database (`agreements.Agreements`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from mailhost.adapters.database import Readers, statements
from mailhost.message.address import BadAddress, parse_address
from mailhost.wishes.agreements import agreement_digest


class DatabaseAgreements:
    """Asks anew each time: who has just agreed gets the next message."""

    def __init__(self, readers: Readers, *, key: bytes) -> None:
        self._readers = readers
        self._key = key

    async def answers(self, mailbox_id: int, targets: Collection[str]) -> Mapping[str, bool]:
        digests = {}
        for target in targets:
            with suppress(BadAddress):
                digests[target] = agreement_digest(self._key, mailbox_id, parse_address(target))
        return await self._readers.run(_answers, digests)


def _answers(digests: Mapping[str, bytes]) -> dict[str, bool]:
    found = {}
    with statements() as cursor:
        for target, digest in digests.items():
            cursor.execute(
                "SELECT agreed IS NOT NULL FROM mailhost_forwardagreement WHERE digest = %s"
                " AND (agreed IS NOT NULL OR ended IS NOT NULL)",
                [digest],
            )
            for (takes,) in cursor.fetchall():
                found[target] = bool(takes)
    return found
