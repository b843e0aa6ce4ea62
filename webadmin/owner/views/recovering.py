"""The password is forgotten: 24 words open the keyring in the browser, and a new password wraps its key.

Nobody is signed in here. The answer to an address is the same for strangers and owners, and invented where there is
no such mailbox; only whoever has the words can sign the challenge that a new password needs. A challenge counts for an
hour and until the password changes. The second factor stays: it is asked for at the sign-in that follows.
"""

from __future__ import annotations

import json
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_POST

from mailhost.provision import passwords
from mailhost.provision.errors import WrongSecret
from mailhost.seal.password import WeakParameters
from mailhost.signins import Result
from webadmin.accounts import entry, ownlog, sessions, signin, sources, throttle
from webadmin.accounts.views.signing_in import WITH_KEYS
from webadmin.languages import spoken
from webadmin.owner.forms import Recovered
from webadmin.owner.views.passwords import in_json

MAX_AGE: Final = 3600  # seconds in which the words are found, typed and a new password is chosen
_SALT: Final = "webadmin.owner.recovering"


@require_http_methods(["GET", "POST"])
@never_cache
@csp_override(WITH_KEYS)
def recover(request: HttpRequest) -> HttpResponse:
    """The form, and what it leads to: a new password, no session, and the sign-in."""
    form = Recovered(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _recovered(request, form):
        messages.success(request, _("Your new password is set. Sign in with it."))
        return redirect("sign-in")
    return render(request, "owner/recover.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
@never_cache
def keyring(request: HttpRequest) -> HttpResponse:
    """`{keyring, wrap, address, challenge}` for any address whatever; the address in the spelling to be signed."""
    try:
        given = json.loads(request.body)["address"]
    except (ValueError, KeyError, TypeError):
        given = None
    # What no keyboard types (half a surrogate pair, a zero octet) is in no address, and no database takes it.
    if not isinstance(given, str) or not 0 < len(given) <= 320 or not given.isprintable():
        return JsonResponse({"error": 'send {"address": "…"}'}, status=400)
    if not sources.may_recover(request):
        text = _("Too many addresses were asked about from your network. Wait ten minutes and try again.")
        return JsonResponse({"error": text}, status=429)
    address, key = signin.normal_address(given), entry.key("fake-salt.key")
    challenge = signing.dumps({"address": address, "mark": passwords.mark(address, key)}, salt=_SALT)
    material = in_json(passwords.by_recovery(address, key))
    return JsonResponse(material | {"address": address, "challenge": challenge})


def _recovered(request: HttpRequest, form: Recovered) -> bool:
    """Whether the new password is in force; what is wrong stands in the form."""
    data, now = form.cleaned_data, timezone.now()
    address, key = signin.normal_address(data["address"]), entry.key("fake-salt.key")
    counter = throttle.counter(f"recovery of {address}", key)
    if not _is_ours(data["challenge"], address, key):
        form.add_error(None, _("This page was open for more than an hour, or the password has changed. Begin anew."))
        return False
    try:
        server_key = entry.key("app-password.key")
        box = passwords.recover(address, data["made"], data["challenge"], data["proof"], server_key=server_key)
    except WeakParameters as problem:
        form.add_error(None, spoken.refusal(problem))
    except WrongSecret:
        # A signature cannot be guessed, so whoever has the words never waits: strangers would make them wait for ever.
        if throttle.attempt(counter, now):
            form.add_error(None, _("Too many attempts for this address. Wait a little and try again."))
            return False
        form.add_error(None, _("These are not the recovery words of this address. Compare both with your paper."))
    else:
        throttle.succeeded(counter)
        ownlog.note(request, box, Result.RECOVERED, now)
        sessions.end_others(signin.of_mailbox(box, cell=settings.ENVIRON.cell, today=now.date()), None)
        return True
    return False


def _is_ours(challenge: str, address: str, key: bytes) -> bool:
    try:
        found = signing.loads(challenge, salt=_SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return False
    return bool(found == {"address": address, "mark": passwords.mark(address, key)})
