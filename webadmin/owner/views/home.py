"""The mailbox at a glance: what it holds, what can read it now, and what to do next."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mailhost.models import MailboxUsage
from mailhost.provision import readers
from webadmin.accounts.views.proving import has_factor
from webadmin.owner.views import mailbox_of
from webadmin.web import gate


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Quota, ways into the mail, next steps."""
    box = mailbox_of(request)
    usage = MailboxUsage.objects.get(mailbox=box)
    ways = readers.of(box, timezone.now().date())
    about = {
        "box": box,
        "usage": usage,
        "nearly_full": usage.bytes * 10 >= box.quota_bytes * 9,
        "ways": ways,
        "has_factor": has_factor(gate.account_of(request)),
        "has_program": bool(ways.session or ways.sealed),
    }
    return render(request, "owner/home.html", about)
