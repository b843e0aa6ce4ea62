"""The web process's first pages: what this is, what could be handed over, a health check, counters for this machine.

`/metrics` answers loopback alone. A reverse proxy on the same machine is loopback too, so a request that shows signs
of one (a forwarding header, a public host name) is treated as what it is: somebody else's.
"""

from __future__ import annotations

import ipaddress
import shutil
from functools import partial

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language

from mailhost.provision import languages
from webadmin import metrics
from webadmin.cell import notarial, tls
from webadmin.version import VERSION
from webadmin.web import countryfacts, handover, navigation

# What proxies add: RFC 7239, and what was used before it.
_PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What this is, for whoever opens the address in a browser."""
    place = countryfacts.of_country(settings.ENVIRON.country, notarial.installed(), timezone.now().date())
    return render(request, "webadmin/front.html", {"place": place})


@require_safe
def handed_over(request: HttpRequest) -> HttpResponse:
    """What could be handed over: every column of the cell's tables, by the labels of the code that runs."""
    return render(request, "webadmin/handed_over.html", {"tables": handover.tables()})


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Read the pages in another language from now on; whoever is signed in is written to in it as well."""
    answer = set_language(request)
    chosen = request.POST.get("language", "")
    if request.user.is_authenticated and request.user.mailbox and chosen in dict(settings.LANGUAGES):
        languages.keep(request.user.mailbox, chosen)
    return answer


def surroundings(request: HttpRequest) -> dict[str, object]:
    """What every template knows: the cell, the version, and where the visitor may go."""
    return {"cell": settings.ENVIRON.cell, "skerry_version": VERSION, "places": partial(navigation.links, request)}


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """200 when this process and its database answer, else 503. Says nothing else to strangers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT cell FROM mailhost_cellidentity WHERE id = 1")
            healthy = cursor.fetchone() == (settings.ENVIRON.cell,)
    except DatabaseError:
        healthy = False
    return JsonResponse({"status": "ok" if healthy else "unavailable"}, status=200 if healthy else 503)


@require_safe
@never_cache
def figures(request: HttpRequest) -> HttpResponse:
    """Prometheus' page, for this machine only; to everybody else it does not exist."""
    if not is_from_this_machine(request):
        return HttpResponse(status=404)
    text = metrics.page(settings.ENVIRON.run, _gauges())
    return HttpResponse(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def is_from_this_machine(request: HttpRequest) -> bool:
    """Whether the request came over loopback and not through a proxy."""
    try:
        loopback = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
    name = request.META.get("HTTP_HOST", "").rpartition(":")[0] or request.META.get("HTTP_HOST", "")
    return loopback and name in _LOCAL_NAMES and not any(header in request.headers for header in _PROXY_HEADERS)


def _gauges() -> list[metrics.Gauge]:
    """What an alarm should watch: free space and the certificate's last moment."""
    environ = settings.ENVIRON
    found = [metrics.Gauge("disk_free_bytes", "Free space in the data folder.", shutil.disk_usage(environ.home).free)]
    expiry = tls.expiry(tls.files(environ)[0])
    if expiry is not None:
        words = "Unix time of the TLS certificate's end."
        found.append(metrics.Gauge("certificate_expires_seconds", words, expiry.timestamp()))
    return found
