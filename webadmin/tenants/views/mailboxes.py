"""Mailboxes: who is here, invite somebody, their quota, a pause. What lies in them is nobody's business here."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from mailhost.models import Alias, Domain, Mailbox, Tenant
from mailhost.provision import mailboxes
from mailhost.provision.errors import CannotProvision
from webadmin.accounts import owners
from webadmin.accounts.models import Account
from webadmin.languages import spoken
from webadmin.signup import inviting
from webadmin.tenants import journal
from webadmin.tenants.forms import MIB, InviteForm, QuotaForm
from webadmin.tenants.surroundings import PAGE, cell, show, tenant_of
from webadmin.web import gate, once, typed


def mailbox_of(tenant: Tenant, number: int) -> Mailbox:
    """A mailbox of this tenant; another's does not exist here."""
    rows = Mailbox.objects.select_related("tenant", "domain", "mailboxusage")
    found = rows.filter(tenant=tenant, pk=number).first()
    if found is None:
        raise Http404
    return found


def proven_domains(tenant: Tenant) -> list[str]:
    """Names of the domains that may have mailboxes and aliases."""
    return list(
        Domain.objects.filter(tenant=tenant, verified__isnull=False).order_by("name").values_list("name", flat=True)
    )


@require_http_methods(["GET", "POST"])
@never_cache
def listing(request: HttpRequest, tenant: str) -> HttpResponse:
    """Every mailbox with its state and fill; a form that invites somebody."""
    own = tenant_of(tenant)
    names = proven_domains(own)
    form = InviteForm(request.POST if request.method == "POST" else None, domains=names, initial=typed.again(request))
    if request.method == "POST" and form.is_valid():
        try:
            return once.run(request, lambda: _invite(request, form, own))
        except CannotProvision as problem:
            form.add_error("local", spoken.refusal(problem))
    rows = Mailbox.objects.filter(tenant=own).select_related("mailboxusage").order_by("address")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return show(request, own, "mailboxes", "tenant-mailboxes", {"page": page, "domains": names}, form)


def _invite(request: HttpRequest, form: InviteForm, tenant: Tenant) -> str:
    here, typed_ = cell(), form.cleaned_data
    address = f"{typed_['local']}@{typed_['domain']}"
    quota = here.environ.default_quota_bytes
    made = mailboxes.invite(address, notary=here.notary, now=here.now, quota_bytes=quota)
    journal.done(request, tenant, "mailbox-invited", here.now, about=made.address)
    number = Mailbox.objects.get(address=made.address).pk
    return reverse("tenant-mailbox", kwargs={"tenant": tenant.slug, "number": number})


@require_http_methods(["GET", "POST"])
@never_cache
def mailbox(request: HttpRequest, tenant: str, number: int) -> HttpResponse:
    """One mailbox: its invitation, its other addresses, its quota, a pause."""
    own = tenant_of(tenant)
    box = mailbox_of(own, number)
    start = {"quota": box.quota_bytes // MIB} | typed.again(request)
    form = QuotaForm(request.POST if "quota" in request.POST else None, initial=start)
    if request.method == "POST" and (not form.is_bound or form.is_valid()):
        _do(request, box, form)
        return redirect("tenant-mailbox", tenant=tenant, number=number)
    now = cell().now
    is_good = box.state == Mailbox.State.INVITED and now <= box.invited_at + inviting.GOOD_FOR
    about = {
        "box": box,
        "aliases": Alias.objects.filter(mailbox=box).order_by("address"),
        "link": _shown(request, inviting.link(box)) if is_good else "",
        "good_until": box.invited_at + inviting.GOOD_FOR,
        "is_own": gate.account_of(request).mailbox_id == box.pk,
    }
    return show(request, own, "mailbox", "tenant-mailboxes", about, form)


def _shown(request: HttpRequest, path: str) -> str:
    """A path as somebody else opens it. Behind a proxy that ends TLS the request itself looks like plain HTTP."""
    address = cell().environ.web_address
    return f"{address}{path}" if address.startswith("https://") else request.build_absolute_uri(path)


def _do(request: HttpRequest, box: Mailbox, form: QuotaForm) -> None:
    """What a button of the page asks for."""
    now = cell().now
    if form.is_bound:
        mailboxes.set_quota(box, form.cleaned_data["quota"] * MIB)
        journal.done(request, box.tenant, "mailbox-quota", now, about=box.address)
        messages.success(request, _("The quota is changed."))
        return
    match request.POST.get("act"):
        case "invite-again" if mailboxes.invite_again(box, now=now):
            journal.done(request, box.tenant, "mailbox-invited-again", now, about=box.address)
            messages.success(request, _("There is a new link; the old one leads nowhere any more."))
        case "pause" if gate.account_of(request).mailbox_id == box.pk:
            messages.error(request, _("This is your own mailbox: you would lock yourself out. Ask another admin."))
        case "pause":
            _pause(request, box, now)
        case "resume":
            _resume(request, box, now)


def _pause(request: HttpRequest, box: Mailbox, now: datetime) -> None:
    try:
        owners.pause(box, by_owner=gate.account_of(request).role == Account.Role.OWNER)
    except CannotProvision as problem:
        messages.error(request, spoken.refusal(problem))
        return
    journal.done(request, box.tenant, "mailbox-paused", now, about=box.address)
    messages.success(
        request,
        _("%(address)s is paused: mail to it is put off, and nobody signs in.") % {"address": box.address},
    )


def _resume(request: HttpRequest, box: Mailbox, now: datetime) -> None:
    try:
        owners.resume(box, by_owner=gate.account_of(request).role == Account.Role.OWNER)
    except CannotProvision as problem:
        messages.error(request, spoken.refusal(problem))
        return
    journal.done(request, box.tenant, "mailbox-resumed", now, about=box.address)
    messages.success(request, _("%(address)s takes mail again.") % {"address": box.address})
