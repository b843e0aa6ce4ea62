"""Tenants without their content: counts, domains, leases, and what operators did; suspend and resume.

Every address below a tenant is asked about by the gate, and the tenant reads that it was opened.
"""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from jurisdiction.records import leases, operators
from mailhost.models import Tenant
from mailhost.provision import leaving, tenants
from webadmin.console.desk import cut, desk
from webadmin.console.views import deeds
from webadmin.languages import spoken
from webadmin.tenants import journal

LAST_ACTS: Final = 20
MAX_SEARCH: Final = 120


@require_safe
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """Tenants by name, a page at a time; `?q=` finds by the beginning of the short name, `?state=` by state."""
    at, rows = desk(request), Tenant.objects.order_by("slug")
    wanted, state = request.GET.get("q", "").strip()[:MAX_SEARCH], request.GET.get("state", "")
    if wanted:
        rows = rows.filter(slug__startswith=wanted.lower())
    if state in Tenant.State.values:
        rows = rows.filter(state=state)
    found = cut(request, rows, lambda row: row.slug, at)
    about = {
        "page": found.page,
        "tenants": tenants.listing([row.slug for row in found.rows]),
        "kept_out": found.kept_out,
        "wanted": wanted,
        "state": state,
    }
    return render(request, "console/tenants.html", about)


@require_safe
@never_cache
def show(request: HttpRequest, tenant: str) -> HttpResponse:
    """One tenant; the gate has asked its policy and told it."""
    about = {
        "tenant": tenants.show(tenant),
        "leases": leases.listing(tenant),
        "incidents": leases.incidents(tenant)[:LAST_ACTS],
        "acts": [journal.operators_line(operators.view_of(act)) for act in operators.acts_of(tenant)[:LAST_ACTS]],
    }
    return render(request, "console/tenant.html", about)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def state(request: HttpRequest, tenant: str) -> HttpResponse:
    """Suspend whoever is not suspended, resume whoever is."""
    at, view = desk(request), tenants.show(tenant)
    if view.state == Tenant.State.LEAVING:
        messages.info(request, _("It is leaving: keep it first, then suspend it."))
        return redirect("console-tenant", tenant=tenant)
    suspended = view.state == Tenant.State.SUSPENDED

    def resume(_why: str) -> str:
        now = tenants.set_state(tenant, Tenant.State.ACTIVE, now=at.now)
        return _("%(tenant)s is %(state)s.") % {"tenant": now.slug, "state": spoken.word(now.state)}

    counts = {"tenant": view.slug, "mailboxes": view.mailboxes}
    deed = deeds.Deed(
        title=(_("Resume %(tenant)s") if suspended else _("Suspend %(tenant)s")) % counts,
        text=(
            _("Its %(mailboxes)d mailboxes take mail and logins again.")
            if suspended
            else _("Its %(mailboxes)d mailboxes put mail off and refuse logins. Nothing is removed; you can undo it.")
        )
        % counts,
        button=_("Resume") if suspended else _("Suspend"),
        danger=not suspended,
        tenant=tenant,
        what="tenant resume" if suspended else "tenant suspend",
        do=resume if suspended else None,
        grave="" if suspended else "tenant-suspend",
        back=reverse("console-tenant", kwargs={"tenant": tenant}),
    )
    return deeds.page(request, at, deed)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delete(request: HttpRequest, tenant: str) -> HttpResponse:
    """Begin the cooling-off at whose end the tenant is gone; take it back while it lasts."""
    at, view = desk(request), tenants.show(tenant)
    is_leaving = view.gone_after is not None

    def restore(_why: str) -> str:
        leaving.restore(tenant, by_operator=True, notary=at.notary, now=at.now)
        return _("%(tenant)s stays.") % {"tenant": tenant}

    counts = {"tenant": view.slug, "mailboxes": view.mailboxes, "days": at.environ.cooling_off_days}
    text = (
        _("It is kept, as it was before.")
        if is_leaving
        else _("In %(days)d days all it has is removed, mailboxes: %(mailboxes)d. Until then its people read"
               " and export, nothing new is stored, and you can take it back.")
    )  # fmt: skip
    deed = deeds.Deed(
        title=(_("Keep %(tenant)s") if is_leaving else _("Delete %(tenant)s")) % counts,
        text=text % counts,
        button=_("Keep it") if is_leaving else _("Delete it"),
        danger=not is_leaving,
        tenant=tenant,
        what="tenant restore" if is_leaving else "tenant delete",
        do=restore if is_leaving else None,
        grave="" if is_leaving else "tenant-delete",
        back=reverse("console-tenant", kwargs={"tenant": tenant}),
    )
    return deeds.page(request, at, deed)
