"""Agreements: that an address elsewhere takes what a mailbox here forwards to it.

Whoever makes a filter may name anybody's address, by mistake or on purpose, and everything the mailbox gets would go
there. So an address that is not the tenant's own is asked first: a letter with a link goes to it, and whoever presses
the button behind the link agrees. Until then nothing is forwarded and the mail stays. The same link ends it, at any
time, and is the only one that lets it begin again: `NEXT` is what may follow what.

Whoever reads `mo+lists@` reads `mo@` as well, so an answer is about all sub-addresses of an address, and so are the
limits: else every sub-address more would be one that has not said no yet.

Neither the address nor the link is kept: a keyed hash of mailbox and address, and one of what stands in the link. An
address that has agreed once is not asked again by the same mailbox, and one that does not want it is left in peace.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, Protocol

from mailhost.message.address import Address

DIGEST_BYTES: Final = 16
TOKEN_BYTES: Final = 32
# How long a link can be pressed: people are away for a week.
LIFE: Final = timedelta(days=7)
# Letters to one address until its link has ended: it may have been lost, and nobody is to be pestered.
LETTERS: Final = 3
# Between two letters to one address, and at most twice that: a letter counts from the next full hour.
PAUSE: Final = timedelta(hours=1)
# How long whoever does not want forwards is asked by no letter of that mailbox.
PEACE: Final = timedelta(days=365)
# Letters of one mailbox a day, to all addresses: filters are no way to write to strangers.
LETTERS_A_DAY: Final = 10


class State(Enum):
    """What there is between a mailbox and an address."""

    NONE = auto()
    ASKED = auto()
    AGREED = auto()
    ENDED = auto()  # its reader does not want it, or no longer


class Step(Enum):
    """What happens."""

    LETTER = auto()  # the mailbox's owner asks
    YES = auto()  # whoever holds the link
    NO = auto()  # whoever holds the link, or the operator whom that reader asked
    VOUCHED = auto()  # the operator says that the address has agreed
    LAPSED = auto()  # the last day is over


# What is not here is not done. Only its reader's link lets begin again what its reader has ended.
NEXT: Final[Mapping[tuple[State, Step], State]] = {
    (State.NONE, Step.LETTER): State.ASKED,
    (State.NONE, Step.VOUCHED): State.AGREED,
    (State.NONE, Step.NO): State.ENDED,
    (State.ASKED, Step.LETTER): State.ASKED,
    (State.ASKED, Step.YES): State.AGREED,
    (State.ASKED, Step.NO): State.ENDED,
    (State.ASKED, Step.VOUCHED): State.AGREED,
    (State.ASKED, Step.LAPSED): State.NONE,
    (State.AGREED, Step.YES): State.AGREED,
    (State.AGREED, Step.NO): State.ENDED,
    (State.AGREED, Step.VOUCHED): State.AGREED,
    (State.ENDED, Step.YES): State.AGREED,
    (State.ENDED, Step.NO): State.ENDED,
    (State.ENDED, Step.LAPSED): State.NONE,
}


def counted_from(sent: datetime) -> datetime:
    """The full hour from which a letter counts: no earlier than it was sent, and no more precise than must be kept."""
    hour = sent.replace(minute=0, second=0, microsecond=0)
    return hour if hour == sent else hour + timedelta(hours=1)


def reader_of(target: Address) -> str:
    """Whose answer counts for it: the normal form of the address without its sub-address (RFC 5233 §1)."""
    return target.split()[0].lookup


def agreement_digest(key: bytes, mailbox_id: int, target: Address) -> bytes:
    """How an agreement is found; two mailboxes that forward to one reader share nothing."""
    text = f"{mailbox_id}\0{reader_of(target)}".encode()
    return hashlib.blake2b(text, key=key, digest_size=DIGEST_BYTES, person=b"forward to").digest()


def link_digest(key: bytes, token: str) -> bytes:
    """What is kept of a link; with the table alone nobody makes one."""
    text = token.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, key=key, digest_size=DIGEST_BYTES, person=b"forward link").digest()


def new_token() -> str:
    """What stands in a link: 43 characters that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Agreements(Protocol):
    """What readers have said."""

    async def answers(self, mailbox_id: int, targets: Collection[str]) -> Mapping[str, bool]:
        """Of those among `targets` that have answered, whether they take what the mailbox forwards. Raises
        StoreUnavailable."""
