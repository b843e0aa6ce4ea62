"""What waits to leave the cell: values and ports of the queue, and the life of one item.

A message goes into the queue once; for each destination domain among its recipients there is one item. An item is
only ever worked on under a claim on its destination, so one host at a time talks to one destination.

    put ─▶ WAITING ──delivered, refused for good, expired──▶ gone
    WAITING ──not now──▶ WAITING, due later
    WAITING ──egress says hold──▶ gone, sealed into its author's folder Held (`outbound.held`)
    WAITING, passed on for a mailbox ──refused for good, expired, held──▶ gone, kept by that mailbox (`outbound.stayed`)
    WAITING ──egress or its author says link──▶ gone, sealed to words that its author gets (`outbound.securelinks`)
    WAITING ──the cell is restored from a backup──▶ HELD ──`skerry queue retry`──▶ WAITING
    HELD ──`skerry queue drop`, expired──▶ gone

Before an item goes because it failed, its sender has a notice of it in his mailbox; a crash between the two steps
sends a second notice, never none. The queue knows addresses only sealed: in clear it has ids, hours, counts, a
keyed hash of the destination and a reason from a closed list.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

# RFC 5321 §4.5.4.1: the give-up time is at least four to five days; the queue's keys die a day later.
GIVE_UP: Final = timedelta(days=5)
# RFC 3461 §4.1 leaves the moment of a delay notice open; half a working day is when people ask.
DELAY_NOTICE: Final = timedelta(hours=4)
KEY_LIFE: Final = timedelta(days=6)


class TlsNeed(StrEnum):
    """What the author asks of the way (RFC 8689)."""

    ORDINARY = ""  # as the receiving domain's policy says
    REQUIRED = "required"  # REQUIRETLS: under verified TLS on every hop, or not at all
    NONE = "none"  # `TLS-Required: No`: arriving matters more than the receiving domain's TLS policy


class Passing(StrEnum):
    """Whether it is mail that its author sends, or mail of others that a mailbox here passes on."""

    NO = ""
    COPY = "copy"  # the mailbox has kept its own
    ONLY = "only"  # it has not: what cannot leave must come back to it


@dataclass(frozen=True, slots=True)
class Forward:
    """A recipient elsewhere; `domain` is in A-labels. `notify` and `orcpt` as in RFC 3461 §4.1 and §4.2, or ""."""

    address: str
    domain: str
    notify: str = ""
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message that leaves the cell. `sender` is the path without brackets, "" the null path; the recipients are
    distinct; `content` is what will be sent; `author` the address of the mailbox that hands it in, "" for
    the cell's own.
    """

    opaque_id: str
    tenant_id: int
    mailbox_id: int
    sender: str
    recipients: tuple[Forward, ...]
    content: bytes
    smtputf8: bool = False
    envid: str = ""
    sealed: bool = False  # only its reader can read it
    tls: TlsNeed = TlsNeed.ORDINARY
    returns: str = ""  # RET (RFC 3461 §4.3): FULL, HDRS or ""
    hold_until: datetime | None = None  # not to leave before (RFC 4865)
    author: str = ""
    consent: bool = False  # its author consents to what the policy advises against
    passing: Passing = Passing.NO
    link: bool = False  # its author wants its readers to have a secure link
    note: bool = False  # the cell's own word that such a link is there


class Queue(Protocol):
    """The entrance."""

    async def put(self, message: Outgoing, *, now: datetime) -> None:
        """Durable on return; all recipients or none. Raises StoreFull, StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Item:
    """One destination's share of a message, its envelope opened. `told` says that the delay notice went out."""

    id: int
    message: int  # id of the row that holds the content
    opaque_id: str
    tenant_id: int
    sender: str
    recipients: tuple[Forward, ...]
    smtputf8: bool
    envid: str
    queued: datetime
    attempts: int
    told: bool
    reason: str = ""  # of the last attempt
    sealed: bool = False
    tls: TlsNeed = TlsNeed.ORDINARY
    returns: str = ""
    author: str = ""
    consent: bool = False
    content: bytes | None = field(default=None, repr=False)  # where it came with the claim; else `Outbox.content`
    passing: Passing = Passing.NO
    mailbox_id: int = 0
    link: bool = False
    note: bool = False
    seed: str = field(default="", repr=False)  # of this share alone, sealed with its envelope


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one destination until `until`.

    `due` are some of its items to try now; `old` some that are past their end, or whose sender is to be told that
    they are late, held ones among them.
    """

    destination: bytes
    failures: int  # connections in a row that came to nothing
    until: datetime
    due: tuple[Item, ...]
    old: tuple[Item, ...] = ()


class Outbox(Queue, Protocol):
    """The queue as dispatch sees it. Every call raises StoreFull, StoreUnavailable and is durable on return; a power
    cut may undo a claim, and what was `done` under it until it is released.
    """

    async def claim(
        self, *, now: datetime, lease: timedelta, destinations: int, items: int, overdue: bool = True
    ) -> Sequence[Claim]:
        """Claim destinations with items that are due, or with `overdue` for their end or their delay notice."""

    async def renew(self, destination: bytes, *, until: datetime) -> None:
        """Hold a claim for longer."""

    async def release(self, destination: bytes, *, failures: int, not_before: datetime | None) -> None:
        """End a claim; the destination is looked at again when its next item is due, but not before."""

    async def content(self, item: Item) -> bytes | None:
        """What to send; None when its key is gone."""

    async def done(self, item: Item) -> None:
        """The item goes, and the message with its last item."""

    async def defer(self, item: Item, recipients: Sequence[Forward], *, due: datetime, reason: str) -> None:
        """Keep the item for these recipients, after one more attempt."""

    async def postpone(self, items: Collection[Item], *, due: datetime, reason: str) -> None:
        """As `defer` for many, with the recipients that they have."""

    async def tell(self, item: Item) -> None:
        """Remember that the delay notice went out."""
