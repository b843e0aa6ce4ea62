"""Signing in and out: owners with a derived key, operators with a password.

The owners' form needs its script, because the password must not leave the browser; the operators' form works without.
Both forms say the same about every wrong pair, and count failures before they look.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Final

from django import forms
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.csp import CSP
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_POST

from webadmin.accounts import entry, ownlog, signin, throttle
from webadmin.accounts.forms import OperatorSignIn, OwnerSignIn
from webadmin.accounts.models import Account
from webadmin.web import gate, typed

# Pages whose script runs Argon2id: WebAssembly may be compiled, and the worker that does it may start.
WITH_KEYS: Final = settings.SECURE_CSP | {
    "script-src": [CSP.SELF, CSP.NONCE, CSP.WASM_UNSAFE_EVAL],
    "worker-src": [CSP.SELF],
}


@require_http_methods(["GET", "POST"])
@never_cache
@csp_override(WITH_KEYS)
def owner(request: HttpRequest) -> HttpResponse:
    """A mailbox owner's sign-in."""
    sent = "address" in request.POST
    form = OwnerSignIn(request.POST if sent else None)
    if sent and form.is_valid():
        account = _owner(request, form)
        if account is not None:
            return entry.begin(request, account)
    return render(request, "accounts/sign_in.html", _about(request, form), status=422 if sent else 200)


def _owner(request: HttpRequest, form: OwnerSignIn) -> Account | None:
    address = signin.normal_address(form.cleaned_data["address"])
    counter, now = _counter(request, address), timezone.now()
    if _must_wait(form, counter, now):
        return None
    try:
        account = signin.owner(
            address,
            form.cleaned_data["auth_key"],
            server_key=entry.key("app-password.key"),
            cell=settings.ENVIRON.cell,
            today=now.date(),
        )
    except signin.WrongProof:
        form.add_error(None, _("Address and password do not belong together. Check both and try again."))
        return None
    except signin.ShutOut as shut:
        throttle.succeeded(counter)
        form.add_error(None, _shut_out(shut))
        return None
    # Strangers' failures stand under the name alone, those of a browser it knows under both.
    stranger = throttle.counter(address, entry.key("fake-salt.key"))
    request.session[ownlog.FAILURES] = max(throttle.succeeded(counter), throttle.count_of(stranger, now))
    return account


def _shut_out(shut: signin.ShutOut) -> str:
    """Why somebody who is who they say must wait outside."""
    text = _("%(name)s is suspended. Mail to it is put off, nothing is removed; ask whoever runs this host.")
    why = _("The reason: %(reason)s") % {"reason": shut.why} if shut.why else ""
    return f"{text % {'name': shut.name}} {why}".strip()


@require_POST
@never_cache
def salt(request: HttpRequest) -> HttpResponse:
    """What the browser needs to derive a key: `{"salt": base64, "parameters": text}`, for any address whatever."""
    try:
        address = json.loads(request.body)["address"]
    except (ValueError, KeyError, TypeError):
        address = None
    # What no keyboard types (half a surrogate pair, a zero octet) is in no address, and no database takes it.
    if not isinstance(address, str) or not 0 < len(address) <= 320 or not address.isprintable():
        return JsonResponse({"error": 'send {"address": "…"}'}, status=400)
    found = signin.challenge(signin.normal_address(address), entry.key("fake-salt.key"))
    return JsonResponse({"salt": base64.b64encode(found.salt).decode(), "parameters": found.parameters})


@require_http_methods(["GET", "POST"])
@never_cache
def operator(request: HttpRequest) -> HttpResponse:
    """An operator's sign-in; no script needed."""
    sent = "name" in request.POST
    form = OperatorSignIn(request.POST if sent else None)
    if sent and form.is_valid():
        name = form.cleaned_data["name"].strip()
        counter = _counter(request, name)
        if not _must_wait(form, counter, timezone.now()):
            try:
                account = signin.operator(name, form.cleaned_data["password"])
            except signin.WrongProof:
                form.add_error(None, _("Name and password do not belong together. Check both and try again."))
            except signin.Busy:
                form.add_error(None, busy())
            else:
                throttle.succeeded(counter)
                return entry.begin(request, account)
    return render(request, "accounts/operator_sign_in.html", _about(request, form), status=422 if sent else 200)


@require_POST
@never_cache
def out(request: HttpRequest) -> HttpResponse:
    """End this browser's session."""
    logout(request)
    return redirect("front")


def _about(request: HttpRequest, form: forms.Form) -> dict[str, object]:
    return {"form": form, "next": gate.safe_next(request, ""), "typed": request.POST.get(typed.FIELD, "")}


def busy() -> str:
    """Why a password was not looked at."""
    return _("Too many passwords are being checked at this moment. Try again in a minute.")


def _counter(request: HttpRequest, name: str) -> throttle.Counter:
    return throttle.counter(name, entry.key("fake-salt.key"), throttle.browser_of(request, name))


def _must_wait(form: forms.Form, counter: throttle.Counter, now: datetime) -> bool:
    wait = throttle.attempt(counter, now)
    if not wait:
        return False
    seconds = throttle.in_seconds(wait)
    text = ngettext(
        "Too many attempts under this name. Wait %(seconds)d second and try again.",
        "Too many attempts under this name. Wait %(seconds)d seconds and try again.",
        seconds,
    )
    form.add_error(None, text % {"seconds": seconds})
    return True
