"""Aliases: other addresses of a mailbox. One address may lead to several mailboxes of the same tenant.

The alias's domain must be hosted here for the tenant that owns the mailbox: an alias is no way to read another
tenant's mail. An address is a mailbox or an alias, not both, so that nobody's mail is copied away by adding one.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from mailhost.models import Alias, Mailbox
from mailhost.provision import domains, mailboxes, names
from mailhost.provision.errors import AlreadyThere, BadName, NotFound


@dataclass(frozen=True, slots=True)
class AliasView:
    """One alias as an operator lists it."""

    alias: str
    mailbox: str


def add(alias: str, mailbox: str, *, cell: str) -> AliasView:
    """Let mail for `alias` arrive at `mailbox`. Raises BadName, NotFound, NotProven, AlreadyThere."""
    name = names.address(alias)
    domain = domains.proven(name.domain)
    box = mailboxes.get(mailbox)
    if domain.tenant_id != box.tenant_id:
        raise BadName(f"{name.domain} and {box.address} belong to different tenants; an alias stays inside one")
    if Mailbox.objects.filter(address=str(name)).exists():
        raise AlreadyThere(f"{name} is a mailbox; an address is a mailbox or an alias, not both")
    try:
        with transaction.atomic():
            Alias.objects.create(cell=cell, domain=domain, address=str(name), mailbox=box)
    except IntegrityError:
        raise AlreadyThere(f"{name} leads to {box.address} already") from None
    return AliasView(str(name), box.address)


def listing(about: str | None = None) -> list[AliasView]:
    """All aliases, or those of one mailbox, one alias address or one domain. Raises BadName."""
    rows = Alias.objects.select_related("mailbox").order_by("address", "mailbox__address")
    if about is not None:
        if "@" in about:
            wanted = str(names.address(about))
            rows = rows.filter(address=wanted) | rows.filter(mailbox__address=wanted)
        else:
            rows = rows.filter(domain__name=names.domain(about))
    return [AliasView(row.address, row.mailbox.address) for row in rows]


def delete(alias: str, mailbox: str | None = None) -> list[AliasView]:
    """Remove an alias altogether, or only its way to one mailbox; what went. Raises BadName, NotFound."""
    name = str(names.address(alias))
    rows = Alias.objects.select_related("mailbox").filter(address=name).order_by("mailbox__address")
    if mailbox is not None:
        rows = rows.filter(mailbox__address=str(names.address(mailbox)))
    gone = [AliasView(row.address, row.mailbox.address) for row in rows]
    if not gone:
        raise NotFound(f"there is no alias {name}" + (f" to {mailbox}" if mailbox else ""))
    Alias.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return gone
