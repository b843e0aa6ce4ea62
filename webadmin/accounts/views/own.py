"""One's own account: sessions and factors, what is known about each, and how to end it; an operator's statement."""

from __future__ import annotations

import secrets
import unicodedata
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jurisdiction.records import operators
from webadmin.accounts import entry, factors, sessions
from webadmin.accounts.forms import Statement, Words
from webadmin.accounts.models import Authenticator, RecoveryCode, WebSession
from webadmin.accounts.views.proving import has_factor
from webadmin.cell import notarial
from webadmin.languages import spoken
from webadmin.web import gate, typed


@require_safe
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    """Sessions, factors, and what this account may do."""
    own = gate.account_of(request)
    about = {
        "account": own,
        "sessions": sessions.of(own),
        "this_session": sessions.digest(request.session.session_key or ""),
        "passkeys": own.passkey_set.order_by("pk"),
        "authenticator": Authenticator.objects.filter(account=own).first(),
        "codes_left": RecoveryCode.objects.filter(account=own, used=None).count(),
        "has_factor": has_factor(own),
        "stated": operators.current(str(own.name), timezone.now()) if own.is_operator else None,
    }
    return render(request, "accounts/account.html", about)


@require_POST
@never_cache
def name_session(request: HttpRequest, key: str) -> HttpResponse:
    """Give one of the own sessions a name."""
    form = Words(request.POST)
    if form.is_valid():
        WebSession.objects.filter(account=gate.account_of(request), session_key=key).update(
            words=form.cleaned_data["words"]
        )
    else:
        messages.error(request, _("A name is one line of up to 60 letters."))
    return redirect("account")


@require_POST
@never_cache
def end_session(request: HttpRequest, key: str) -> HttpResponse:
    """End one of the own sessions; another's does not exist here. To end this one is to sign out."""
    if key == sessions.digest(request.session.session_key or ""):
        logout(request)
        return redirect("front")
    if not sessions.end(gate.account_of(request), key):
        raise Http404
    messages.success(request, _("The session has ended."))
    return redirect("account")


@require_POST
@never_cache
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """End all but this one."""
    sessions.end_others(gate.account_of(request), request.session.session_key)
    messages.success(request, _("All other sessions have ended."))
    return redirect("account")


@require_POST
@never_cache
def remove_authenticator(request: HttpRequest) -> HttpResponse:
    """Take the authenticator away; who must have a factor keeps at least one."""
    with factors.one_at_a_time(gate.account_of(request)) as own:
        if own.needs_second_factor and not own.passkey_set.exists():
            messages.error(request, _("Your role needs a second factor. Add a passkey first, then remove this."))
        else:
            Authenticator.objects.filter(account=own).delete()
            messages.success(request, _("The authenticator is removed."))
    return redirect("account")


@require_http_methods(["GET", "POST"])
@never_cache
def state(request: HttpRequest) -> HttpResponse:
    """An operator says from where and why they work; tenants read it, and the ledger has it."""
    own, now = gate.account_of(request), timezone.now()
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    named = [(code, spoken.country(notary.atlas, code)) for code in notary.atlas.countries]
    # Å stands with A and Ö with O: near enough to each language's own order for a list one searches by typing.
    countries = sorted(named, key=lambda one: unicodedata.normalize("NFKD", one[1]))
    initial = {"country": notary.home.country} | typed.again(request)
    form = Statement(request.POST or None, countries=countries, initial=initial)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            operators.open_session(
                secrets.token_hex(16),
                str(own.name),
                data["country"],
                data["reason"],
                notary,
                now,
                lasts=timedelta(hours=data["hours"]),
            )
        except operators.Refused as refused:
            form.add_error(None, spoken.refusal(refused))
        else:
            return redirect(gate.safe_next(request, entry.home_of(own)))
    about = {"form": form, "next": gate.safe_next(request, ""), "current": operators.current(str(own.name), now)}
    return render(request, "accounts/state.html", about, status=422 if form.is_bound else 200)


@require_POST
@never_cache
def end_statement(request: HttpRequest) -> HttpResponse:
    """The work is done before its time."""
    own, now = gate.account_of(request), timezone.now()
    current = operators.current(str(own.name), now)
    if current is not None:
        operators.close(current.public_id, now)
    return redirect("account")
