"""A tenant's policy and what follows from it at once: the place is decided anew, forbidden ways of access end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.records import leases, policies
from mailhost.models import AppPassword
from mailhost.provision import tenants
from mailhost.provision.errors import CellExcluded


@dataclass(frozen=True, slots=True)
class Adopted:
    """The policy as it is in force, and how many app passwords ended with the access it no longer allows."""

    policy: Policy
    revoked: int


def adopt(slug: str, policy: Policy, notary: Notary, now: datetime) -> Adopted:
    """Put a policy in force. Raises NotFound, BadName, CellExcluded."""
    tenant = tenants.get(slug)
    with transaction.atomic():
        try:
            made = policies.adopt(tenant.slug, policy, notary, now)
        except policies.Excluded as excluded:
            raise CellExcluded(str(excluded)) from None
        tenants.follow(leases.renew(tenant.slug, notary, now.date()))
        forbidden = AppPassword.objects.filter(mailbox__tenant=tenant, revoked=None).exclude(access__in=made.access)
        revoked = forbidden.update(revoked=now.date(), wrap=None)
    return Adopted(made, revoked)
