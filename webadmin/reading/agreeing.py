"""The page on which an address elsewhere agrees to take what a mailbox here forwards to it.

Looking changes nothing, since mail programs and scanners look at links by themselves; the button does. Whoever has
the link was written to at that address, which is all that is asked. The link itself is in the request, so no cookie
stands behind the form and nothing can be abused by a form of another site (`csrf_exempt`).
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from mailhost.provision import agreements
from mailhost.provision.errors import NotFound
from webadmin import forwardwork
from webadmin.reading.views import unseen


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def page(request: HttpRequest, token: str) -> HttpResponse:
    """The question, and after the button that it is answered."""
    key, today = forwardwork.key(settings.ENVIRON), timezone.now().date()
    answered = request.method == "POST"
    try:
        box = (agreements.agree if answered else agreements.asked_by)(token, key=key, today=today)
    except NotFound:
        return unseen(render(request, "reading/agreed.html", {"ended": True}, status=404))
    about = {"owner": box.address, "token": token, "answered": answered}
    return unseen(render(request, "reading/agreed.html", about))
