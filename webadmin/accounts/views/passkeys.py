"""The two halves of a passkey's ceremony, for adding one and for proving oneself with one."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from webadmin.accounts import entry, factors, passkeys
from webadmin.accounts.forms import Words
from webadmin.accounts.models import Authenticator, Passkey
from webadmin.accounts.views.proving import may_add, set_up_done
from webadmin.web import gate

CHALLENGE = "passkey_challenge"  # in the session, in hex, for one answer


@require_POST
@never_cache
def add_options(request: HttpRequest) -> HttpResponse:
    """The first half of adding."""
    own = gate.account_of(request)
    if not may_add(request, own):
        return JsonResponse({"error": "prove yourself first"}, status=403)
    options, challenge = passkeys.add_options(own, _host())
    request.session[CHALLENGE] = challenge.hex()
    return JsonResponse(options)


@require_POST
@never_cache
def add(request: HttpRequest) -> HttpResponse:
    """The second half of adding."""
    own, form = gate.account_of(request), Words(request.POST)
    if not may_add(request, own):
        return redirect("set-up")
    if not form.is_valid():
        messages.error(request, _("A name is one line of up to 60 letters."))
        return redirect("set-up")
    try:
        passkeys.add(
            own,
            request.POST.get("credential", ""),
            form.cleaned_data["words"],
            challenge=_challenge(request),
            origin=settings.ENVIRON.web_address,
            host=_host(),
            today=timezone.now().date(),
        )
    except passkeys.NotAccepted:
        messages.error(request, _("The passkey was not accepted. Try again, or use an authenticator."))
        return redirect("set-up")
    return set_up_done(request, own)


@require_POST
@never_cache
def use_options(request: HttpRequest) -> HttpResponse:
    """The first half of proving."""
    options, challenge = passkeys.use_options(gate.account_of(request), _host())
    request.session[CHALLENGE] = challenge.hex()
    return JsonResponse(options)


@require_POST
@never_cache
def use(request: HttpRequest) -> HttpResponse:
    """The second half of proving."""
    own = gate.account_of(request)
    try:
        passkeys.use(
            own,
            request.POST.get("credential", ""),
            challenge=_challenge(request),
            origin=settings.ENVIRON.web_address,
            host=_host(),
            today=timezone.now().date(),
        )
    except passkeys.NotAccepted:
        messages.error(request, _("The passkey was not accepted. Try again, or use a code."))
        return redirect("second-factor")
    return entry.factor_proven(request, own)


@require_POST
@never_cache
def remove(request: HttpRequest, number: int) -> HttpResponse:
    """Take one's own passkey away; who must have a factor keeps at least one."""
    with factors.one_at_a_time(gate.account_of(request)) as own:
        row = Passkey.objects.filter(account=own, pk=number).first()
        if row is None:
            raise Http404
        others = own.passkey_set.exclude(pk=number).exists() or Authenticator.objects.filter(account=own).exists()
        if own.needs_second_factor and not others:
            messages.error(request, _("Your role needs a second factor. Add another one first, then remove this."))
        else:
            row.delete()
            messages.success(request, _("The passkey is removed."))
    return redirect("account")


def _host() -> str:
    """The host that passkeys are for."""
    return urlsplit(settings.ENVIRON.web_address).hostname or "localhost"


def _challenge(request: HttpRequest) -> bytes:
    """The challenge that waits; it counts for one answer."""
    return bytes.fromhex(request.session.pop(CHALLENGE, ""))
