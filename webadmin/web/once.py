"""A form that is sent twice is done once: a double click, two tabs, the back button, a reload.

`{% once %}` puts a random token into a form. `web.once.run` does the act and writes the token's hash, in one
transaction; who sends the same form again is led to where the first one led, and nothing is done. The hash is bound to
the sender, so that a token means nothing to anybody else.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from webadmin.accounts.models import SentForm

FIELD: Final = "once"
MAX_TOKEN: Final = 64


def token() -> str:
    """A new one, for one form that is shown."""
    return secrets.token_urlsafe(16)


def run(request: HttpRequest, act: Callable[[], str]) -> HttpResponse:
    """Do `act` once for this form and lead to the path it returns. What `act` raises undoes everything.

    A form without a token is done every time: an API's client has its own means.
    """
    typed = request.POST.get(FIELD, "")
    if not 0 < len(typed) <= MAX_TOKEN:
        return redirect(act())
    digest = _digest(request, typed)
    try:
        with transaction.atomic():
            SentForm.objects.filter(forget_at__lte=timezone.now()).delete()
            row = SentForm.objects.create(digest=digest, location="", forget_at=timezone.now() + SentForm.KEPT)
            row.location = act()
            row.save(update_fields=["location"])
    except IntegrityError:
        before = SentForm.objects.filter(digest=digest).first()
        if before is None:
            raise  # the act's own, not the token's
        return redirect(before.location or request.path)
    return redirect(row.location)


def _digest(request: HttpRequest, typed: str) -> bytes:
    who = request.user.pk if request.user.is_authenticated else request.session.session_key or ""
    return hashlib.sha256(f"{who}\0{request.path}\0{typed}".encode()).digest()
