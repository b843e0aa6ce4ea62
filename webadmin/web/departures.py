"""The page of a departure: what its founder keeps when the account is gone, with the receipt to check elsewhere.

The link carries the tenant's tag in the ledger and the entry that began the departure, signed with the cell's key for
links. No row is needed, so it answers for as long as the ledger is there; whoever has it learns that some tenant asked
to go, on which day, and whether it went.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jurisdiction.ledger.entries import Departure
from jurisdiction.notary import Notary
from jurisdiction.records import ledger, policies
from mailhost.provision import leaving
from webadmin.cell import notarial

_SALT: Final = "webadmin.departure"


def link(slug: str, entry: int, notary: Notary) -> str:
    """The path of a departure's page; `entry` is the index of the entry that began it."""
    return reverse("departure", kwargs={"key": signing.dumps([notary.tag(policies.TENANT, slug), entry], salt=_SALT)})


@require_safe
@never_cache
def departure(request: HttpRequest, key: str) -> HttpResponse:
    """How far it is; with `?receipt` the entries and their proofs."""
    try:
        tag, since = signing.loads(key, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise Http404 from None
    now = timezone.now()
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    told = leaving.story(tag, since)
    if not told:
        raise Http404
    if "receipt" in request.GET:
        return HttpResponse(
            ledger.receipt_of(told, notary, now),
            content_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="departure-receipt.json"'},
        )
    first, last = told[0].entry, told[-1].entry
    assert isinstance(first, Departure)
    assert isinstance(last, Departure)
    about = {"first": first, "last": last, "log_key": str(notary.log_key)}
    return render(request, "webadmin/departure.html", about)
