"""How much tenants may send a day: the usual, those that differ, and changing one, which the tenant reads."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from mailhost.models import SendingLimit, Tenant
from mailhost.ports import Allowance
from mailhost.provision import sending, tenants
from webadmin.console.desk import cut, desk
from webadmin.console.forms import LimitForm
from webadmin.console.views import deeds


@require_safe
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """The usual limits, those of young tenants, and every tenant that has others."""
    at = desk(request)
    differs = Q(sendinglimit__isnull=False) | Q(young_until__gte=at.now.date())
    own = Count("sendinglimit", filter=Q(sendinglimit__mailbox__isnull=False), distinct=True)
    rows = Tenant.objects.filter(differs).annotate(boxes=own).order_by("slug").distinct()
    found = cut(request, rows, lambda row: row.slug, at)
    whole = {
        limit.tenant_id: limit for limit in SendingLimit.objects.filter(tenant__in=found.rows, mailbox__isnull=True)
    }
    about = {
        "usual": Allowance(),
        "young": (at.environ.young_recipients, at.environ.young_new_recipients, at.environ.young_days),
        "rows": [(row, whole.get(row.pk)) for row in found.rows],
        "page": found.page,
        "kept_out": found.kept_out,
        "today": at.now.date(),
    }
    return render(request, "console/limits.html", about)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def change(request: HttpRequest, tenant: str) -> HttpResponse:
    """Set what one tenant may send a day as a whole; the usual values take a limit of its own away."""
    at, own, usual = desk(request), tenants.get(tenant), Allowance()
    known = SendingLimit.objects.filter(tenant=own, mailbox__isnull=True).first()
    start = {"recipients": known.recipients if known else usual.tenant, "new": known.new if known else usual.tenant_new}
    form = LimitForm(request.POST if request.method == "POST" else None, initial=start)
    if form.is_bound and form.is_valid():
        wanted = form.cleaned_data
        refused = deeds.asked(request, at, own.slug, "sending limit", wanted["why"])
        if refused is not None:
            return refused
        if (wanted["recipients"], wanted["new"]) != (usual.tenant, usual.tenant_new):
            sending.limit(own.slug, recipients=wanted["recipients"], new=wanted["new"])
        elif known is not None:
            sending.usual(own.slug)
        messages.success(request, _("%(tenant)s has new limits, from its next message on.") % {"tenant": own.slug})
        return redirect("console-limits")
    about = {"form": form, "tenant": own, "known": known, "usual": usual}
    return render(request, "console/limit.html", about, status=422 if form.errors else 200)
