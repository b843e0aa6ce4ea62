"""What is on record about the tenant: held mail, operators' access, the log's entries and receipt, the settings.

Only counts and reasons of held mail: whose mail it is and to whom is between its sender and nobody.
"""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jurisdiction.models import CheckpointRow
from jurisdiction.notary import Notary
from jurisdiction.records import ledger, operators, policies
from mailhost.models import QueueItem
from mailhost.notices import WHY
from mailhost.provision import leaving
from webadmin import witnessing
from webadmin.environ import Environ
from webadmin.tenants.surroundings import PAGE, cell, show, tenant_of


@require_safe
@never_cache
def held(request: HttpRequest, tenant: str) -> HttpResponse:
    """How much mail waits on its way out, by state and reason."""
    own = tenant_of(tenant)
    rows = (
        QueueItem.objects.filter(message__tenant=own)
        .values("state", "reason")
        .annotate(n=Count("pk"), oldest=Min("queued"))
    )
    found: list[dict[str, Any]] = [
        row | {"words": WHY.get(row["reason"], ("", row["reason"]))[1] or _("It has not been tried yet.")}
        for row in rows.order_by("state", "-n", "reason")
    ]
    total = {
        state: sum(row["n"] for row in found if row["state"] == state)
        for state in (QueueItem.State.HELD, QueueItem.State.WAITING)
    }
    about = {"rows": found, "held": total[QueueItem.State.HELD], "waiting": total[QueueItem.State.WAITING]}
    return show(request, own, "held", "tenant-held", about)


@require_safe
@never_cache
def access_log(request: HttpRequest, tenant: str) -> HttpResponse:
    """Who of this host's operators did what here, from where and why; refused acts as well."""
    own = tenant_of(tenant)
    page = Paginator(operators.acts(own.slug), PAGE).get_page(request.GET.get("page"))
    return show(request, own, "access_log", "tenant-access-log", {"page": page})


@require_safe
@never_cache
def log(request: HttpRequest, tenant: str) -> HttpResponse:
    """The tenant's entries in the cell's log, who has witnessed it, and how to check all that elsewhere."""
    own, here = tenant_of(tenant), cell()
    notary = here.notary
    head = _head(notary, here.environ)
    placed = ledger.entries_of(notary.tag(policies.TENANT, own.slug))
    entries = [
        {"index": one.index, "kind": ledger.kind_of(one.entry), "on": getattr(one.entry, "on", "")}
        for one in reversed(placed)
    ]
    page = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    about = {"entries": entries, "page": page, "head": head, "log_key": str(notary.log_key)}
    return show(request, own, "log", "tenant-log", about)


def _head(notary: Notary, environ: Environ) -> dict[str, object]:
    head: CheckpointRow | None = ledger.latest_checkpoint()
    if head is None:
        return {"size": 0, "witnesses": (), "note": ""}
    return {
        "size": head.size,
        "witnesses": ledger.witnesses_of(head, notary.log_key, witnessing.keys(environ)),
        "note": head.note,
    }


@require_safe
@never_cache
def receipt(_request: HttpRequest, tenant: str) -> HttpResponse:
    """The tenant's entries with their proofs, under the newest head: to be checked without this host."""
    own, here = tenant_of(tenant), cell()
    placed = ledger.entries_of(here.notary.tag(policies.TENANT, own.slug))
    return _file(ledger.receipt_of(placed, here.notary, here.now), f"{own.slug}-receipt.json")


@require_safe
@never_cache
def settings_file(_request: HttpRequest, tenant: str) -> HttpResponse:
    """Everything the tenant set, as JSON: to keep, to compare, to take elsewhere."""
    own, here = tenant_of(tenant), cell()
    return _file(leaving.settings_text(own, here.notary, here.now), f"{own.slug}-settings.json")


def _file(text: str, name: str) -> HttpResponse:
    return HttpResponse(
        text, content_type="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
