"""What the cell does by itself, its jobs; what operators did to its tenants; and the laws on their way."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import date

from django.contrib import messages
from django.db.models import Case, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from jurisdiction.records import operators, supposed
from jurisdiction.records.supposed import Given
from mailhost.adapters import jobs
from mailhost.models import Job
from webadmin import celery
from webadmin.console.desk import cut, desk
from webadmin.console.views import deeds
from webadmin.languages import spoken
from webadmin.tenants.journal import operators_line

log = logging.getLogger(__name__)

_DEAD_FIRST = Case(When(state=Job.State.DEAD, then=Value(0)), default=Value(1))


@require_safe
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """The dead first, then the newest; `?state=` is one state."""
    at, rows, state = desk(request), Job.objects.order_by(_DEAD_FIRST, "-due", "-pk"), request.GET.get("state", "")
    if state in Job.State.values:
        rows = rows.filter(state=state)
    found = cut(request, rows, lambda row: row.tenant, at)
    about = {"page": found.page, "jobs": found.rows, "kept_out": found.kept_out, "state": state}
    return render(request, "console/jobs.html", about | {"states": Job.State.values})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def again(request: HttpRequest, number: int) -> HttpResponse:
    """Have a job done now."""
    at, job = desk(request), Job.objects.filter(pk=number).first()
    if job is None:
        raise Http404

    def do(_why: str) -> str:
        if jobs.again(number, at.notary, at.now, celery.wake) is None:
            return _("Job %(number)d runs or is done already; nothing was changed.") % {"number": number}
        log.info("an operator has a job done again", extra={"kind": job.kind})
        return _("Job %(number)d is done as soon as a worker is free.") % {"number": number}

    deed = deeds.Deed(
        title=_("Do job %(number)d again") % {"number": number},
        text=_("%(kind)s: it is due at once, its attempts are counted anew, and it is asked again whether it may be.")
        % {"kind": job.kind},
        button=_("Do it now"),
        danger=False,
        tenant=job.tenant,
        what=f"job again {number}",
        do=do,
        back=reverse("console-jobs"),
    )
    try:
        return deeds.page(request, at, deed)
    except jobs.NotPublished as refused:
        messages.error(request, spoken.refusal(refused))
        return redirect(deed.back)


@require_safe
@never_cache
def acts(request: HttpRequest) -> HttpResponse:
    """What operators did to tenants or were refused, the newest first, as each tenant reads it of itself."""
    found = cut(request, operators.acts_of_all(), lambda row: row.tenant, desk(request))
    lines = [(row.tenant, operators_line(operators.view_of(row))) for row in found.rows]
    return render(request, "console/acts.html", {"page": found.page, "lines": lines, "kept_out": found.kept_out})


@require_safe
@never_cache
def laws(request: HttpRequest) -> HttpResponse:
    """Laws on their way, and the tenants whose answers change on the days the dated facts already know."""
    at = desk(request)
    today = at.now.date()
    effects = list(supposed.answers(Given(None, None, None, None, (), today), at.notary, today))
    seen = at.seen({effect.tenant for effect in effects})
    by_day: dict[date, list[supposed.Row]] = defaultdict(list)
    for effect in effects:
        if effect.tenant in seen:
            by_day[date.fromisoformat(effect.day)].append(effect)
    events = sorted(at.notary.atlas.events, key=lambda event: (event.expected_from or date.max, event.id))
    about = {
        "events": events,
        "days": sorted(by_day.items()),
        "kept_out": len({effect.tenant for effect in effects} - seen),
        "home": at.notary.home,
    }
    return render(request, "console/laws.html", about)
