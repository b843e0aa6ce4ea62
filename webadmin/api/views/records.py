"""What is on record about a tenant: held mail as counts, operators' acts, decisions, the log and its receipt."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.http import HttpRequest
from ninja import Router

from jurisdiction.models import DecisionRecord, OperatorAct
from jurisdiction.records import egress, ledger, operators, policies
from mailhost.models import QueueItem
from mailhost.outbound.notices import WHY
from mailhost.provision import queue
from webadmin.api import shapes
from webadmin.api.paging import Paged, newest
from webadmin.api.views.answers import cell, of, tenant_of
from webadmin.cell import witnessing

router = Router(tags=["records"])
TENANT = "/tenants/{slug:tenant}"


@router.get(f"{TENANT}/held", url_name="held", response=of(shapes.HeldOut))
def held_mail(request: HttpRequest, tenant: str) -> Any:
    """How much mail waits on its way out, by state and reason; what the policy holds, its sender releases."""
    found = queue.by_reason(tenant_of(tenant))
    total = {state: sum(one.messages for one in found if one.state == state) for state in QueueItem.State.values}
    return total | {
        "reasons": [asdict(one) | {"words": WHY[one.reason][1] if one.reason in WHY else one.reason} for one in found]
    }


def _act(row: OperatorAct) -> dict[str, Any]:
    return {"number": row.pk, **asdict(operators.view_of(row))}


@router.get(f"{TENANT}/acts", url_name="acts", response=of(shapes.Page[shapes.ActOut]))
def list_acts(request: HttpRequest, tenant: str, wanted: Paged) -> Any:
    """What operators did to the tenant or tried to, from where and why; the newest first."""
    return newest(operators.acts_of(tenant_of(tenant).slug), wanted, _act)


def _decision(row: DecisionRecord) -> dict[str, Any]:
    return {
        "number": row.pk,
        "on": row.on,
        "point": row.point,
        "question": row.question,
        "asset": row.asset,
        "verdict": row.verdict,
        "because": row.because.split(),
        "facts": row.facts.split(),
        "policy": row.policy,
        "facts_serial": row.facts_serial,
        "expires": row.expires,
    }


@router.get(f"{TENANT}/decisions", url_name="decisions", response=of(shapes.Page[shapes.DecisionOut]))
def list_decisions(request: HttpRequest, tenant: str, wanted: Paged) -> Any:
    """What was decided about the tenant's data, with reasons; the newest first."""
    return newest(DecisionRecord.objects.filter(tenant=tenant_of(tenant).slug), wanted, _decision)


@router.get(f"{TENANT}/ledger", url_name="ledger", response=of(shapes.LedgerOut))
def show_ledger(request: HttpRequest, tenant: str, wanted: Paged) -> Any:
    """The log's newest signed head, who has seen it, and the tenant's entries in the log's order."""
    own, here = tenant_of(tenant), cell()
    notary = here.notary
    head, tag = ledger.head_with((), notary, here.now), notary.tag(policies.TENANT, own.slug)
    found = ledger.state_of(head, notary, witnessing.keys(here.environ), here.now)
    placed = ledger.entries_of(tag, after=wanted.after - 1, most=wanted.limit + 1)
    shown = placed[: wanted.limit]
    return {
        "origin": notary.origin,
        "log_key": str(notary.log_key),
        "tag": tag,
        "entries_now": found.entries_now,
        "size": found.size,
        "root": found.root,
        "checkpoint": head.note,
        "witnesses": list(found.witnesses),
        "seen_by": found.sentence,
        "items": [{"index": one.index, "type": ledger.kind_of(one.entry), "entry": asdict(one.entry)} for one in shown],
        "next": placed[wanted.limit].index if len(placed) > wanted.limit else None,
    }


@router.get(f"{TENANT}/receipt", url_name="receipt", response=of(dict[str, Any]))
def receipt(request: HttpRequest, tenant: str) -> Any:
    """The tenant's entries and decisions with their proofs, to be checked elsewhere with `verify_receipt.py`."""
    own, here = tenant_of(tenant), cell()
    placed = ledger.entries_of(here.notary.tag(policies.TENANT, own.slug))
    return json.loads(ledger.receipt_of(placed, here.notary, here.now, egress.batched(own.slug, here.notary)))
