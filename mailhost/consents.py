"""Standing consents: an owner agrees to readable mail for one reader, once and for a time, whatever is advised.

In: a mailbox and an address. Out: a digest that only this cell can make, under which the consent is found when mail for
that reader is about to leave. It is looked for then and not when the mail is handed in, so one that was taken back
counts for nothing that still waits. Whether consent counts at all is the policy's word (`jurisdiction.egress`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import date, timedelta
from typing import Final, Protocol

from mailhost.message.address import Address

# Half a year; who still wants it then says so again. A year at most, so that no consent is simply forgotten.
DAYS: Final = 180
MAX_DAYS: Final = 366
# Readers of one mailbox: more is no choice about readers but about the policy.
MAX_CONSENTS: Final = 200
DIGEST_BYTES: Final = 16


def consent_digest(key: bytes, mailbox_id: int, reader: Address) -> bytes:
    """How a consent is found; two mailboxes that write to one person share nothing."""
    text = f"{mailbox_id}\0{reader.lookup}".encode()
    return hashlib.blake2b(text, key=key, digest_size=DIGEST_BYTES, person=b"consent").digest()


class Consents(Protocol):
    """Those that are in force."""

    async def given(self, mailbox_id: int, readers: Collection[str], *, today: date) -> frozenset[str]:
        """The addresses among `readers` that the mailbox's owner has agreed to. Raises StoreUnavailable."""


def last_day(today: date, days: int) -> date:
    """The last day of a consent that is given today."""
    return today + timedelta(days=days)
