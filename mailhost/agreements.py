"""Agreements: that an address elsewhere takes what a mailbox here forwards to it.

Whoever makes a filter may name anybody's address, by mistake or on purpose, and everything the mailbox gets would go
there. So an address that is not the tenant's own is asked first: a letter with a link goes to it, and whoever presses
the button behind the link agrees. Until then nothing is forwarded and the mail stays.

Neither the address nor the link is kept: a keyed hash of mailbox and address, and one of what stands in the link, with
a day on which it ends. An address that has agreed once is not asked again by the same mailbox.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Final, Protocol

from mailhost.message.address import Address

DIGEST_BYTES: Final = 16
TOKEN_BYTES: Final = 32
# How long a link can be pressed: people are away for a week.
LIFE: Final = timedelta(days=7)
# Letters to one address until its link has ended: it may have been lost, and nobody is to be pestered.
LETTERS: Final = 3
# Between two letters to one address.
PAUSE: Final = timedelta(hours=1)
# Letters of one mailbox a day, to all addresses: filters are no way to write to strangers.
LETTERS_A_DAY: Final = 10


def agreement_digest(key: bytes, mailbox_id: int, target: Address) -> bytes:
    """How an agreement is found; two mailboxes that forward to one address share nothing."""
    text = f"{mailbox_id}\0{target.lookup}".encode()
    return hashlib.blake2b(text, key=key, digest_size=DIGEST_BYTES, person=b"forward to").digest()


def link_digest(key: bytes, token: str) -> bytes:
    """What is kept of a link; with the table alone nobody makes one."""
    text = token.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=key, digest_size=DIGEST_BYTES, person=b"forward link").digest()


def new_token() -> str:
    """What stands in a link: 43 characters that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Agreements(Protocol):
    """Those that are there."""

    async def given(self, mailbox_id: int, targets: Collection[str]) -> frozenset[str]:
        """The addresses among `targets` that take what the mailbox forwards. Raises StoreUnavailable."""
