"""Pages of the console. This one is the first: how the cell is."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from webadmin.cell import tls, witnessing
from webadmin.console import figures, hours
from webadmin.console.desk import desk


@require_safe
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """Figures, what is wrong, and where to go on."""
    at = desk(request)
    witnesses, certificate = witnessing.keys(settings.ENVIRON), tls.files(settings.ENVIRON)[0]
    found = figures.incidents()
    seen = at.seen({incident.tenant for incident in found})
    about = {
        "figures": figures.taken(at.notary, witnesses, certificate, at.now),
        "home": at.notary.home,
        "incidents": [incident for incident in found if incident.tenant in seen],
        "kept_out": sum(incident.tenant not in seen for incident in found),
        "from": at.country,
        "graphs": hours.graphs(at.now),
    }
    return render(request, "console/overview.html", about)
