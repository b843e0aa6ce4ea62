"""What a cell remembers about those who write to it: keyed hashes with an expiry, and nothing else.

Three things are asked. Has one of the recipients written to this sender? Did this sender come before, and nothing was
held against it? When was this stranger put off (greylisting)? The names in these questions never reach a table: a
digest is made with a secret of the cell that lies outside the database and its backups, so a thief of the table
cannot even test a guess. What a tenant's mailboxes remember serves that tenant alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from mailhost.message.address import Address
from mailhost.reputation.sources import Network

type Digest = bytes  # 16 octets


def written_digest(key: bytes, mailbox_id: int, correspondent: Address) -> Digest:
    """Somebody a mailbox wrote to: two mailboxes that write to one person share nothing."""
    return _digest(key, b"sent", str(mailbox_id), correspondent.lookup)


def proven_digest(key: bytes, tenant_id: int, domain: str) -> Digest:
    """A domain that has proven to be the sender of mail to a tenant."""
    return _digest(key, b"proven", str(tenant_id), domain)


def unproven_digest(key: bytes, tenant_id: int, network: Network, domain: str) -> Digest:
    """A domain that has proven nothing, together with the network that used its name."""
    return _digest(key, b"unproven", str(tenant_id), str(network), domain)


def waiting_digest(key: bytes, network: Network, sender: str) -> Digest:
    """A stranger who is put off (RFC 6647 §5: known by where it is and whom it names as sender).

    We differ from RFC 6647 §5 in leaving out the recipient, because one answer goes to all of them after the content.
    """
    return _digest(key, b"waiting", str(network), sender)


def _digest(key: bytes, person: bytes, *words: str) -> Digest:
    return hashlib.blake2b("\0".join(words).encode(), key=key, digest_size=16, person=person).digest()


class Memory(Protocol):
    """The cell's memory; `tests/reputation/doubles.py` is its in-memory twin."""

    async def written_to(self, digests: Mapping[Digest, int]) -> bool:
        """Whether any of these mailboxes (digest: mailbox) has written to the sender. Raises StoreUnavailable."""

    async def recall(self, digests: Collection[Digest], *, now: datetime) -> Mapping[Digest, datetime]:
        """Those that are remembered, and since when. Raises StoreUnavailable."""

    async def remember(self, digests: Collection[Digest], *, since: datetime, until: datetime) -> bool:
        """Keep digests; of one that is known already only the end moves. False: there is no room.

        Raises StoreUnavailable.
        """
