"""From a proven name to a session, one step at a time: password, second factor, proven again.

Each step writes into the session what is proven by now and gives it a new key, so that a key seen before the step is
worth nothing after it.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from webadmin import gate, typed
from webadmin.accounts import throttle
from webadmin.accounts.models import Account
from webadmin.keyfiles import read_or_make

SUDO: Final = 600  # seconds for which somebody counts as having proven themselves just now
OPERATORS_DAY: Final = 12 * 3600  # seconds of an operator's session: a working day
BACKEND: Final = "webadmin.accounts.backend.Remembered"


def key(name: str) -> bytes:
    """The bytes of one of the cell's key files."""
    return read_or_make(settings.ENVIRON.keys / name)


def begin(request: HttpRequest, account: Account) -> HttpResponse:
    """Open a session for a proven name and lead on: to the second factor, or to where they wanted to go."""
    waiting = typed.keep(request, request.POST[typed.FIELD]) if request.POST.get(typed.FIELD) else ""
    login(request, account, backend=BACKEND)
    request.session.set_expiry(OPERATORS_DAY if account.is_operator else settings.SESSION_COOKIE_AGE)
    onward = waiting or gate.safe_next(request, home_of(account))
    if gate.lacks_factor(request, account):
        request.session["onward"] = onward
        return redirect("second-factor")
    proven_now(request)
    answer = redirect(onward)
    throttle.remember(answer, account)
    return answer


def factor_proven(request: HttpRequest, account: Account) -> HttpResponse:
    """The second factor was right: the session is whole."""
    request.session.cycle_key()
    request.session[gate.VERIFIED] = True
    proven_now(request)
    answer = redirect(request.session.pop("onward", home_of(account)))
    throttle.remember(answer, account)
    return answer


def proven_now(request: HttpRequest) -> None:
    """Open the ten minutes in which dangerous acts are possible."""
    request.session[gate.SUDO_UNTIL] = int(timezone.now().timestamp()) + SUDO


def home_of(_account: Account) -> str:
    """Where somebody is led who did not want to go anywhere."""
    return "/account/"
