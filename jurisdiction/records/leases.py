"""Leases: each kind of a tenant's data is in this cell by a permission that ends and is decided anew every day.

Renewing asks the same decision as homing, with the evidence of today. What no longer holds (the law changed, an
owner, a round trip that is too fast, evidence too old) renews nothing: an incident is opened, and while it is open
no new data of that kind is taken for that tenant. What lies there already stays until a person moves it; deleting
mail is no remedy. When everything holds again the incident closes by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import transaction

from jurisdiction.evidence import Assessment, Lease, NoLease, lease
from jurisdiction.homing import home_question
from jurisdiction.models import Incident, LeaseRow
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Place
from jurisdiction.records import evidence, ledger, policies

# What a cell has of a tenant: its data, and work on it.
KINDS: Final = ("primary", "worker")
LEASING = 13  # enforcement point: the machine must show where it is before it may hold anything


class Blocked(Exception):
    """An incident is open, or the lease has ended: no new data of this kind is taken. The text says why."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of one lease. `drift` says why it was not renewed."""

    tenant: str
    kind: str
    drift: str | None


def question(kind: str, notary: Notary, today: date) -> tuple[Place, Assessment]:
    """What is asked about a kind of data in this cell, and the evidence it is asked with."""
    rows = evidence.current(notary)
    assessed = evidence.assessment(rows, notary, today)
    plain = home_question(notary.home, kind)
    cell = notary.home.cell if kind == "worker" else None
    return (
        Place(
            kind,
            plain.location,
            plain.controllers,
            geo=evidence.geo_verdict(rows),
            encrypted_client_key=plain.encrypted_client_key,
            cell=cell,
            task_cell=cell,
            evidence_age_days=assessed.age_days,
            rtt=evidence.refuting(rows),
        ),
        assessed,
    )


def renew(tenant: str, notary: Notary, today: date) -> list[Renewal]:
    """Decide every lease of a tenant anew. Raises NoPolicy, PolicyForged, OtherLedger."""
    with transaction.atomic():
        evidence.declare(notary, today)
        policy = policies.in_force(tenant, notary.key.verify_key)
        return [_renew(tenant, kind, policy, notary, today) for kind in KINDS]


def renew_all(notary: Notary, today: date) -> Iterator[Renewal]:
    """As `renew`, for every tenant that has a policy."""
    for tenant, _policy in list(policies.all_in_force(notary.key.verify_key)):
        yield from renew(tenant, notary, today)


def _renew(tenant: str, kind: str, policy: Policy, notary: Notary, today: date) -> Renewal:
    asked, assessed = question(kind, notary, today)
    decision = notary.decide(asked, policy, today)
    try:
        made = lease(f"{tenant}/{kind}", decision, assessed, today)
    except NoLease as refusal:
        _open_incident(tenant, asked, decision, assessed, policy, notary, today, str(refusal))
        return Renewal(tenant, kind, str(refusal))
    _grant(tenant, kind, made, notary)
    closed = Incident.objects.filter(tenant=tenant, kind=kind, closed__isnull=True).update(closed=today)
    if closed:
        _put_on_record(tenant, asked, decision, assessed, policy, notary, today)
    return Renewal(tenant, kind, None)


def _grant(tenant: str, kind: str, made: Lease, notary: Notary) -> None:
    LeaseRow.objects.update_or_create(
        tenant=tenant,
        kind=kind,
        defaults={
            "cell": notary.home.cell,
            "grade": made.grade.value,
            "decided_on": made.decided_on,
            "expires": made.expires,
        },
    )


def _open_incident(
    tenant: str,
    asked: Place,
    decision: Decision,
    assessed: Assessment,
    policy: Policy,
    notary: Notary,
    today: date,
    why: str,
) -> None:
    known = Incident.objects.filter(tenant=tenant, kind=asked.kind, closed__isnull=True).first()
    if known is not None and known.reason == why:
        return
    if known is not None:
        known.reason = why
        known.save(update_fields=["reason"])
    else:
        Incident.objects.create(cell=notary.home.cell, tenant=tenant, kind=asked.kind, opened=today, reason=why)
    _put_on_record(tenant, asked, decision, assessed, policy, notary, today)


def _put_on_record(
    tenant: str,
    asked: Place,
    decision: Decision,
    assessed: Assessment,
    policy: Policy,
    notary: Notary,
    today: date,
) -> None:
    policies.record(LEASING, asked, asked.kind, decision, policy, notary, tenant=tenant, on=today)
    tag = notary.tag(policies.TENANT, tenant)
    entry = policies.placement_entry(tag, asked.kind, decision, policy, notary, today, assessed.digests)
    ledger.append([(entry, tag)], notary)


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A lease as a tenant reads it; days in ISO form."""

    kind: str
    grade: str
    decided_on: str
    expires: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident as a tenant reads it; `closed` None while it is open."""

    kind: str
    opened: str
    closed: str | None
    reason: str


def listing(tenant: str) -> list[LeaseView]:
    """The leases of a tenant, by kind."""
    rows = LeaseRow.objects.filter(tenant=tenant).order_by("kind")
    return [LeaseView(row.kind, row.grade, row.decided_on.isoformat(), row.expires.isoformat()) for row in rows]


def incidents(tenant: str) -> list[IncidentView]:
    """The incidents of a tenant, the newest first."""
    rows = Incident.objects.filter(tenant=tenant).order_by("-id")
    return [
        IncidentView(row.kind, row.opened.isoformat(), row.closed.isoformat() if row.closed else None, row.reason)
        for row in rows
    ]


def is_open(tenant: str, kind: str) -> bool:
    """Whether an incident about this kind of the tenant's data is open."""
    return Incident.objects.filter(tenant=tenant, kind=kind, closed__isnull=True).exists()


def refuse_if_blocked(tenant: str, kind: str, today: date) -> None:
    """Raises Blocked unless a lease for this kind of the tenant's data is in force and no incident is open."""
    incident = Incident.objects.filter(tenant=tenant, kind=kind, closed__isnull=True).first()
    if incident is not None:
        raise Blocked(
            f"since {incident.opened} nothing new is stored for tenant {tenant!r}: {incident.reason};"
            " `skerry evidence renew` decides anew once that is mended"
        )
    held = LeaseRow.objects.filter(tenant=tenant, kind=kind).first()
    if held is None or not held.decided_on <= today <= held.expires:
        ended = "there is none" if held is None else f"it ended on {held.expires}"
        raise Blocked(
            f"tenant {tenant!r} has no lease in this cell ({ended}); is the worker running? `skerry evidence renew`"
        )
