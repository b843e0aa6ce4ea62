"""What the use-cases ask of the world outside: a directory of recipients, a mail store, a memory of lost answers.

Each port is a Protocol with two implementations: an in-memory fake in `tests/fakes.py` and the real adapter. Both
must pass the same tests in `tests/contracts.py`. Ports carry frozen values and plain bytes; they know no SQL, no
socket and no SMTP. Time comes in as an argument, always aware.

Who does what on the receiving side:

* `Directory.lookup` is a plain query: names in, rows out, one round trip for many names, no cache, no logic.
  `mailhost.routing` decides what the rows mean (sub-address, alias, catch-all, postmaster) and caches answers.
* `Mailstore.commit` makes sealed messages durable. When it returns, 250 may be said; when it raises, nothing of
  that call is stored. Group commit over concurrent calls happens inside.
* `Logins` finds out who hands mail in, `Tally` how much they sent today.
* `LostAnswers` remembers, across processes and restarts, deliveries whose 250 never reached the sender.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class MailboxState(StrEnum):
    """Life of a mailbox as mail sees it."""

    INVITED = "invited"  # no key yet
    ACTIVE = "active"
    SUSPENDED = "suspended"  # the mailbox, its domain or its tenant
    HELD = "held"  # the tenant's data may not lie here as things are: nothing new is stored for now


class Simulate(StrEnum):
    """Failures that the demo tenant's recipients play; no other tenant's route may carry one."""

    TEMPORARY_ERROR = "temperror"
    PERMANENT_ERROR = "permerror"
    FULL = "full"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Route:
    """Where mail for one name goes: one mailbox and the key to seal to.

    `room` and `limit` are octets of quota, None for unlimited; `room` may lag behind, the commit checks it again.
    `public_key` is the current age recipient (`age1pq1…`), None while the mailbox is INVITED.
    """

    mailbox_id: int
    tenant_id: int
    address: str  # the mailbox's own, whatever name led to it
    state: MailboxState
    public_key: str | None
    key_version: int
    invited_at: datetime
    room: int | None = None
    limit: int | None = None
    simulate: Simulate | None = None
    # Number of the owner's wishes in force (`wishes.filing`), another one after each change; 0: there are none.
    wishes: int = 0


@dataclass(frozen=True, slots=True)
class HostedDomain:
    """A domain whose mail is taken here.

    `postmaster` answers postmaster@ and abuse@ where no mailbox or alias of that name exists (RFC 5321 §4.5.1,
    RFC 2142); it is empty only for a domain without any mailbox. `catch_all` takes every other unknown name.
    Sub-addresses (`ada+bills@`) are resolved by `mailhost.routing`, not by the adapter.
    """

    name: str
    tenant_id: int
    suspended: bool = False
    catch_all: tuple[Route, ...] = ()
    postmaster: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one lookup; a name that does not exist is missing.

    An address is a mailbox (one route) or an alias (one or several); where both exist, all routes are listed once.
    """

    addresses: Mapping[str, tuple[Route, ...]] = field(default_factory=dict)
    domains: Mapping[str, HostedDomain] = field(default_factory=dict)


class Directory(Protocol):
    """Who is this recipient."""

    async def lookup(self, addresses: Collection[str], domains: Collection[str]) -> Found:
        """One query for all names; they are in normal form (lower case, NFC, A-labels).

        Raises StoreUnavailable.
        """


INBOX = "\\Inbox"
HELD_FOLDER = "\\Held"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One sealed message for one mailbox. `header` + `payload` is an age file.

    `opaque_id` is 32 lower-case hex digits, random, new for each delivery. `arrived` is exact; the store rounds it
    down to the hour before it writes it. `special_use` names the folder: `INBOX` and `HELD_FOLDER` (no real special
    uses, they stand for the folders of those names) or "\\Junk"; `folder`, where it is not empty, is a name that goes
    before. A mailbox without the folder gets it. `flags` are system flags ("\\Seen").
    """

    mailbox_id: int
    tenant_id: int
    key_version: int
    opaque_id: str
    arrived: datetime
    header: bytes
    payload: bytes | bytearray | memoryview
    special_use: str = INBOX
    folder: str = ""
    flags: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Octets that count against the quota."""
        return len(self.header) + len(self.payload)


class StoreError(Exception):
    """An expected failure of the store; nothing of the call was stored."""


class StoreFull(StoreError):
    """No space on the device, or the cell's own limit is met."""


class StoreUnavailable(StoreError):
    """Locked, gone, or too slow; a later attempt may succeed."""


class KeyChanged(StoreError):
    """A mailbox's current key version is not the one sealed to, or the mailbox is no longer active."""

    def __init__(self, mailbox_ids: Collection[int]) -> None:
        super().__init__("the key or the state of a mailbox changed since its route was read")
        self.mailbox_ids = frozenset(mailbox_ids)


class MailboxFull(StoreError):
    """The quota of these mailboxes does not take the delivery."""

    def __init__(self, mailbox_ids: Collection[int]) -> None:
        super().__init__("the quota of a mailbox does not take the delivery")
        self.mailbox_ids = frozenset(mailbox_ids)


class Mailstore(Protocol):
    """Durable storage of sealed messages."""

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        """Store all or none; durable on return. The mailboxes of one call are distinct.

        Key version, state and quota are checked inside the transaction. A caller that is cancelled leaves the
        transaction either whole or absent. Raises StoreFull, StoreUnavailable, KeyChanged, MailboxFull.
        """


class LostAnswers(Protocol):
    """Deliveries that were stored although their sender could not be told; each swallows one retry.

    A digest is 32 bytes, a keyed hash of envelope sender, mailbox and content. Kept for a day, then forgotten.
    """

    def any(self) -> bool:
        """Whether anything is remembered; from memory, at most a second behind the other processes."""

    async def remember(self, digests: Collection[bytes], *, now: datetime) -> None:
        """Keep them from now on. Raises StoreUnavailable."""

    async def take(self, digests: Collection[bytes], *, now: datetime) -> frozenset[bytes]:
        """Those of `digests` that are remembered and younger than a day; they are forgotten by this call.

        Raises StoreUnavailable.
        """


@dataclass(frozen=True, slots=True)
class Account:
    """Who signed in to send: a mailbox, by its own address in normal form, and the app password that let it in."""

    mailbox_id: int
    tenant_id: int
    address: str
    app_password: int


class Logins(Protocol):
    """App passwords, of either access."""

    async def login(self, username: str, password: str) -> Account | None:
        """The account, None where name or password is wrong: the same work for both. Raises StoreUnavailable."""

    async def still_good(self, account: Account) -> bool:
        """Whether what let it in would still do so. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Recipients a day: in all and never written to before, of a mailbox and of its whole tenant.

    `young` is what a tenant gets that founded itself lately and that nobody vouched for; None: the same.
    """

    mailbox: int = 500
    mailbox_new: int = 100
    tenant: int = 5000
    tenant_new: int = 1000
    young: Allowance | None = None


class Grants(Protocol):
    """Addresses that a mailbox may send as although mail to them does not reach it."""

    async def granted(self, mailbox_id: int, address: str) -> bool:
        """Whether the mailbox may send as this very address, in normal form. Raises StoreUnavailable."""


class WishCounts(Protocol):
    """How often an owner's wishes were followed, or could not be, by day and reason; never about whom."""

    async def take(self, route: Route, what: str, allowed: int, *, young: int, now: datetime) -> bool:
        """Count one more today, unless that would be more than `allowed`, or `young` for a young tenant's mailbox.

        Raises StoreUnavailable.
        """

    async def note(self, mailbox_id: int, what: str, *, now: datetime) -> None:
        """Count one. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Counting:
    """One message to count: who sends, its recipients as digests, each once, the usual limits, the day (UTC)."""

    account: Account
    digests: Collection[bytes]
    allowed: Allowance
    day: date


class Tally(Protocol):
    """How many recipients were written to today. Recipients are known as keyed hashes only, and for a time.

    An operator's own limit of a mailbox or a tenant goes before the usual ones that `count` is given.
    """

    async def count(self, counting: Counting) -> Tallied:
        """Count all of them, or none when that would pass a limit. Raises StoreUnavailable."""


class Tallied(StrEnum):
    """What `Tally.count` found."""

    OK = "ok"
    TOO_MANY = "too_many"
    TOO_MANY_NEW = "too_many_new"


class Metrics(Protocol):
    """Counters without user labels: a label is a reason, a verb, a code; never a name, an address or a host."""

    def count(self, name: str, label: str = "", amount: int = 1) -> None:
        """Add so many."""
