"""Domains and their DNS, aliases and groups."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.http import HttpRequest
from ninja import Router, Status

from mailhost.models import Alias, Domain, DomainCheck, Mailbox, Tenant
from mailhost.provision import aliases, domaindns, domains, names, receiving
from mailhost.provision.errors import CannotProvision, NotFound
from webadmin.api import shapes
from webadmin.api.paging import Paged, page
from webadmin.api.views.answers import by_operator, cell, domain_of, of, tenant_of
from webadmin.cell import hosting
from webadmin.jobs import domainwork

router = Router(tags=["domains"])
ONE = "/tenants/{slug:tenant}/domains/{int:number}"


def _rows(tenant: str) -> Any:
    own = Domain.objects.filter(tenant=tenant_of(tenant)).annotate(mailboxes=Count("mailbox"))
    return own.select_related("domaincheck", "catch_all")


def _shown(row: Any) -> dict[str, Any]:
    check = getattr(row, "domaincheck", None)
    return {
        "number": row.pk,
        "domain": row.name,
        "verified": row.verified,
        "mailboxes": row.mailboxes,
        "catch_all": row.catch_all.address if row.catch_all else None,
        "sends_dmarc_reports": row.sends_dmarc_reports,
        "sends_tls_reports": row.sends_tls_reports,
        "checked": check.checked if check else None,
    }


def _one(tenant: str, number: int) -> dict[str, Any]:
    domain_of(tenant, number)
    return _shown(_rows(tenant).get(pk=number))


@router.get("/tenants/{slug:tenant}/domains", url_name="domains", response=of(shapes.Page[shapes.DomainOut]))
def list_domains(request: HttpRequest, tenant: str, wanted: Paged) -> Any:
    """Every domain, proven or not."""
    return page(_rows(tenant), wanted, _shown)


@router.post("/tenants/{slug:tenant}/domains", url_name="domains", response=of(shapes.DomainOut, 201))
def add_domain(request: HttpRequest, tenant: str, wanted: shapes.DomainIn) -> Any:
    """Bring a domain: it takes mail once its DNS has shown that it is yours. An operator's counts as proven."""
    here = cell()
    if by_operator(request):
        domains.add(wanted.domain, tenant, now=here.now, claims=here.claims)
        made = domains.get(wanted.domain)
    else:
        made = domains.bring(wanted.domain, tenant)
    domainwork.begin_keys(here.environ, made, here.now.date())
    return Status(201, _one(tenant, made.pk))


@router.get(ONE, url_name="domain", response=of(shapes.DomainOut))
def show_domain(request: HttpRequest, tenant: str, number: int) -> Any:
    """One domain."""
    return _one(tenant, number)


@router.delete(ONE, url_name="domain", response=of(shapes.DomainOut))
def delete_domain(request: HttpRequest, tenant: str, number: int) -> Any:
    """Stop hosting a domain that has no mailboxes any more; its aliases go with it."""
    gone, here = _one(tenant, number), cell()
    domains.delete(gone["domain"], claims=here.claims, blobs=here.blobs)
    return gone


@router.get(f"{ONE}/records", url_name="domain-records", response=of(shapes.RecordsOut))
def domain_records(request: HttpRequest, tenant: str, number: int) -> Any:
    """What belongs into the DNS, in the order in which to add it, and what the last look found."""
    return _standing(domain_of(tenant, number))


@router.post(f"{ONE}/check", url_name="domain-check", response=of(shapes.RecordsOut))
def check_domain(request: HttpRequest, tenant: str, number: int) -> Any:
    """Look every record up now; a domain whose ownership is seen takes mail from then on."""
    domain, here = domain_of(tenant, number), cell()
    resolver = hosting.resolver(here.environ)
    if resolver is None:
        raise CannotProvision("this host looks nothing up: whoever runs it has to set SKERRY_RESOLVER")
    before = DomainCheck.objects.filter(domain=domain).first()
    if before is None or here.now - before.checked >= domaindns.AGAIN:
        looked = domaindns.check(domain, hosting.hosted(here.environ), resolver, now=here.now)
        domainwork.take(domain, looked, here.claims, here.now)
    return _standing(domain)


def _standing(domain: Domain) -> dict[str, Any]:
    lines = domaindns.standing(domain, hosting.hosted(cell().environ))
    row = DomainCheck.objects.filter(domain=domain).first()
    return {
        "domain": domain.name,
        "right": bool(row) and all(line.is_right for line in lines),
        "checked": row.checked if row else None,
        "records": [asdict(line) for line in lines],
    }


@router.put(f"{ONE}/catch-all", url_name="domain-catch-all", response=of(shapes.DomainOut))
def set_catch_all(request: HttpRequest, tenant: str, number: int, wanted: shapes.CatchAllIn) -> Any:
    """Where mail for unknown names of a domain arrives; null: it is refused."""
    domain = domain_of(tenant, number)
    domains.set_catch_all(domain, str(names.address(wanted.mailbox)) if wanted.mailbox else "")
    return _one(tenant, number)


@router.put(f"{ONE}/reports", url_name="domain-reports", response=of(shapes.ReportsOut))
def set_reports(request: HttpRequest, tenant: str, number: int, wanted: shapes.ReportsIn) -> Any:
    """Whether other domains are told how mail in their name arrived here, and how mail of this domain reached them, and
    at which addresses of this domain others' reports are counted. The first costs that the addresses of sending
    machines are kept, sealed, for a day or two; the second that the domains and hosts are to which mail went."""
    domain = domain_of(tenant, number)
    chosen = receiving.set_reports(
        domain, sends=wanted.sends_dmarc_reports, sends_tls=wanted.sends_tls_reports, counted=wanted.counted_at
    )
    return {
        "domain": domain.name,
        "sends_dmarc_reports": chosen.sends,
        "sends_tls_reports": chosen.sends_tls,
        "counted_at": list(chosen.counted),
    }


def _alias_shown(row: Alias) -> dict[str, Any]:
    return {"number": row.pk, "alias": row.address, "mailbox": row.mailbox.address}


@router.get(
    "/tenants/{slug:tenant}/aliases", url_name="aliases", tags=["aliases"], response=of(shapes.Page[shapes.AliasOut])
)
def list_aliases(request: HttpRequest, tenant: str, wanted: Paged) -> Any:
    """Every way from another address to a mailbox; an address with several is a group."""
    rows = Alias.objects.filter(domain__tenant=tenant_of(tenant)).select_related("mailbox")
    return page(rows, wanted, _alias_shown)


@router.post("/tenants/{slug:tenant}/aliases", url_name="aliases", tags=["aliases"], response=of(shapes.AliasOut, 201))
def add_alias(request: HttpRequest, tenant: str, wanted: shapes.AliasIn) -> Any:
    """Let mail for an address arrive at a mailbox, too."""
    own = tenant_of(tenant)
    alias, member = _own_alias(own, wanted.alias), _own_member(own, wanted.mailbox)
    made = aliases.add(alias, member, cell=own.cell)
    rows = Alias.objects.select_related("mailbox")
    row = rows.filter(address=made.alias, mailbox__address=made.mailbox).first()
    if row is None:  # taken away again by somebody else
        raise NotFound(f"there is no alias {made.alias} here")
    return Status(201, _alias_shown(row))


@router.delete(
    "/tenants/{slug:tenant}/aliases/{int:number}", url_name="alias", tags=["aliases"], response=of(shapes.AliasOut)
)
def delete_alias(request: HttpRequest, tenant: str, number: int) -> Any:
    """Take one way away; the address goes with its last one."""
    row = Alias.objects.select_related("mailbox").filter(domain__tenant=tenant_of(tenant), pk=number).first()
    if row is None:
        raise NotFound(f"there is no alias {number} here")
    aliases.delete(row.address, row.mailbox.address)
    return _alias_shown(row)


@router.put("/tenants/{slug:tenant}/groups", url_name="groups", tags=["aliases"], response=of(shapes.GroupOut))
def set_group(request: HttpRequest, tenant: str, wanted: shapes.GroupIn) -> Any:
    """Let an address lead to these mailboxes and to no others."""
    own = tenant_of(tenant)
    address = _own_alias(own, wanted.address)
    members = {_own_member(own, member) for member in wanted.members}
    with transaction.atomic():
        there = set(Alias.objects.filter(address=address).values_list("mailbox__address", flat=True))
        for member in sorted(members - there):
            aliases.add(address, member, cell=own.cell)
        for member in sorted(there - members):
            aliases.delete(address, member)
    return {"address": address, "members": sorted(members)}


def _own_alias(tenant: Tenant, text: str) -> str:
    """An address in a domain of this tenant. Raises NotFound, BadName."""
    address = names.address(text)
    if not Domain.objects.filter(tenant=tenant, name=address.domain).exists():
        raise NotFound(f"{address.domain} is no domain of this tenant")
    return str(address)


def _own_member(tenant: Tenant, text: str) -> str:
    """The address of a mailbox of this tenant; another's is as unknown as one that does not exist. Raises NotFound."""
    address = str(names.address(text))
    if not Mailbox.objects.filter(tenant=tenant, address=address).exists():
        raise NotFound(f"there is no mailbox {address} in this organisation")
    return address
