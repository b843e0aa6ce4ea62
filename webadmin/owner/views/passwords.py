"""The account password, changed in the browser: the old one opens the keyring, the new one wraps its key."""

from __future__ import annotations

import base64

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_safe

from mailhost.provision import passwords
from mailhost.provision.errors import NoKeyYet
from mailhost.provision.passwords import Material
from mailhost.seal.password import WeakParameters
from mailhost.seal.registration import BadRegistration, parse_password
from webadmin.accounts import entry, sessions
from webadmin.accounts.views import proving
from webadmin.accounts.views.signing_in import WITH_KEYS
from webadmin.languages import spoken
from webadmin.owner.forms import NewPassword
from webadmin.owner.views import mailbox_of
from webadmin.web import gate


@require_safe
@never_cache
def keyring(request: HttpRequest) -> HttpResponse:
    """What the browser opens with the password: `{keyring, wrap, salt, parameters}`, bytes in base64."""
    try:
        return JsonResponse(in_json(passwords.by_password(mailbox_of(request))))
    except NoKeyYet:
        return JsonResponse({"error": "this mailbox has no keys yet"}, status=404)


def in_json(material: Material) -> dict[str, str]:
    """As `keys.js` reads it."""
    boxes = {"keyring": material.keyring, "wrap": material.wrap, "salt": material.salt}
    return {name: base64.b64encode(data).decode() for name, data in boxes.items()} | {"parameters": material.parameters}


@require_http_methods(["GET", "POST"])
@never_cache
@csp_override(WITH_KEYS)
def change(request: HttpRequest) -> HttpResponse:
    """A new password; every other browser is signed out."""
    form = NewPassword(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _changed(request, form):
        account = gate.account_of(request)
        request.session.cycle_key()
        ended = sessions.end_others(account, request.session.session_key)
        text = ngettext(
            "Your password is changed. %(count)d other session was ended.",
            "Your password is changed. %(count)d other sessions were ended.",
            ended,
        )
        messages.success(request, text % {"count": ended})
        return redirect("mailbox")
    about = {"form": form, "box": mailbox_of(request)}
    return render(request, "owner/password.html", about, status=422 if form.is_bound else 200)


def _changed(request: HttpRequest, form: NewPassword) -> bool:
    """Whether the old password was right and the new one is in force; what is wrong stands in the form."""
    refusals = proving.refusals(request, gate.account_of(request))
    if refusals:
        form.add_error(None, refusals[0])
        return False
    try:
        made = parse_password(form.cleaned_data["made"])
        passwords.replace(mailbox_of(request), made, server_key=entry.key("app-password.key"))
    except WeakParameters as problem:
        form.add_error(None, spoken.refusal(problem))
    except (BadRegistration, NoKeyYet):
        form.add_error(None, _("What your browser sent does not fit this form. Reload the page and try again."))
    else:
        return True
    return False
