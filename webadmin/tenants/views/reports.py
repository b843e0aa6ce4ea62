"""Reports about a domain's mail: what others are told, and what they tell us. All is off where nobody chose."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from mailhost.provision import receiving
from webadmin.tenants import journal
from webadmin.tenants.forms import ReportsForm
from webadmin.tenants.surroundings import cell, show, tenant_of
from webadmin.tenants.views.domains import domain_of


@require_http_methods(["GET", "POST"])
@never_cache
def reports(request: HttpRequest, tenant: str, number: int) -> HttpResponse:
    """The switches, with what each costs."""
    domain = domain_of(tenant_of(tenant), number)
    now = receiving.reports_of(domain)
    start = {"sends": now.sends, "sends_tls": now.sends_tls, "counted": ", ".join(now.counted)}
    form = ReportsForm(request.POST if request.method == "POST" else None, domain=domain, initial=start)
    here = cell()
    if request.method == "POST" and form.is_valid():
        chosen = receiving.set_reports(domain, **form.cleaned_data)
        if chosen != now:
            journal.done(request, domain.tenant, "domain-reports", here.now, about=domain.name)
        messages.success(request, _("Saved. It counts from the next half minute on."))
        return redirect("domain", tenant=tenant, number=number)
    about = {"domain": domain, "tls_reports": here.environ.tls_reports}
    return show(request, domain.tenant, "domain_reports", "tenant-domains", about, form)
