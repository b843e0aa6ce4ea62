"""App passwords: made in the owner's browser, listed, ended.

The browser makes the secret, and for session access opens the keyring with the account password and wraps its key.
The script sends the form itself and asks for JSON, because what it made is shown on the same page, once, and must
outlive no page.
"""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jurisdiction.policy import Policy
from jurisdiction.records import policies
from mailhost.models import AppPassword, Mailbox
from mailhost.provision import apppasswords
from mailhost.provision.errors import AccessForbidden, AlreadyThere, BadName, NotFound
from mailhost.seal.registration import BadRegistration, parse_app_password_form
from webadmin.accounts import entry
from webadmin.accounts.views import proving
from webadmin.accounts.views.signing_in import WITH_KEYS
from webadmin.cell import hosting, notarial
from webadmin.languages import spoken
from webadmin.owner.forms import NewAppPassword
from webadmin.owner.views import mailbox_of
from webadmin.web import gate, typed

REFUSED = 422  # the status of a form that is shown again


@require_safe
@never_cache
def listing(request: HttpRequest) -> HttpResponse:
    """Those in use, and those that have ended."""
    today = timezone.now().date().isoformat()
    rows = apppasswords.listing(mailbox_of(request).address)
    ended = [row for row in rows if row.revoked or (row.expires and row.expires < today)]
    about = {"in_use": [row for row in rows if row not in ended], "ended": ended}
    return render(request, "owner/app_passwords.html", about)


@require_http_methods(["GET", "POST"])
@never_cache
@csp_override(WITH_KEYS)
def add(request: HttpRequest) -> HttpResponse:
    """A new one. JSON for the script: the user name, or what is wrong with which field."""
    box = mailbox_of(request)
    policy = _policy(box, timezone.now().date())
    offered = [one for one in AppPassword.Access if one.value in policy.access]
    initial = {"access": AppPassword.Access.SEALED.value} | typed.again(request)
    form = NewAppPassword(request.POST if request.method == "POST" else None, offered=offered, initial=initial)
    username = _added(request, form, box, policy) if request.method == "POST" and form.is_valid() else ""
    if form.is_bound and request.accepts("application/json") and not request.accepts("text/html"):
        if username:
            return JsonResponse({"username": username, "name": form.cleaned_data["name"]})
        return JsonResponse({"problems": form.errors.get_json_data()}, status=REFUSED)
    if username:
        return redirect("app-passwords")
    offer = hosting.hosted(settings.ENVIRON).hosting
    about = {"form": form, "box": box, "offer": offer}
    return render(request, "owner/app_password_add.html", about, status=REFUSED if form.is_bound else 200)


def _added(request: HttpRequest, form: NewAppPassword, box: Mailbox, policy: Policy) -> str:
    """The user name that belongs to what was made; empty where something is wrong, which then stands in the form."""
    refusals = proving.refusals(request, gate.account_of(request))
    if refusals:
        form.add_error(None, refusals[0])
        return ""
    data, now = form.cleaned_data, timezone.now()
    try:
        made = parse_app_password_form(data["made"], data["access"])
        return apppasswords.add_made(
            box.address,
            made,
            name=data["name"],
            now=now,
            server_key=entry.key("app-password.key"),
            policy=policy,
            expires=data["expires"],
        )
    except BadRegistration:
        form.add_error(None, _("What your browser sent does not fit this form. Reload the page and try again."))
    except AlreadyThere:
        form.add_error("name", _("There is one of that name in use. End it, or choose another name."))
    except AccessForbidden:
        form.add_error("access", _("The policy of your house does not allow this way of reading."))
    except BadName as problem:
        field = "expires" if data["expires"] is not None and data["expires"] <= now.date() else "name"
        form.add_error(field, spoken.refusal(problem))
    return ""


def _policy(box: Mailbox, today: date) -> Policy:
    return policies.in_force(box.tenant.slug, notarial.notary(settings.ENVIRON, today=today).key.verify_key)


@require_POST
@never_cache
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """End one of one's own; that of another mailbox does not exist."""
    try:
        gone = apppasswords.revoke_number(mailbox_of(request).address, number, now=timezone.now())
    except NotFound:
        raise Http404 from None
    messages.success(request, _("“%(name)s” lets nobody in any more.") % {"name": gone.name})
    return redirect("app-passwords")
