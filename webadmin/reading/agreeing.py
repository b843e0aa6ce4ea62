"""The page on which an address elsewhere agrees to take what a mailbox here forwards to it, and later ends that.

Looking changes nothing, since mail programs and scanners look at links by themselves; the buttons do. Whoever has
the link was written to at that address, which is all that is asked. The link itself is in the request, so no cookie
stands behind the forms and nothing can be abused by a form of another site (`csrf_exempt`).
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from mailhost.provision import agreements
from mailhost.provision.errors import NotFound
from mailhost.wishes.agreements import Step
from webadmin.jobs import forwardwork
from webadmin.reading.views import unseen

_BUTTONS: Final = {"yes": Step.YES, "no": Step.NO}


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The question, or what was answered; each with the buttons that are left."""
    key, today = forwardwork.key(settings.ENVIRON), timezone.now().date()
    step = _BUTTONS.get(request.POST.get("answer", ""))
    try:
        if step is None:
            asked = agreements.asked_by(token, key=key, today=today)
        else:
            asked = agreements.answered(token, step, key=key, today=today)
    except NotFound:
        return unseen(render(request, "reading/agreed.html", {"nowhere": True}, status=404))
    about = {"owner": asked.mailbox.address, "token": token, "agreed": asked.agreed, "ended": asked.ended}
    return unseen(render(request, "reading/agreed.html", about | {"answered": step is not None}))
