"""What every view of the interface needs: the tenant, the cell, and how its answers are described.

A view is thin: it reads a described body, calls a use-case, and gives back values that the described answer is made of.
Rows are looked up *through* the tenant, so that another tenant's do not exist.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from mailhost.models import Domain, Mailbox, Tenant
from mailhost.provision import tenants
from mailhost.provision.errors import NotFound
from webadmin.api import admission
from webadmin.tenants.surroundings import Cell, cell

__all__ = ["Cell", "by_operator", "cell", "domain_of", "mailbox_of", "of", "tenant_of"]


def tenant_of(slug: str) -> Tenant:
    """The tenant of an address that the gate has let pass."""
    return tenants.get(slug)


def mailbox_of(slug: str, number: int) -> Mailbox:
    """A mailbox of this tenant. Raises NotFound."""
    rows = Mailbox.objects.select_related("tenant", "domain", "mailboxusage")
    found = rows.filter(tenant__slug=slug, pk=number).first()
    if found is None:
        raise NotFound(f"there is no mailbox {number} here")
    return found


def domain_of(slug: str, number: int) -> Domain:
    """A domain of this tenant. Raises NotFound."""
    found = Domain.objects.select_related("tenant", "catch_all").filter(tenant__slug=slug, pk=number).first()
    if found is None:
        raise NotFound(f"there is no domain {number} here")
    return found


def by_operator(request: HttpRequest) -> bool:
    """Whether an operator's program asks."""
    return admission.token_of(request).tenant is None


def of(answer: Any, status: int = 200) -> dict[int, Any]:
    """How a view's answers are described: what it gives. What it may refuse with is the same for all: `description`."""
    return {status: answer}
