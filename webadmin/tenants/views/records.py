"""What is on record about the tenant: held mail, operators' access, the log's entries and receipt, the settings.

Only counts and reasons of held mail: whose mail it is and to whom is between its sender and nobody.
"""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jurisdiction import reasons
from jurisdiction.atlas import Atlas
from jurisdiction.models import CheckpointRow, EgressDecision
from jurisdiction.notary import Notary
from jurisdiction.records import egress, ledger, policies
from mailhost.models import QueueItem, Tenant
from mailhost.outbound.notices import WHY
from mailhost.provision import leaving, queue
from webadmin.cell import witnessing
from webadmin.environ import Environ
from webadmin.languages import spoken
from webadmin.tenants import journal
from webadmin.tenants.surroundings import PAGE, cell, show, tenant_of


@require_safe
@never_cache
def held(request: HttpRequest, tenant: str) -> HttpResponse:
    """How much mail waits on its way out, by state and reason, and what the policy decided about the rest."""
    own, here = tenant_of(tenant), cell()
    found = queue.by_reason(own)
    rows = [
        (one, spoken.text(WHY.get(one.reason, ("", one.reason))[1]) or _("It has not been tried yet.")) for one in found
    ]
    total = {state: sum(one.messages for one in found if one.state == state) for state in QueueItem.State.values}
    decided = {"decided": _decided(own, here.notary.atlas), "weeks": egress.KEPT.days // 7}
    return show(request, own, "held", "tenant-held", {"rows": rows} | total | decided)


def _decided(tenant: Tenant, atlas: Atlas) -> list[dict[str, Any]]:
    """What was kept, returned, or let go for a reason worth knowing; a decision is one destination on one day."""
    ordinary = Q(because__startswith=reasons.EGRESS_TLS_OK) | Q(because__startswith=reasons.EGRESS_E2E_OK)
    rows = EgressDecision.objects.filter(tenant=tenant.slug).exclude(ordinary).values("verdict", "because")
    found = rows.annotate(n=Count("pk"), newest=Max("on")).order_by("-n", "because")
    return [row | {"words": spoken.reasons(row["because"], atlas)} for row in found]


@require_safe
@never_cache
def access_log(request: HttpRequest, tenant: str) -> HttpResponse:
    """Who did what here, the tenant's own people and this host's operators; refused acts as well."""
    own = tenant_of(tenant)
    lines: Any = journal.Lines(own)  # a length and slices: all that a paginator uses
    page: Page[journal.Line] = Paginator(lines, PAGE).get_page(request.GET.get("page"))
    return show(request, own, "access_log", "tenant-access-log", {"page": page})


@require_safe
@never_cache
def log(request: HttpRequest, tenant: str) -> HttpResponse:
    """The tenant's entries in the cell's log, who has witnessed it, and how to check all that elsewhere."""
    own, here = tenant_of(tenant), cell()
    notary = here.notary
    head = _head(notary, here.environ)
    page = Paginator(ledger.rows_of(notary.tag(policies.TENANT, own.slug)), PAGE).get_page(request.GET.get("page"))
    entries = [
        {"index": one.index, "kind": ledger.kind_of(one.entry), "on": getattr(one.entry, "on", "")}
        for one in map(ledger.placed_from, page)
    ]
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
    text = ledger.receipt_of(placed, here.notary, here.now, egress.batched(own.slug, here.notary))
    return _file(text, f"{own.slug}-receipt.json")


@require_safe
@never_cache
def settings_file(request: HttpRequest, tenant: str) -> HttpResponse:
    """Everything the tenant set, as JSON: to keep, to compare, to take elsewhere."""
    own, here = tenant_of(tenant), cell()
    journal.done(request, own, "settings-taken", here.now)
    return _file(leaving.settings_text(own, here.notary, here.now), f"{own.slug}-settings.json")


def _file(text: str, name: str) -> HttpResponse:
    return HttpResponse(
        text, content_type="application/json", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
