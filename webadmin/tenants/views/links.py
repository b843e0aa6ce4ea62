"""The tenant's secure links: how long they live, what their readers may send back, and how many there are.

Counts only: whose links they are and for whom is between author and reader.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from mailhost.provision import securelinks
from mailhost.provision.errors import CannotProvision
from webadmin.languages import spoken
from webadmin.tenants.forms import LinksForm
from webadmin.tenants.surroundings import cell, show, tenant_of


@require_http_methods(["GET", "POST"])
@never_cache
def links(request: HttpRequest, tenant: str) -> HttpResponse:
    """Counts and settings."""
    own, here = tenant_of(tenant), cell()
    rules = securelinks.rules_of(own)
    start = {"days": rules.days, "answers": rules.answers, "attachments": rules.attachments}
    form = LinksForm(request.POST if request.method == "POST" else None, initial=start)
    if request.method == "POST" and form.is_valid():
        try:
            securelinks.choose(own.slug, **form.cleaned_data)
        except CannotProvision as problem:
            form.add_error("days", spoken.refusal(problem))
        else:
            messages.success(request, _("New links follow this; open ones keep their day."))
            return redirect("tenant-links", tenant=tenant)
    about = {"counts": securelinks.counts(own, here.now.date())}
    return show(request, own, "links", "tenant-links", about, form)
