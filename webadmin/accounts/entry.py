"""From a proven name to a session, one step at a time: password, second factor, proven again.

Each step writes into the session what is proven by now and gives it a new key, so that a key seen before the step is
worth nothing after it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from mailhost.provision import languages, leaving
from mailhost.signins import Result
from webadmin.accounts import ownlog, throttle
from webadmin.accounts.models import Account
from webadmin.cell.keyfiles import read_or_make
from webadmin.web import gate, typed

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
    # A number would count from the last change of the session: who has the cookie would make the day last for ever.
    day = timezone.now() + timedelta(seconds=OPERATORS_DAY)
    request.session.set_expiry(day if account.is_operator else settings.SESSION_COOKIE_AGE)
    onward = waiting or gate.safe_next(request, home_of(account))
    if gate.lacks_factor(request, account):
        request.session["onward"] = onward
        return redirect("second-factor")
    _entered(request, account)
    answer = redirect(onward)
    throttle.remember(answer, account)
    return answer


def _entered(request: HttpRequest, account: Account) -> None:
    """The session is whole: the ten minutes begin, the owner's log has a line, and a departure is told."""
    _begin_sudo(request)
    if account.mailbox is not None:
        failures = int(request.session.pop(ownlog.FAILURES, 0))
        ownlog.note(request, account.mailbox, Result.IN, timezone.now(), failures=failures)
        languages.keep(account.mailbox, get_language() or settings.LANGUAGE_CODE)
    _tell_of_departure(request, account)


def _tell_of_departure(request: HttpRequest, account: Account) -> None:
    """Somebody whose organisation is leaving learns it at each sign-in, with the day and the reason."""
    departure = leaving.of(account.tenant) if account.tenant else None
    if departure is None:
        return
    text = _("%(name)s leaves this host: on %(day)s everything is removed. Read and export your mail before.")
    why = _("The reason: %(reason)s") % {"reason": departure.why} if departure.why else ""
    about = {"name": departure.tenant.name, "day": departure.gone_after.date().isoformat()}
    messages.warning(request, f"{text % about} {why}".strip())


def factor_proven(request: HttpRequest, account: Account) -> HttpResponse:
    """The second factor was right: the session is whole."""
    request.session.cycle_key()
    request.session[gate.VERIFIED] = True
    _entered(request, account)
    answer = redirect(request.session.pop("onward", home_of(account)))
    throttle.remember(answer, account)
    return answer


def proven_now(request: HttpRequest) -> None:
    """Open the ten minutes in which dangerous acts are possible, for whoever has proven themselves and nobody else."""
    request.session.cycle_key()
    _begin_sudo(request)


def _begin_sudo(request: HttpRequest) -> None:
    request.session[gate.SUDO_UNTIL] = int(timezone.now().timestamp()) + SUDO


def home_of(_account: Account) -> str:
    """Where somebody is led who did not want to go anywhere: their own account, whatever they are."""
    return "/account/"
