"""What waits for a second person: agree, or say no. Below it what became of the others."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from jurisdiction.models import Proposal
from jurisdiction.records import operators, policies, proposals
from webadmin.console import grave
from webadmin.console.desk import PER_PAGE, Desk, cut, desk
from webadmin.languages import spoken
from webadmin.web import problems


@require_safe
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """Those that may be agreed to first; of what is settled a page at a time."""
    at = desk(request)
    open_ones = list(proposals.waiting(at.now)[:PER_PAGE])
    seen = at.seen({row.tenant for row in open_ones})
    past = cut(request, proposals.settled(at.now), lambda row: row.tenant, at)
    about = {
        "waiting": [_shown(row, at) for row in open_ones if row.tenant in seen],
        "past": [(row, grave.KINDS[row.kind].words) for row in past.rows if row.kind in grave.KINDS],
        "page": past.page,
        "kept_out": past.kept_out + sum(row.tenant not in seen for row in open_ones),
        "rule": at.environ.second_person_rule,
    }
    return render(request, "console/waiting.html", about)


def _shown(row: Proposal, at: Desk) -> dict[str, object]:
    refusal = proposals.may_agree(row, at.name, at.now)
    return {
        "row": row,
        "words": grave.KINDS[row.kind].words,
        "refusal": refusal,
        "is_own": row.session.operator == at.name,
    }


@require_POST
@never_cache
def agree(request: HttpRequest, number: int) -> HttpResponse:
    """Agree, and it is done at once."""
    at = desk(request)
    row = Proposal.objects.select_related("session").filter(pk=number, kind__in=grave.KINDS).first()
    if row is None:
        raise Http404
    try:
        messages.success(request, grave.agree(at, row))
    except policies.NoPolicy:
        raise Http404 from None
    except operators.Refused as refused:
        return problems.kept_out(request, spoken.refusal(refused))
    return redirect("console-waiting")


@require_POST
@never_cache
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """Say no, or think again."""
    at = desk(request)
    if not Proposal.objects.filter(pk=number).exists():
        raise Http404
    try:
        proposals.withdraw(number, at.name, at.now)
    except operators.Refused as refused:
        messages.error(request, spoken.refusal(refused))
    else:
        messages.success(request, _("It is withdrawn; nothing was done."))
    return redirect("console-waiting")
