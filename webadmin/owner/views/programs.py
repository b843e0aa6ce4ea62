"""Setting up a mail program: the values that it asks for, a profile for Apple's systems, a code for a telephone."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mailhost.domaindns import clientsettings
from mailhost.message.address import parse_address
from webadmin.accounts import factors
from webadmin.cell import hosting
from webadmin.owner.views import mailbox_of


@require_safe
@never_cache
def programs(request: HttpRequest) -> HttpResponse:
    """Every value beside a button that copies it."""
    box = mailbox_of(request)
    offer = hosting.hosted(settings.ENVIRON).hosting
    # Without a session: whoever reads the code with a telephone is not signed in there.
    link = f"https://autoconfig.{box.domain.name}/mail/profile.mobileconfig?email={quote(box.address)}"
    path, side = factors.qr_path(link)
    about = {"box": box, "offer": offer, "path": path, "side": side, "has_names": box.domain.verified is not None}
    return render(request, "owner/programs.html", about)


@require_safe
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """The profile for Apple's systems, without a password: the system asks for it."""
    offer = hosting.hosted(settings.ENVIRON).hosting
    content = clientsettings.for_apple(offer, parse_address(mailbox_of(request).address))
    answer = HttpResponse(content, content_type="application/x-apple-aspen-config")
    answer.headers["Content-Disposition"] = 'attachment; filename="mail.mobileconfig"'
    return answer
