"""How the cell is, in figures: what the first page of the console shows.

In: the notary, the witnesses' keys, the certificate's file, the moment. Out: one value. Every figure is a count or a
date; nobody is named, and a log that nobody outside has seen is called unwitnessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from django.db.models import Count, Min, Q

from jurisdiction.evidence import Assessment
from jurisdiction.ledger.notes import NoteError, PublicKey
from jurisdiction.models import EvidenceItem, Incident, LeaseRow
from jurisdiction.notary import Notary
from jurisdiction.records import evidence, ledger
from mailhost.models import Job, Mailbox, Tenant
from mailhost.provision import queue
from webadmin.cell import tls

SOON: Final = timedelta(days=21)  # a certificate of ninety days is renewed thirty days before its end: it is late
LATE: Final = timedelta(hours=4)  # mail that waits for longer is told to its author: something is wrong
LAST_JOBS: Final = 6


@dataclass(frozen=True, slots=True)
class Certificate:
    """Until when the cell's certificate is good; `days` left, None where no certificate can be read."""

    ends: datetime | None
    days: int | None
    mood: str


@dataclass(frozen=True, slots=True)
class Log:
    """The ledger's newest signed head. `damage` is what is wrong with it, or empty."""

    state: ledger.LedgerState | None
    damage: str


@dataclass(frozen=True, slots=True)
class Leases:
    """How many are in force today, how many have ended, and when the next one does."""

    in_force: int
    ended: int
    next_end: date | None


@dataclass(frozen=True, slots=True)
class Figures:
    """The whole page."""

    queue: queue.Depth
    late: bool
    tenants: dict[str, int]
    mailboxes: dict[str, int]
    jobs: list[Job]
    dead_jobs: int
    log: Log
    certificate: Certificate
    leases: Leases
    evidence: list[EvidenceItem]
    weighed: Assessment


def taken(notary: Notary, witnesses: Sequence[PublicKey], certificate: Path, now: datetime) -> Figures:
    """All figures of this moment, with a number of queries that does not grow with the cell."""
    depth, proofs = queue.depth(), evidence.current(notary)
    return Figures(
        queue=depth,
        late=depth.oldest is not None and now - depth.oldest > LATE,
        tenants=_by_state(Tenant),
        mailboxes=_by_state(Mailbox),
        jobs=list(Job.objects.exclude(state=Job.State.WAITING).order_by("-due", "-pk")[:LAST_JOBS]),
        dead_jobs=Job.objects.filter(state=Job.State.DEAD).count(),
        log=_log(notary, witnesses, now),
        certificate=certificate_of(certificate, now),
        leases=_leases(now.date()),
        evidence=proofs,
        weighed=evidence.assessment(proofs, notary, now.date()),
    )


def incidents() -> list[Incident]:
    """Those that are open, the newest first. They name tenants: show them to whom the tenants allow it."""
    return list(Incident.objects.filter(closed__isnull=True).order_by("-opened", "-pk")[:50])


def _by_state(model: type[Tenant | Mailbox]) -> dict[str, int]:
    rows = model.objects.order_by().values_list("state").annotate(count=Count("pk"))
    found = dict(rows)
    return {"all": sum(found.values())} | {state: found.get(state, 0) for state in model.State.values}


def _log(notary: Notary, witnesses: Sequence[PublicKey], now: datetime) -> Log:
    try:
        return Log(ledger.state(notary, witnesses, now), "")
    except NoteError as problem:
        return Log(None, str(problem))


def certificate_of(file: Path, now: datetime) -> Certificate:
    """A certificate's end as a person should take it: good, soon over, over."""
    ends = tls.expiry(file)
    if ends is None:
        return Certificate(None, None, "bad")
    mood = "bad" if ends <= now else "warn" if ends - now < SOON else "good"
    return Certificate(ends, (ends - now).days, mood)


def _leases(today: date) -> Leases:
    in_force = Q(expires__gte=today)
    found = LeaseRow.objects.aggregate(
        in_force=Count("pk", filter=in_force), ended=Count("pk", filter=~in_force), next_end=Min("expires")
    )
    return Leases(**found)
