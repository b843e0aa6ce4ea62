"""What the web serves under the names of hosted domains: MTA-STS policies and settings for mail programs.

    mta-sts.example.is        /.well-known/mta-sts.txt                       RFC 8461 §3.3
    autoconfig.example.is     /mail/config-v1.1.xml, /mail/profile.mobileconfig?email=…
    autodiscover.example.is   /autodiscover/autodiscover.xml                 POST, in any case of letters
    openpgpkey.example.is     /.well-known/openpgpkey/…                      reserved: there are no keys yet

The middleware stands before all others and answers by the Host header alone. Under those names there is nothing else:
no session, no cookie, no page of ours, so a hosted domain cannot be used to dress up a sign-in form. A name is
answered for only if its domain is hosted and verified here; every other goes on to Django's own check of hosts. No
forwarding header is read, and nothing of the request stands in an answer but an address of that very domain.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from mailhost.domaindns import clientsettings
from mailhost.models import Domain
from mailhost.tlspolicy.mtasts import write_policy
from webadmin.cell import hosting

_HOST = re.compile(r"(mta-sts|autoconfig|autodiscover|openpgpkey)\.([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::[0-9]{1,5})?")
# Long enough to spare us the questions, short enough for a correction within the hour.
_CACHE = "public, max-age=3600"


class HostedNames:
    """Middleware: answers for names under hosted domains, and passes everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        found = _HOST.fullmatch(request.META.get("HTTP_HOST", "").lower())
        if found is None or not Domain.objects.filter(name=found[2], verified__isnull=False).exists():
            return self._get_response(request)
        answer = _SERVED[found[1]](request, found[2])
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        return answer


def _nothing(text: str = "nothing here\n") -> HttpResponse:
    return HttpResponse(text, status=404, content_type="text/plain; charset=utf-8")


def _read(request: HttpRequest, content: bytes, kind: str) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return HttpResponse(content, content_type=kind, headers={"Cache-Control": _CACHE})


def _policy(request: HttpRequest, _domain: str) -> HttpResponse:
    policy = hosting.policy(settings.ENVIRON)
    if request.path != "/.well-known/mta-sts.txt" or policy is None:
        return _nothing()
    # RFC 8461 §3.2: text/plain, or senders do not believe it.
    return _read(request, write_policy(policy), "text/plain; charset=utf-8")


def _autoconfig(request: HttpRequest, domain: str) -> HttpResponse:
    offer = hosting.hosted(settings.ENVIRON).hosting
    match request.path:
        case "/mail/config-v1.1.xml" | "/.well-known/autoconfig/mail/config-v1.1.xml":
            return _read(request, clientsettings.for_thunderbird(domain, offer), "text/xml; charset=utf-8")
        case "/mail/profile.mobileconfig":
            address = clientsettings.address_of(request.GET.get("email", ""), domain)
            if address is None:
                text = f"Add your address to the link: ?email=you@{domain}\n"
                return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")
            answer = _read(request, clientsettings.for_apple(offer, address), "application/x-apple-aspen-config")
            # The address must not stay in anybody's cache.
            answer.headers["Cache-Control"] = "no-store"
            answer.headers["Content-Disposition"] = 'attachment; filename="mail.mobileconfig"'
            return answer
        case _:
            return _nothing()


def _autodiscover(request: HttpRequest, domain: str) -> HttpResponse:
    if request.path.lower() != "/autodiscover/autodiscover.xml":
        return _nothing()
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if int(request.META.get("CONTENT_LENGTH") or 0) > clientsettings.MAX_REQUEST:
        return HttpResponse("too long\n", status=413, content_type="text/plain; charset=utf-8")
    asked = clientsettings.outlook_asks_for(request.read(clientsettings.MAX_REQUEST), domain)
    content = clientsettings.for_outlook(hosting.hosted(settings.ENVIRON).hosting, asked)
    return HttpResponse(content, content_type="text/xml; charset=utf-8", headers={"Cache-Control": "no-store"})


def _keys(_request: HttpRequest, _domain: str) -> HttpResponse:
    # A reader of a web key directory takes 404 for "this address has no key".
    return _nothing("no key\n")


_SERVED: dict[str, Callable[[HttpRequest, str], HttpResponse]] = {
    "mta-sts": _policy,
    "autoconfig": _autoconfig,
    "autodiscover": _autodiscover,
    "openpgpkey": _keys,
}
