"""The owner's standing consents: given, listed, taken back.

For whom each is, only the owner's browser can show: the address is sealed to the owner, and the account password opens
it there. The form takes the address in clear for the moment it needs to make its keyed hash.
"""

from __future__ import annotations

import base64

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods, require_POST

from jurisdiction.records import policies
from mailhost.provision import consents
from mailhost.provision.errors import CannotProvision, NotFound
from webadmin.accounts import entry
from webadmin.accounts.views.signing_in import WITH_KEYS
from webadmin.cell import notarial
from webadmin.languages import spoken
from webadmin.owner.forms import NewConsent
from webadmin.owner.views import mailbox_of
from webadmin.web import typed

REFUSED = 422  # the status of a form that is shown again


@require_http_methods(["GET", "POST"])
@never_cache
@csp_override(WITH_KEYS)
def listing(request: HttpRequest) -> HttpResponse:
    """Those in force, and a form for another."""
    box, today = mailbox_of(request), timezone.now().date()
    policy = policies.in_force(box.tenant.slug, notarial.notary(settings.ENVIRON, today=today).key.verify_key)
    form = NewConsent(request.POST if request.method == "POST" else None, initial=typed.again(request))
    if request.method == "POST" and form.is_valid():
        data, key = form.cleaned_data, entry.key("correspondent.key")
        try:
            made = consents.add(box, data["reader"], policy=policy, key=key, today=today, days=data["days"])
        except CannotProvision as problem:
            form.add_error("reader", spoken.refusal(problem))
        else:
            messages.success(request, _("It counts until %(day)s.") % {"day": made.last_day.isoformat()})
            return redirect("own-consents")
    rows = [{"view": one, "sealed": base64.b64encode(one.shown).decode()} for one in consents.listing(box, today)]
    about = {"form": form, "rows": rows, "box": box, "allowed": policy.consent}
    return render(request, "owner/consents.html", about, status=REFUSED if form.is_bound else 200)


@require_POST
@never_cache
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """Take one of one's own back; that of another mailbox does not exist."""
    try:
        consents.revoke_number(mailbox_of(request), number)
    except NotFound:
        raise Http404 from None
    messages.success(request, _("Taken back. What still waits is asked about anew."))
    return redirect("own-consents")
