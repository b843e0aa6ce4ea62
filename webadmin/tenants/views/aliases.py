"""Other addresses: an alias of one mailbox, a group that leads to several, and a catch-all for a domain."""

from __future__ import annotations

from itertools import groupby

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from mailhost.models import Alias, Domain, Mailbox, Tenant
from mailhost.provision import aliases, domains
from mailhost.provision.errors import CannotProvision, NotFound
from webadmin.languages import spoken
from webadmin.tenants import journal
from webadmin.tenants.forms import AliasForm
from webadmin.tenants.surroundings import PAGE, cell, show, tenant_of
from webadmin.tenants.views.domains import domain_of
from webadmin.tenants.views.mailboxes import proven_domains
from webadmin.web import once, typed

CHOICES = 500  # mailboxes offered in a list to choose from; a larger house types the address
DOMAINS = 20  # catch-alls on one page: each is a form of its own


@require_http_methods(["GET", "POST"])
@never_cache
def listing(request: HttpRequest, tenant: str) -> HttpResponse:
    """Every alias and group, and a form that adds a member to one."""
    own = tenant_of(tenant)
    names = proven_domains(own)
    form = AliasForm(request.POST if request.method == "POST" else None, domains=names, initial=typed.again(request))
    if request.method == "POST" and form.is_valid():
        try:
            return once.run(request, lambda: _add(request, form, own))
        except CannotProvision as problem:
            form.add_error("local", spoken.refusal(problem))
    addresses = (
        Alias.objects.filter(domain__tenant=own).order_by("address").values_list("address", flat=True).distinct()
    )
    page = Paginator(addresses, PAGE).get_page(request.GET.get("page"))
    rows = Alias.objects.filter(domain__tenant=own, address__in=list(page)).select_related("mailbox")
    ordered = rows.order_by("address", "mailbox__address")
    proven = Domain.objects.filter(tenant=own, verified__isnull=False).select_related("catch_all").order_by("name")
    about = {
        "page": page,
        "groups": [(address, list(members)) for address, members in groupby(ordered, key=lambda row: row.address)],
        "domains": Paginator(proven, DOMAINS).get_page(request.GET.get("domains")),
        "boxes": Mailbox.objects.filter(tenant=own).order_by("address").values_list("address", flat=True)[:CHOICES],
    }
    return show(request, own, "aliases", "tenant-aliases", about, form)


def _add(request: HttpRequest, form: AliasForm, tenant: Tenant) -> str:
    typed_ = form.cleaned_data
    member = own_address(tenant, typed_["member"])
    alias = f"{typed_['local']}@{typed_['domain']}"
    aliases.add(alias, member, cell=tenant.cell)
    journal.done(request, tenant, "alias-added", cell().now, about=f"{alias} → {member}")
    return reverse("tenant-aliases", kwargs={"tenant": tenant.slug})


def own_address(tenant: Tenant, address: str) -> str:
    """The address, if it is a mailbox of this tenant; another's is as unknown as one that does not exist."""
    if not Mailbox.objects.filter(tenant=tenant, address=address).exists():
        raise CannotProvision(_("there is no mailbox %(address)s in your organisation") % {"address": address})
    return address


@require_POST
@never_cache
def remove(request: HttpRequest, tenant: str, number: int) -> HttpResponse:
    """Take one member out of an alias; the alias goes with its last one."""
    row = Alias.objects.select_related("mailbox__tenant").filter(domain__tenant=tenant_of(tenant), pk=number).first()
    # Who presses twice, or in two tabs, is told once.
    if row is not None and _removed(row):
        about = f"{row.address} → {row.mailbox.address}"
        journal.done(request, row.mailbox.tenant, "alias-removed", cell().now, about=about)
        messages.success(
            request,
            _("%(alias)s no longer leads to %(address)s.") % {"alias": row.address, "address": row.mailbox.address},
        )
    return redirect("tenant-aliases", tenant=tenant)


def _removed(row: Alias) -> bool:
    try:
        aliases.delete(row.address, row.mailbox.address)
    except NotFound:
        return False
    return True


@require_POST
@never_cache
def catch_all(request: HttpRequest, tenant: str, number: int) -> HttpResponse:
    """Where mail for unknown names of a domain goes; nowhere, when nothing is chosen."""
    own = tenant_of(tenant)
    domain = domain_of(own, number)
    wanted = request.POST.get("member", "").strip().lower()  # as addresses are stored
    try:
        domains.set_catch_all(domain, own_address(own, wanted) if wanted else "")
    except CannotProvision as problem:
        messages.error(request, spoken.refusal(problem))
    else:
        journal.done(request, own, "catch-all", cell().now, about=f"{domain.name} → {wanted or '–'}")
        text = (
            _("Mail for unknown names of %(domain)s arrives at %(address)s.")
            if wanted
            else _("Unknown names of %(domain)s are refused.")
        )
        messages.success(request, text % {"domain": domain.name, "address": wanted})
    return redirect("tenant-aliases", tenant=tenant)
