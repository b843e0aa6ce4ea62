"""The overview: how the tenant stands, and the one thing that should be done next."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jurisdiction.notary import Notary
from jurisdiction.records import leases, ledger, policies
from mailhost.models import Domain, Mailbox, QueueItem, Tenant
from webadmin.cell import witnessing
from webadmin.environ import Environ
from webadmin.languages import spoken
from webadmin.tenants.surroundings import cell, show, tenant_of
from webadmin.web import gate
from webadmin.web.access import Role


@dataclass(frozen=True, slots=True)
class Next:
    """A thing to do: why, and where."""

    title: str
    text: str
    href: str
    act: str


@require_safe
@never_cache
def overview(request: HttpRequest, tenant: str) -> HttpResponse:
    """State of domains, mailboxes, law and log, each with the way to its page."""
    own, here = tenant_of(tenant), cell()
    found = Domain.objects.filter(tenant=own).aggregate(
        all=Count("pk"),
        unproven=Count("pk", filter=Q(verified=None)),
        unseen=Count("pk", filter=Q(domaincheck=None)),
        troubled=Count("pk", filter=Q(verified__isnull=False, domaincheck__problems__gt=0)),
    )
    boxes = Mailbox.objects.filter(tenant=own).aggregate(
        all=Count("pk"),
        invited=Count("pk", filter=Q(state=Mailbox.State.INVITED)),
        used=Sum("mailboxusage__bytes", default=0),
        quota=Sum("quota_bytes", default=0),
    )
    notary = here.notary
    policy = policies.in_force(own.slug, notary.key.verify_key)
    about = {
        "domains": found,
        "boxes": boxes,
        "policy": policy,
        "countries": [spoken.country(notary.atlas, code) for code in policy.allow],
        "place": spoken.country(notary.atlas, notary.home.country),
        "lease": next((one for one in leases.listing(own.slug) if one.kind == "primary"), None),
        "log": _log(notary, here.environ),
        "held": QueueItem.objects.filter(message__tenant=own, state=QueueItem.State.HELD).count(),
        "next": _next(own, found),
        "is_founder": Role.TENANT_OWNER in gate.caller(request).roles,
    }
    return show(request, own, "overview", "tenant", about)


def _log(notary: Notary, environ: Environ) -> dict[str, object]:
    head = ledger.latest_checkpoint()
    if head is None:
        return {"size": 0, "witnesses": ()}
    return {"size": head.size, "witnesses": ledger.witnesses_of(head, notary.log_key, witnessing.keys(environ))}


def _next(tenant: Tenant, domains: dict[str, int]) -> Next | None:
    """The first of what is open, in the order in which it blocks."""
    to_domains = reverse("tenant-domains", kwargs={"tenant": tenant.slug})
    if domains["unproven"]:
        title = _("Prove that your domain is yours")
        return Next(title, _("One record in its DNS, and we take mail for it."), to_domains, _("Open your domains"))
    if domains["troubled"]:
        title = _("A domain's DNS needs you")
        text = _("Mail may not arrive, or not be believed. The page says which record, and what to enter.")
        return Next(title, text, to_domains, _("See what is wrong"))
    if not domains["all"]:
        title = _("Bring your own domain")
        text = _("Your addresses move with you. It takes a few records at whoever sold you the domain.")
        return Next(title, text, to_domains, _("Add a domain"))
    return None
