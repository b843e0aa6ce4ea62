"""Domains of a tenant: add, bring, prove, list, delete.

A domain that an operator adds counts as verified: whoever can run this command decides what the host serves. One
that a tenant *brings* has to be proven by a record in its DNS first; until then it carries no mail, holds no mailbox
and reserves nothing: it gives way to whoever can add or prove it, so that nobody can sit on another's name.
A name is claimed at the directory, as a keyed hash, before the cell serves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet

from mailhost.models import Domain, Mailbox, ReportAddress, SenderGrant, Tenant
from mailhost.provision import names, tenants
from mailhost.provision.claims import Claims, held
from mailhost.provision.errors import AlreadyThere, NotFound, NotProven, StillInUse
from mailhost.provision.removal import Blobs, remove_mailbox

# Unproven domains of one tenant: each is looked up every hour, and nobody moves house with more at a time.
MAX_UNPROVEN: Final = 10
UNPROVEN_FOR: Final = timedelta(days=30)  # who moves house with a domain has done it by then; it can be brought again


@dataclass(frozen=True, slots=True)
class DomainView:
    """A hosted domain as an operator lists it."""

    domain: str
    tenant: str
    verified: str | None  # ISO date
    mailboxes: int


def get(name: str) -> Domain:
    """The domain. Raises NotFound, BadName."""
    name = names.domain(name)
    try:
        return Domain.objects.select_related("tenant").get(name=name)
    except Domain.DoesNotExist:
        raise NotFound(f"{name} is not hosted here; add it with `skerry domain add {name} --tenant SLUG`") from None


def tenant_of(name: str) -> str:
    """Slug of the tenant whose mailbox, else whose domain, this is. Raises NotFound, BadName.

    A mailbox on the cell's shared domain belongs to another tenant than the domain.
    """
    box = Mailbox.objects.select_related("tenant").filter(address=name.strip().lower()).first() if "@" in name else None
    return str(box.tenant.slug if box else get(name.rpartition("@")[2]).tenant.slug)


def add(name: str, tenant_slug: str, *, now: datetime, claims: Claims) -> DomainView:
    """Host a domain, verified. Raises BadName, NotFound, AlreadyThere, TakenElsewhere, DirectoryUnreachable."""
    name = names.domain(name)
    tenant = tenants.get(tenant_slug)
    _refuse_taken(name)
    with held(claims.claim_domain, claims.release_domain, name), transaction.atomic():
        _refuse_taken(name)
        _let_go(Domain.objects.filter(name=name, verified=None))
        _create(tenant, name, now.date())
    return DomainView(name, tenant.slug, now.date().isoformat(), 0)


def _refuse_taken(name: str) -> None:
    taken = Domain.objects.select_related("tenant").filter(name=name).first()
    if taken and taken.verified:
        raise AlreadyThere(f"{name} is hosted here already, for tenant {taken.tenant.slug!r}")


def bring(name: str, tenant_slug: str) -> Domain:
    """A domain that the tenant says is theirs, unproven. Raises BadName, NotFound, AlreadyThere.

    The refusal does not say whose domain it is: that is nobody's business but theirs.
    """
    name = names.domain(name)
    tenant = tenants.get(tenant_slug)
    with transaction.atomic():
        there = Domain.objects.select_for_update().filter(name=name).first()
        if there is not None and (there.verified or there.tenant_id == tenant.pk):
            raise _already(there, tenant)
        if there is not None:
            _let_go(Domain.objects.filter(pk=there.pk))
        if Domain.objects.filter(tenant=tenant, verified=None).count() >= MAX_UNPROVEN:
            raise StillInUse(f"{MAX_UNPROVEN} of your domains wait for their proof; prove or remove one of them first")
        return _create(tenant, name, None)


def _create(tenant: Tenant, name: str, verified: date | None) -> Domain:
    """The row; AlreadyThere where somebody was quicker, for PostgreSQL lets two ask at the same moment."""
    try:
        with transaction.atomic():
            return Domain.objects.create(cell=tenant.cell, tenant=tenant, name=name, verified=verified)
    except IntegrityError:
        there = Domain.objects.filter(name=name).first()
        if there is None:
            raise
        raise _already(there, tenant) from None


def _already(there: Domain, tenant: Tenant) -> AlreadyThere:
    name = there.name
    if there.tenant_id == tenant.pk:
        return AlreadyThere(f"{name} is in your list already")
    return AlreadyThere(f"{name} is hosted here already; if it is yours, ask whoever runs this host")


def expire(today: date) -> int:
    """Let go of domains that nobody proved in time; how many. One that is new to this begins to wait today."""
    waiting = Domain.objects.filter(verified=None)
    waiting.filter(brought=None).update(brought=today)
    return _let_go(waiting.filter(brought__lte=today - UNPROVEN_FOR, mailbox=None))


def _let_go(gone: QuerySet[Domain]) -> int:
    """Delete domains, with what names addresses of theirs without hanging on their rows; how many domains."""
    with transaction.atomic():
        for name in list(gone.values_list("name", flat=True)):
            ReportAddress.objects.filter(address__endswith=f"@{name}").delete()
            SenderGrant.objects.filter(address__endswith=f"@{name}").delete()
        return gone.delete()[1].get(Domain._meta.label, 0)


def prove(domain: Domain, *, now: datetime, claims: Claims) -> None:
    """Take mail for a domain whose proof was seen; twice changes nothing. Raises TakenElsewhere, DirectoryUnreachable.

    The row may have gone meanwhile, to somebody else with their own proof: then nothing happens.
    """
    if domain.verified is not None:
        return
    with held(claims.claim_domain, claims.release_domain, domain.name):
        Domain.objects.filter(pk=domain.pk, verified=None).update(verified=now.date())
    domain.verified = now.date()


def set_catch_all(domain: Domain, address: str) -> None:
    """Lead mail for unknown names to a mailbox of the domain's tenant, or with "" nowhere. Raises NotFound."""
    box = Mailbox.objects.filter(tenant=domain.tenant_id, address=address).first() if address else None
    if address and box is None:
        raise NotFound(f"there is no mailbox {address} in this organisation")
    Domain.objects.filter(pk=domain.pk).update(catch_all=box)


def proven(name: str) -> Domain:
    """A domain that may have mailboxes. Raises NotFound, BadName, NotProven."""
    row = get(name)
    if row.verified is None:
        raise NotProven(f"{row.name} is not proven yet: add its ownership record to the DNS first")
    return row


def listing(tenant_slug: str | None = None) -> list[DomainView]:
    """Domains of one tenant or of the whole cell, by name. Raises NotFound, BadName."""
    rows = Domain.objects.select_related("tenant").annotate(mailboxes=Count("mailbox")).order_by("name")
    if tenant_slug is not None:
        rows = rows.filter(tenant=tenants.get(tenant_slug))
    return [
        DomainView(row.name, row.tenant.slug, row.verified.isoformat() if row.verified else None, row.mailboxes)
        for row in rows
    ]


def still_in_use(name: str, mailboxes: int) -> str:
    """Why a domain with mailboxes is not deleted just so."""
    return f"{name} still has {mailboxes} mailboxes; export or delete them first, or add --with-mailboxes"


def delete(name: str, *, claims: Claims, blobs: Blobs, with_mailboxes: bool = False) -> DomainView:
    """Stop hosting a domain; aliases, grants and counted addresses go with it. Raises NotFound, BadName, StillInUse."""
    row = get(name)
    boxes = list(Mailbox.objects.filter(domain=row).order_by("pk"))
    if boxes and not with_mailboxes:
        raise StillInUse(still_in_use(row.name, len(boxes)))
    for box in boxes:
        remove_mailbox(box, blobs=blobs)
    # Before the row goes: a directory that does not answer would keep a name that nobody asks it to release again.
    claims.release_domain(row.name)
    _let_go(Domain.objects.filter(pk=row.pk))
    return DomainView(
        row.name, row.tenant.slug, row.verified.isoformat() if row.verified else None, mailboxes=len(boxes)
    )
