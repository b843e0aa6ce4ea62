"""Leaving: the owner has the whole tenant deleted after a cooling-off, keeps a receipt, or stays after all."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from mailhost.provision import leaving, tenants
from mailhost.provision.errors import CannotProvision
from webadmin.languages import spoken
from webadmin.tenants import journal
from webadmin.tenants.forms import LeaveForm
from webadmin.tenants.surroundings import cell, show, tenant_of
from webadmin.web import departures, typed


@require_http_methods(["GET", "POST"])
@never_cache
def leave(request: HttpRequest, tenant: str) -> HttpResponse:
    """What will be gone and when; the form asks for the short name, so that it is no slip of the hand."""
    own, here = tenant_of(tenant), cell()
    departure = leaving.of(own)
    days = here.environ.cooling_off_days
    sent = request.POST if request.method == "POST" and departure is None else None
    form = LeaveForm(sent, slug=own.slug, initial=typed.again(request))
    if form.is_bound and form.is_valid():
        wish = leaving.Wish(by_operator=False, why=form.cleaned_data["why"], cooling_off=timedelta(days=days))
        leaving.ask(own.slug, wish, notary=here.notary, now=here.now)
        journal.done(request, own, "leave", here.now, why=wish.why)
        messages.success(request, _("It is decided. Keep the receipt: it is yours when nothing else is left."))
        return redirect("tenant-leave", tenant=tenant)
    about = {
        "departure": departure,
        "days": days,
        "counts": tenants.show(own.slug),
        "receipt": _shown(request, departures.link(own.slug, departure.entry, here.notary)) if departure else "",
    }
    return show(request, own, "leave", "tenant", about, form)


@require_POST
@never_cache
def stay(request: HttpRequest, tenant: str) -> HttpResponse:
    """Take the decision back."""
    here = cell()
    try:
        leaving.restore(tenant, by_operator=False, notary=here.notary, now=here.now)
    except CannotProvision as problem:
        messages.error(request, spoken.refusal(problem))
        return redirect("tenant-leave", tenant=tenant)
    journal.done(request, tenant_of(tenant), "stay", here.now)
    messages.success(request, _("You stay: mail flows again as before."))
    return redirect("tenant", tenant=tenant)


def _shown(request: HttpRequest, path: str) -> str:
    address = cell().environ.web_address
    return f"{address}{path}" if address.startswith("https://") else request.build_absolute_uri(path)
