"""The five questions anyone may ask, and the answer they get.

A question is everything the decision needs to know about the situation, stated by the one who asks; nothing is
looked up behind its back. A `Decision` is a value with reasons: acting on it is someone else's job. `deny` beats
`hold` beats `allow`, and a `hold` waits for a human; it never becomes `allow` by running out of time.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

# What can be placed. Only a backup is held to other rules than the rest (its own countries, the tenant's key).
KINDS = frozenset(
    [
        "primary",
        "replica",
        "backup",
        "worker",
        "queue",
        "key",
        "key-share",
        "index",
        "cache",
        "log",
        "metrics",
        "telemetry",
        "dns",
        "mx",
        "egress-ip",
        "web",
        "node",
        "blob",
        "database",
        "broker",
        "search",
        "restore",
        "support-session",
    ]
)
GEO_VERDICTS = frozenset({"agree", "conflict", "unknown", "not_a_country", "anycast"})
MODES = frozenset({"e2e", "note", "tls", "plain"})
CHANNELS = frozenset({"direct", "court", "epoc", "mla"})
WANTS = frozenset({"metadata", "content"})


class Verdict(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    HOLD = "hold"
    REFER = "refer"
    COUNSEL = "counsel"
    PLAN = "plan"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The fastest of many signed replies to one landmark, in milliseconds."""

    landmark: str
    ms: float


@dataclass(frozen=True, slots=True)
class Place:
    """May this kind of data lie, or this kind of work be done, there? `controllers` are the countries of the
    operator and of everyone who controls it; an empty tuple means that nobody is known."""

    kind: str
    location: str
    controllers: tuple[str, ...]
    geo: str = "unknown"
    encrypted_client_key: bool = False
    cell: str | None = None
    task_cell: str | None = None
    evidence_age_days: float | None = None
    rtt: RoundTrip | None = None


@dataclass(frozen=True, slots=True)
class Egress:
    """May a message be handed to this mail server? mode `e2e`: the server gets ciphertext only; `note`: under TLS, the
    word that a message waits in the cell; `tls`: it can read the message; `plain`: so can the wire.
    `sender_consent` is for this one message, `standing_consent` for all to its reader."""

    mx_location: str
    mx_controllers: tuple[str, ...]
    mode: str
    sender_consent: bool = False
    standing_consent: bool = False
    tenant_allows_consent: bool = False


@dataclass(frozen=True, slots=True)
class Operator:
    """May an operator who sits in this country open a session?"""

    login_country: str
    ticket: bool
    wants: str


@dataclass(frozen=True, slots=True)
class Legal:
    """Who must answer an authority's request that reached the cell?"""

    from_country: str
    via: str
    cell_country: str
    controllers: tuple[str, ...]
    offers_in_eu: bool


@dataclass(frozen=True, slots=True)
class LawChange:
    """A fact becomes true on a day, in a country where the tenant's mail lies. Where to move?"""

    country: str
    fact: str
    in_force: date
    candidates: tuple[str, ...]


type Question = Place | Egress | Operator | Legal | LawChange


class Decision(NamedTuple):
    """`because` are reason codes, `facts` the ids of the facts that were read, `expires` the last day on which the
    answer may be used without asking again, `obligations` what the one who acts must also do."""

    verdict: Verdict
    because: tuple[str, ...]
    facts: tuple[str, ...] = ()
    expires: date | None = None
    obligations: tuple[str, ...] = ()


EARLIEST_ZONE = timedelta(hours=14)  # Kiritimati; the first place where a new day begins
LATEST_ZONE = timedelta(hours=12)  # Baker Island; the last place where the old day ends


class Moment(NamedTuple):
    """When a question is asked: `days` of law that count as today, `known` the day of knowledge."""

    days: tuple[date, ...]
    known: date


def moment(now: "date | datetime | Moment") -> Moment:
    """A day stands for itself. An instant stands for every calendar day it is somewhere on Earth, because a law
    begins at local midnight: what denies begins early and ends late. Raises ValueError for a naive datetime."""
    if type(now) is date:
        return Moment((now,), now)
    if isinstance(now, Moment):
        return now
    if isinstance(now, datetime):
        if now.tzinfo is None:
            raise ValueError("A time without zone cannot be compared with a law's first day; pass UTC")
        utc = now.astimezone(UTC)
        days = (utc.date(), (utc - LATEST_ZONE).date(), (utc + EARLIEST_ZONE).date())
        return Moment(tuple(dict.fromkeys(days)), utc.date())
    return Moment((now,), now)
