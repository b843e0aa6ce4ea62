"""How the cell stands outside: others' reports, DNS of all domains, certificates and keys, the place and its proof."""

from __future__ import annotations

import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jurisdiction.records import evidence
from webadmin.cell import tls
from webadmin.console import figures, health, keyring
from webadmin.console.desk import cut, desk


@require_safe
@never_cache
def deliverability(request: HttpRequest) -> HttpResponse:
    """What other hosts report about mail in the name of the domains hosted here."""
    at = desk(request)
    today = at.now.date()
    found = cut(request, health.reported(today), lambda row: row.tenant.slug, at)
    about = {
        "page": found.page,
        "standings": health.standings(found.rows, today),
        "kept_out": found.kept_out,
        "days": health.WINDOW.days,
        "chart": health.unproven_by_day(today, _("Messages a day in the name of hosted domains that are not theirs")),
        "address": at.environ.reports_address,
    }
    return render(request, "console/deliverability.html", about)


@require_safe
@never_cache
def dns(request: HttpRequest) -> HttpResponse:
    """How the DNS of every domain stood when it was last looked at; the troubled first."""
    at = desk(request)
    found = cut(request, health.by_trouble(), lambda row: row.tenant.slug, at)
    about = {
        "page": found.page,
        "domains": found.rows,
        "kept_out": found.kept_out,
        "can_check": bool(at.environ.resolver),
    }
    return render(request, "console/dns.html", about)


@require_safe
@never_cache
def keys(request: HttpRequest) -> HttpResponse:
    """Certificates with their ends, key files by name, DKIM keys by state. No secret is read."""
    at, environ = desk(request), settings.ENVIRON
    about = {
        "certificate": figures.certificate_of(tls.files(environ)[0], at.now),
        "cell_ends": keyring.cell_certificate_ends(environ),
        "files": keyring.files(environ),
        "queue_days": keyring.queue_days(environ),
        "dkim": keyring.dkim(),
        "log_key": str(at.notary.log_key),
        "witness_key": str(at.notary.cosigning_key),
    }
    return render(request, "console/keys.html", about)


@require_safe
@never_cache
def place(request: HttpRequest) -> HttpResponse:
    """The machine as its operator declares it, and what proves or contradicts its place."""
    at = desk(request)
    proofs = evidence.current(at.notary)
    about = {
        "home": at.notary.home,
        "machine": at.notary.machine,
        "node": at.notary.node,
        "weighed": evidence.assessment(proofs, at.notary, at.now.date()),
        "proofs": [(proof, _facts(proof.summary)) for proof in proofs],
    }
    return render(request, "console/place.html", about)


def _facts(summary: str) -> list[tuple[str, str]]:
    """What a piece of evidence says, as names and values."""
    try:
        found = json.loads(summary)
    except ValueError:
        return []
    return [(str(name), str(value)) for name, value in found.items()] if isinstance(found, dict) else []
