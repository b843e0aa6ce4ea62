"""Domains: bring one, prove it, set its DNS right, let it go.

A check is made when somebody asks and by the periodic job; whoever leaves the page misses nothing.
"""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from mailhost.domaindns.dnsrecords import zone_file
from mailhost.models import Domain, DomainCheck, Tenant
from mailhost.provision import domaindns, domains
from mailhost.provision.claims import DirectoryUnreachable
from mailhost.provision.errors import CannotProvision, NotFound, StillInUse
from webadmin.cell import hosting
from webadmin.jobs import domainwork
from webadmin.languages import spoken
from webadmin.tenants import dnspage, journal
from webadmin.tenants.forms import DomainForm
from webadmin.tenants.surroundings import PAGE, cell, show, tenant_of
from webadmin.web import once, typed


def domain_of(tenant: Tenant, number: int) -> Domain:
    """A domain of this tenant; another's does not exist here."""
    found = Domain.objects.select_related("tenant").filter(tenant=tenant, pk=number).first()
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@never_cache
def listing(request: HttpRequest, tenant: str) -> HttpResponse:
    """Every domain and how its DNS stands; a form that brings one more."""
    own = tenant_of(tenant)
    form = DomainForm(request.POST if request.method == "POST" else None, initial=typed.again(request))
    if request.method == "POST" and form.is_valid():
        try:
            return once.run(request, lambda: _bring(request, form.cleaned_data["domain"], own))
        except CannotProvision as problem:
            form.add_error("domain", spoken.refusal(problem))
    rows = (
        Domain.objects.filter(tenant=own)
        .select_related("domaincheck")
        .only("name", "verified", "domaincheck__problems")
        .annotate(mailboxes=Count("mailbox"))
        .order_by("name")
    )
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return show(request, own, "domains", "tenant-domains", {"page": page}, form)


def _bring(request: HttpRequest, name: str, tenant: Tenant) -> str:
    """The new domain's page."""
    here = cell()
    made = domains.bring(name, tenant.slug)
    domainwork.begin_keys(here.environ, made, here.now.date())
    journal.done(request, tenant, "domain-brought", here.now, about=made.name)
    return reverse("domain", kwargs={"tenant": tenant.slug, "number": made.pk})


@require_http_methods(["GET", "POST"])
@never_cache
def dns(request: HttpRequest, tenant: str, number: int) -> HttpResponse:
    """The DNS page of a domain; sent, it looks the records up."""
    domain = domain_of(tenant_of(tenant), number)
    here = cell()
    hosted = hosting.hosted(here.environ)
    if request.method == "POST":
        _check(request, domain, hosted)
        return redirect("domain", tenant=tenant, number=number)
    lines = domaindns.standing(domain, hosted)
    row = DomainCheck.objects.filter(domain=domain).first()
    about = {
        "domain": domain,
        "groups": dnspage.groups(lines),
        "progress": dnspage.progress(lines),
        "checked": row.checked if row else None,
        "due": row.due if row else None,
        "can_check": bool(here.environ.resolver),
    }
    return show(request, domain.tenant, "domain", "tenant-domains", about)


def _check(request: HttpRequest, domain: Domain, hosted: domaindns.Hosted) -> None:
    here = cell()
    resolver = hosting.resolver(here.environ)
    before = DomainCheck.objects.filter(domain=domain).first()
    if resolver is None:
        messages.warning(request, _("This host looks nothing up: whoever runs it has to set a resolver first."))
        return
    if before is not None and here.now - before.checked < domaindns.AGAIN:
        messages.info(request, _("This was checked a moment ago. Name servers need a little time to show a change."))
        return
    was_proven = domain.verified is not None
    looked = domaindns.check(domain, hosted, resolver, now=here.now)
    try:
        domainwork.take(domain, looked, here.claims, here.now)
    except CannotProvision as problem:
        messages.error(request, _told(problem, domain))
        return
    if domain.verified and not was_proven:
        journal.done(request, domain.tenant, "domain-proven", here.now, about=domain.name)
        messages.success(request, _("%(domain)s is yours: we take mail for it from now on.") % {"domain": domain.name})


def _told(problem: CannotProvision, domain: Domain) -> str:
    """A refusal as a tenant's people read it; what only an operator can mend is not explained to them."""
    if isinstance(problem, DirectoryUnreachable):
        about = {"domain": domain.name}
        return _("A part of this host does not answer just now. %(domain)s stays as it is; try again later.") % about
    return spoken.refusal(problem)


@require_safe
@never_cache
def zone(_request: HttpRequest, tenant: str, number: int) -> HttpResponse:
    """The records to add as a zone file, for a DNS host that can import one."""
    domain = domain_of(tenant_of(tenant), number)
    text = zone_file(domain.name, domaindns.records_of(domain, hosting.hosted(cell().environ)))
    name = f"{domain.name}.zone"
    return HttpResponse(
        text,
        content_type="text/dns; charset=us-ascii",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_http_methods(["GET", "POST"])
@never_cache
def remove(request: HttpRequest, tenant: str, number: int) -> HttpResponse:
    """Stop hosting a domain that has no mailboxes any more."""
    domain = domain_of(tenant_of(tenant), number)
    if request.method == "POST":
        here = cell()
        try:
            domains.delete(domain.name, claims=here.claims, blobs=here.blobs)
        except StillInUse:
            messages.error(request, _("There are still mailboxes in %(domain)s.") % {"domain": domain.name})
            return redirect("domain", tenant=tenant, number=number)
        except NotFound:
            raise Http404 from None
        except CannotProvision as problem:
            messages.error(request, _told(problem, domain))
            return redirect("domain", tenant=tenant, number=number)
        journal.done(request, domain.tenant, "domain-removed", here.now, about=domain.name)
        messages.success(request, _("%(domain)s is no longer hosted here.") % {"domain": domain.name})
        return redirect("tenant-domains", tenant=tenant)
    about = {"domain": domain, "mailboxes": domain.mailbox_set.count(), "aliases": domain.alias_set.count()}
    return show(request, domain.tenant, "domain_remove", "tenant-domains", about)
