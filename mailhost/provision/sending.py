"""Who may send as whom, and how much a day: what an operator sets beside the usual.

A mailbox may always send as its own address and as every alias that leads to it. A grant lets it send as one more
address of its own tenant, to which mail need not reach it: an assistant who writes for the board. A limit replaces the
usual number of recipients a day, of one mailbox or of a tenant as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from mailhost.models import Mailbox, SenderGrant, SendingLimit
from mailhost.provision import domains, mailboxes, names, tenants
from mailhost.provision.errors import AlreadyThere, BadName, NotFound


@dataclass(frozen=True, slots=True)
class GrantView:
    """One grant as an operator lists it."""

    mailbox: str
    sends_as: str


@dataclass(frozen=True, slots=True)
class LimitView:
    """One limit as an operator lists it; `mailbox` is empty for the tenant as a whole."""

    tenant: str
    mailbox: str
    recipients: int
    new: int


def grant(mailbox: str, address: str, *, cell: str) -> GrantView:
    """Let a mailbox send as an address of its tenant. Raises BadName, NotFound, AlreadyThere."""
    box, name = mailboxes.get(mailbox), names.address(address)
    if domains.get(name.domain).tenant_id != box.tenant_id:
        raise BadName(f"{name.domain} and {box.address} belong to different tenants; a grant stays inside one")
    try:
        with transaction.atomic():
            SenderGrant.objects.create(cell=cell, mailbox=box, address=str(name))
    except IntegrityError:
        raise AlreadyThere(f"{box.address} may send as {name} already") from None
    return GrantView(box.address, str(name))


def revoke(mailbox: str, address: str) -> GrantView:
    """Take a grant back. Raises BadName, NotFound."""
    box, name = mailboxes.get(mailbox), str(names.address(address))
    removed, _ = SenderGrant.objects.filter(mailbox=box, address=name).delete()
    if not removed:
        raise NotFound(f"{box.address} has no grant for {name}; `skerry sending grants` lists them")
    return GrantView(box.address, name)


def grants() -> list[GrantView]:
    """All grants of the cell."""
    rows = SenderGrant.objects.select_related("mailbox").order_by("mailbox__address", "address")
    return [GrantView(row.mailbox.address, row.address) for row in rows]


def limit(about: str, *, recipients: int, new: int) -> LimitView:
    """Set the daily limits of a mailbox (an address) or of a tenant (its slug). Raises BadName, NotFound."""
    box, tenant = _about(about)
    SendingLimit.objects.update_or_create(
        tenant_id=tenant, mailbox=box, defaults={"recipients": recipients, "new": new}
    )
    return _view(SendingLimit.objects.select_related("tenant", "mailbox").get(tenant_id=tenant, mailbox=box))


def usual(about: str) -> None:
    """Go back to the usual limits. Raises BadName, NotFound."""
    box, tenant = _about(about)
    removed, _ = SendingLimit.objects.filter(tenant_id=tenant, mailbox=box).delete()
    if not removed:
        raise NotFound(f"{about} has the usual limits already")


def limits() -> list[LimitView]:
    """All limits that differ from the usual."""
    rows = SendingLimit.objects.select_related("tenant", "mailbox").order_by("tenant__slug", "mailbox__address")
    return [_view(row) for row in rows]


def tenant_of(about: str) -> str:
    """Slug of the tenant that an address or a slug is about. Raises BadName, NotFound."""
    return mailboxes.get(about).tenant.slug if "@" in about else tenants.get(about).slug


def _about(about: str) -> tuple[Mailbox | None, int]:
    if "@" in about:
        box = mailboxes.get(about)
        return box, box.tenant_id
    return None, tenants.get(about).pk


def _view(row: SendingLimit) -> LimitView:
    return LimitView(row.tenant.slug, row.mailbox.address if row.mailbox else "", row.recipients, row.new)
