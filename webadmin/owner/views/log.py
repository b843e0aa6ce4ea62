"""Sign-ins to the mailbox: the page is a table that the browser fills, since only the owner's keys open a line."""

from __future__ import annotations

import base64

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

from mailhost.models import SignIn
from mailhost.signins import KEPT
from webadmin.accounts.views.signing_in import WITH_KEYS
from webadmin.owner.views import mailbox_of


@require_safe
@never_cache
@csp_override(WITH_KEYS)
def log(request: HttpRequest) -> HttpResponse:
    """How many notes there are, and the form whose script opens them."""
    box = mailbox_of(request)
    count = SignIn.objects.filter(mailbox=box).count()
    return render(request, "owner/log.html", {"box": box, "count": count, "kept": KEPT})


@require_safe
@never_cache
def notes(request: HttpRequest) -> HttpResponse:
    """`{"notes": [base64 of an age file]}`, the newest first: nothing that this host could read."""
    rows = SignIn.objects.filter(mailbox=mailbox_of(request)).order_by("-pk").values_list("note", flat=True)[:KEPT]
    return JsonResponse({"notes": [base64.b64encode(bytes(note)).decode() for note in rows]})
