"""Pages for what went wrong: each says what happened, in a sentence, and what to do next.

400, 403, 404 and 500 of Django, a form that a stranger's page sent (CSRF), and a form that came after its session had
ended. Nothing about the request is repeated, and the page for 500 needs neither database nor session. Programs get
the same as problem values.
"""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from webadmin.api import problems as api_problems

_PROGRAMS: Final = "/api/"  # below it nobody reads pages


def _page(request: HttpRequest, status: int, title: str, happened: str, do: str) -> HttpResponse:
    about = {"status": status, "title": title, "happened": happened, "do": do}
    return render(request, "webadmin/problem.html", about, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    del exception  # what Django knows of it is not for this page
    if request.path.startswith(_PROGRAMS):
        return api_problems.answer(api_problems.NOT_UNDERSTOOD)
    return _page(
        request,
        400,
        _("This request cannot be understood"),
        _("Something in the address or in what was sent is not what this page expects."),
        _("Go back, reload the page and try again. If you typed the address, check it."),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    del exception  # what Django knows of it is not for this page
    return _page(
        request,
        403,
        _("This page is not for your account"),
        _("You are signed in, but this page is for people with another role."),
        _("Ask whoever runs your organisation's mail to give you the role, or sign in with another account."),
    )


def kept_out(request: HttpRequest, why: str) -> HttpResponse:
    """403 for an operator whom a tenant's policy keeps out; the tenant reads that they tried."""
    return _page(
        request,
        403,
        _("This tenant keeps you out"),
        why,
        _("Ask an operator elsewhere, or the tenant itself."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    del exception  # what Django knows of it is not for this page
    if request.path.startswith(_PROGRAMS):
        return api_problems.answer(api_problems.NOT_FOUND)
    return _page(
        request,
        404,
        _("There is nothing at this address"),
        _("The page may have moved, the link may be mistyped, or what it was about is gone."),
        _("Check the address, or start again from the front page."),
    )


def failed(request: HttpRequest) -> HttpResponse:
    """500: drawn without the request, for whatever failed may fail again."""
    if request.path.startswith(_PROGRAMS):
        return api_problems.answer(api_problems.FAILED)
    about = {
        "status": 500,
        "title": _("Something failed here"),
        "happened": _("The fault is ours, not yours. What you sent was not carried out, or not to its end."),
        "do": _(
            "Go back and try again in a minute. Mail keeps arriving meanwhile: it does not pass through these pages."
        ),
    }
    return HttpResponse(render_to_string("webadmin/problem.html", about), status=500)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without the mark that this site's own forms have."""
    del reason  # it names cookies and headers, which help nobody who reads this page
    return _page(
        request,
        403,
        _("This form was not accepted"),
        _("It did not carry the mark of a form from this site, or the mark was too old. Nothing was changed."),
        _("Go back, reload the page, and send the form again. Cookies of this site need to be allowed."),
    )


def session_ended(request: HttpRequest, typed: str, back: str) -> HttpResponse:
    """401 for a form that came after the end of its session; what was typed is in the page, and where to go on."""
    return render(request, "webadmin/ended.html", {"typed": typed, "next": back}, status=401)
