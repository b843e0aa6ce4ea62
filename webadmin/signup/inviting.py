"""Accepting an invitation: whoever has the link makes the keys of a mailbox that was prepared for them.

The link holds the mailbox's number and the hour of the invitation, signed; it is good for as long as mail for the
mailbox is put off (72 hours), and for one acceptance. Inviting again makes a new link and ends the old one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from jurisdiction.records import keys
from mailhost.models import Mailbox
from mailhost.provision import activating
from mailhost.provision.errors import CannotProvision
from mailhost.seal.registration import Registration
from webadmin.accounts import entry, signin
from webadmin.cell import notarial
from webadmin.signup.forms import KeysForm
from webadmin.signup.views import REFUSED, registration_in

GOOD_FOR: Final = timedelta(hours=72)  # as long as `routing` answers 450 for the mailbox
_SALT: Final = "webadmin.invitation"


def link(box: Mailbox) -> str:
    """The path that its owner opens, for an invited mailbox."""
    text = signing.dumps([box.pk, int(box.invited_at.timestamp())], salt=_SALT)
    return reverse("invite", kwargs={"key": text})


def invited(text: str, now: datetime) -> Mailbox | None:
    """The mailbox of a link that is still good; it may have its keys by now."""
    try:
        number, at = signing.loads(text, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    box = Mailbox.objects.select_related("tenant", "domain").filter(pk=number).first()
    if box is None or int(box.invited_at.timestamp()) != at or now > box.invited_at + GOOD_FOR:
        return None
    return box


@require_http_methods(["GET", "POST"])
@never_cache
def accept(request: HttpRequest, key: str) -> HttpResponse:
    """A passphrase, keys, and the mailbox is its owner's."""
    now = timezone.now()
    box = invited(key, now)
    if box is None:
        raise Http404
    if box.state != Mailbox.State.INVITED and request.method == "GET":
        return redirect("sign-in")
    form = KeysForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        made = registration_in(form, box.address)
        if made is not None and _activated(form, box, made, now):
            account = signin.of_mailbox(box, cell=settings.ENVIRON.cell, today=now.date())
            return entry.begin(request, account)
    about = {"form": form, "address": box.address, "tenant": box.tenant, "onward": "/account/"}
    refused = form.is_bound and not form.is_valid()
    return render(request, "signup/invite.html", about, status=REFUSED if refused else 200)


def _activated(form: KeysForm, box: Mailbox, made: Registration, now: datetime) -> bool:
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    label = keys.label_of(box.address, notary)
    server_key = entry.key("app-password.key")
    try:
        activating.activate(box, made, label, notary=notary, now=now, server_key=server_key)
    except CannotProvision as problem:
        form.add_error(None, _("This mailbox was not opened: %(reason)s.") % {"reason": problem})
        return False
    return True
