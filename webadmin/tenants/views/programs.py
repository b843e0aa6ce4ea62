"""Tokens of the programming interface: which there are, a new one shown once, an end to one."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from mailhost.models import Tenant
from webadmin.accounts import entry, factors
from webadmin.api import rights, tokens
from webadmin.languages import spoken
from webadmin.tenants import journal
from webadmin.tenants.forms import TokenForm
from webadmin.tenants.surroundings import cell, show, tenant_of
from webadmin.web import once, typed

WAITING: Final = "new-token"  # key of the session: a token that waits to be shown, locked


@require_safe
@never_cache
def listing(request: HttpRequest, tenant: str) -> HttpResponse:
    """Every token of the tenant; one that was just made is shown, this once."""
    own = tenant_of(tenant)
    fresh = factors.unlocked(request.session.pop(WAITING, ""), entry.key("factor.key"))
    address = f"{cell().environ.web_address}/api/v1/tenants/{own.slug}"
    about = {"tokens": tokens.of_tenant(own.slug), "fresh": fresh, "address": address}
    return show(request, own, "tokens", "tenant-tokens", about)


@require_http_methods(["GET", "POST"])
@never_cache
def add(request: HttpRequest, tenant: str) -> HttpResponse:
    """Make one."""
    own = tenant_of(tenant)
    form = TokenForm(request.POST if request.method == "POST" else None, initial=typed.again(request))
    if request.method == "POST" and form.is_valid():
        try:
            return once.run(request, lambda: _make(request, form, own))
        except tokens.NotMade as problem:
            form.add_error("name", spoken.refusal(problem))
    return show(request, own, "token_add", "tenant-tokens", {}, form)


def _make(request: HttpRequest, form: TokenForm, tenant: Tenant) -> str:
    here, wanted = cell(), form.cleaned_data
    made = tokens.make(
        tenant=tenant,
        operator="",
        cell=tenant.cell,
        name=wanted["name"],
        allowed=rights.chosen(wanted["rights"], operator=False),
        expires=here.now.date() + timedelta(days=wanted["days"]),
        today=here.now.date(),
        key=entry.key(tokens.KEY_FILE),
    )
    journal.done(request, tenant, "token-made", here.now, about=wanted["name"])
    request.session[WAITING] = factors.locked(made.text, entry.key("factor.key"))
    return reverse("tenant-tokens", kwargs={"tenant": tenant.slug})


@require_POST
@never_cache
def revoke(request: HttpRequest, tenant: str, number: int) -> HttpResponse:
    """End one at once."""
    own = tenant_of(tenant)
    if tokens.revoke(number, own.slug):
        journal.done(request, own, "token-revoked", cell().now, about=str(number))
        messages.success(request, _("The token is revoked: its program is refused from now on."))
    return redirect("tenant-tokens", tenant=tenant)
