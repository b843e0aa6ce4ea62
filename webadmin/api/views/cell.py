"""The token itself, tenants, and for operators what waits to leave.

Rows of tenants whose policies keep the operator out are counted and not shown, as on the console.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from ninja import Router, Status

from jurisdiction.records import operators
from mailhost.adapters.queuekeys import QueueKeys
from mailhost.models import QueueItem, Tenant
from mailhost.provision import leaving, queue, tenants
from webadmin import operating
from webadmin.api import admission, shapes, tokens
from webadmin.api.models import ApiToken
from webadmin.api.paging import Paged, PageIn, following
from webadmin.api.views.answers import cell, of
from webadmin.api.views.law import chosen
from webadmin.cell.keyfiles import read_or_make
from webadmin.web import departures

router = Router(tags=["cell"])
ITEM = "/queue/{int:number}"


@router.get("/token", url_name="token", response=of(shapes.TokenOut))
def show_token(request: HttpRequest) -> Any:
    """The token you came with: whose it is, what it may do, until when."""
    own = ApiToken.objects.filter(pk=admission.token_of(request).pk)
    return asdict(tokens.views(own)[0])


def _seen[Row: Model](
    request: HttpRequest, rows: QuerySet[Row], wanted: PageIn, tenant: Callable[[Row], str]
) -> tuple[list[Row], dict[str, Any]]:
    """The rows of a page that this operator may see, and what stands around them."""
    here, name = cell(), admission.token_of(request).operator
    found = list(rows.filter(pk__gt=wanted.after).order_by("pk")[: wanted.limit + 1])
    shown = found[: wanted.limit]
    country = operating.country_of(name, here.environ, here.now)
    seen = operators.allowed(country, {tenant(row) for row in shown}, here.notary, here.now)
    mine = [row for row in shown if tenant(row) in seen]
    return mine, {"next": following(found, wanted), "kept_out": len(shown) - len(mine)}


@router.get("/tenants", url_name="tenants", response=of(shapes.SeenPage[shapes.TenantOut]))
def list_tenants(request: HttpRequest, wanted: Paged) -> Any:
    """Tenants, without their content."""
    mine, around = _seen(request, Tenant.objects.all(), wanted, lambda row: row.slug)
    found = {one.slug: one for one in tenants.listing([row.slug for row in mine])}
    return around | {"items": [asdict(found[row.slug]) for row in mine]}


@router.post("/tenants", url_name="tenants", response=of(shapes.TenantOut, 201))
def add_tenant(request: HttpRequest, wanted: shapes.TenantIn) -> Any:
    """A new tenant; without a preset its mail may lie in the cell's country only."""
    here = cell()
    policy = chosen(wanted.preset, here)
    made = tenants.add(
        wanted.slug, name=wanted.name, now=here.now, claims=here.claims, notary=here.notary, policy=policy
    )
    return Status(201, asdict(made))


@router.get("/tenants/{slug:tenant}", url_name="tenant", response=of(shapes.TenantOut))
def show_tenant(request: HttpRequest, tenant: str) -> Any:
    """One tenant: counts, and never content."""
    return asdict(tenants.show(tenant))


@router.delete("/tenants/{slug:tenant}", url_name="tenant", response=of(shapes.LeavingOut))
def delete_tenant(request: HttpRequest, tenant: str) -> Any:
    """Have a tenant removed with all its mail once its cooling-off is over; until then its people fetch their mail."""
    here = cell()
    wish = leaving.Wish(by_operator=True, cooling_off=timedelta(days=here.environ.cooling_off_days))
    made = leaving.ask(tenant, wish, notary=here.notary, now=here.now)
    path = departures.link(tenant, made.entry, here.notary)
    return {
        "tenant": asdict(tenants.show(tenant)),
        "gone_after": made.gone_after,
        "receipt": here.environ.web_address + path,
    }


@router.post("/tenants/{slug:tenant}/restore", url_name="tenant-restore", response=of(shapes.TenantOut))
def restore_tenant(request: HttpRequest, tenant: str) -> Any:
    """Keep a tenant that an operator had begun to remove."""
    here = cell()
    return asdict(leaving.restore(tenant, by_operator=True, notary=here.notary, now=here.now))


@router.post("/tenants/{slug:tenant}/suspend", url_name="tenant-suspend", response=of(shapes.TenantOut))
def suspend_tenant(request: HttpRequest, tenant: str, wanted: shapes.SuspendIn) -> Any:
    """Put mail off and refuse sign-ins at once; nothing is removed. Its people read the reason."""
    return asdict(tenants.set_state(tenant, Tenant.State.SUSPENDED, now=cell().now, reason=wanted.reason))


@router.post("/tenants/{slug:tenant}/resume", url_name="tenant-resume", response=of(shapes.TenantOut))
def resume_tenant(request: HttpRequest, tenant: str) -> Any:
    """Take mail and sign-ins again."""
    return asdict(tenants.set_state(tenant, Tenant.State.ACTIVE, now=cell().now))


@router.get("/queue", url_name="queue", tags=["queue"], response=of(shapes.SeenPage[shapes.ItemOut]))
def list_queue(request: HttpRequest, wanted: Paged) -> Any:
    """Mail that waits to leave, the oldest first: whose, since when, why."""
    mine, around = _seen(request, queue.waiting(), wanted, _slug)
    return around | {"items": [asdict(one) for one in queue.views(mine)]}


def _slug(row: QueueItem) -> str:
    return str(row.message.tenant.slug)


@router.get(ITEM, url_name="queue-item", tags=["queue"], response=of(shapes.OpenedOut))
def show_item(request: HttpRequest, number: int) -> Any:
    """One item and the domain it is for, which its tenant reads was opened."""
    admission.act(request, queue.tenant_of(number), f"queue show {number}")
    here = cell()
    return asdict(queue.show(number, QueueKeys(here.environ.queue_keys, read_or_make), here.notary))


@router.delete(ITEM, url_name="queue-item", tags=["queue"], response=of(shapes.ItemOut))
def drop_item(request: HttpRequest, number: int) -> Any:
    """Remove an item for good; its author is not told."""
    admission.act(request, queue.tenant_of(number), f"queue drop {number}", dangerous=True)
    return asdict(queue.drop(number))


@router.post(f"{ITEM}/retry", url_name="queue-retry", tags=["queue"], response=of(shapes.ItemOut))
def retry_item(request: HttpRequest, number: int) -> Any:
    """Try an item again now, one that is held too."""
    admission.act(request, queue.tenant_of(number), f"queue retry {number}")
    return asdict(queue.retry(number, now=cell().now))
