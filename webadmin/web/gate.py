"""The gate before every page: finds out who asks, reads the access table, and leads them where they can go on.

The one place that enforces `web.access`. A page behind it may rely on it: `request.user` is an `Account` of the
right kind and tenant, proven as far as the row asks. A form that was sent after its session had ended is not lost:
what was typed is carried, signed, through the sign-in and back (`web.typed`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from jurisdiction.records import operators, policies
from webadmin import operating
from webadmin.accounts.models import Account
from webadmin.api import admission
from webadmin.cell import notarial
from webadmin.languages import spoken
from webadmin.web import access, problems, typed
from webadmin.web.access import Caller, Role, Verdict

VERIFIED: Final = "verified"  # key of the session: the second factor was proven in it
SUDO_UNTIL: Final = "sudo_until"  # key of the session: POSIX time

# Pages of one act, which stands in the tenant's list with its reason once it is done (`console.views.deeds`).
SELF_TOLD: Final = frozenset({"console-tenant-state", "console-tenant-delete", "console-limit"})
# Where a verdict leads, by the name of the address.
_LEADS: Final = {
    Verdict.SECOND_FACTOR: "second-factor",
    Verdict.STATE: "state",
    Verdict.SUDO: "prove-again",
}


class Gate:
    """Middleware; it needs the session and the account before it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, _view: object, _args: object, words: dict[str, Any]
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        row = access.row_of(match.view_name if match and match.view_name else "")
        if row is access.EVERYBODY:
            return None
        if row is not None and row.rights:
            return admission.admit(request, row, match.view_name if match else "", str(words.get("tenant", "")))
        verdict = access.decide(row, caller(request, row), str(words.get("tenant", "")), request.method or "GET")
        match verdict:
            case Verdict.ALLOW:
                return _told_to_the_tenant(request, str(words.get("tenant", "")))
            case Verdict.HIDDEN:
                raise Http404
            case Verdict.FORBIDDEN:
                return problems.forbidden(request)
            case Verdict.SIGN_IN:
                return _to_sign_in(request)
            case _:
                if request.method == "POST":
                    # After the proof the page shows what was typed into it.
                    typed.keep(request, typed.carried(request.path, request.POST))
                return _lead(_LEADS[verdict], request)


def account_of(request: HttpRequest) -> Account:
    """The account behind a page that the table opens to signed-in people only."""
    assert isinstance(request.user, Account)
    return request.user


def caller(request: HttpRequest, row: access.Row | None = None) -> Caller:
    """Who asks, as the table wants it. Whether an operator has stated a reason is looked up where a row asks."""
    account = request.user
    if not isinstance(account, Account):
        return Caller()
    roles = {Role.OPERATOR} if account.is_operator else {Role.OWNER}
    if account.runs_tenant:
        roles.add(Role.TENANT_ADMIN)
    if account.role == Account.Role.OWNER:
        roles.add(Role.TENANT_OWNER)
    asks = row is not None and row.stated and account.is_operator
    return Caller(
        roles=frozenset(roles),
        tenant=account.tenant.slug if account.tenant else "",
        lacks_factor=lacks_factor(request, account),
        sudo=request.session.get(SUDO_UNTIL, 0) > timezone.now().timestamp(),
        stated=asks and operators.current(str(account.name), timezone.now()) is not None,
    )


def lacks_factor(request: HttpRequest, account: Account) -> bool:
    """Whether the second factor is still to come: where one is needed, and where its owner has set one up."""
    if request.session.get(VERIFIED):
        return False
    return account.needs_second_factor or account.passkey_set.exists() or hasattr(account, "authenticator")


def safe_next(request: HttpRequest, otherwise: str = "/") -> str:
    """The path in `next`, if it is one of this host; nobody is led elsewhere by a link."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    local = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) and wanted.startswith("/")
    return wanted if local else otherwise


def _told_to_the_tenant(request: HttpRequest, tenant: str) -> HttpResponse | None:
    """An operator at a tenant's address: the tenant's policy is asked, and the tenant reads that it was.

    A page that writes its own act down when it is done is only asked about, so that one act is one line.
    """
    account = account_of(request)
    if not tenant or not account.is_operator:
        return None
    now, match = timezone.now(), request.resolver_match
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    if match and match.view_name in SELF_TOLD and operating.may_see_stated(str(account.name), notary, now, tenant):
        return None
    what = f"{'look at' if request.method in {'GET', 'HEAD'} else 'send'} {match.view_name if match else ''}"
    try:
        operating.act_stated(str(account.name), notary, now, tenant, what)
    except policies.NoPolicy:
        raise Http404 from None
    except operators.Refused as refused:
        return problems.kept_out(request, spoken.refusal(refused))
    return None


def _lead(name: str, request: HttpRequest) -> HttpResponse:
    """To an address, and from there back to the page itself, with what was typed into it."""
    if request.method == "POST":
        typed.keep(request, typed.carried(request.path, request.POST))
    return redirect(f"{reverse(name)}?next={quote(_back_to(request))}")


def _back_to(request: HttpRequest) -> str:
    """The page to come back to: this one, or where an address takes forms only, the page that the form stood on.

    The browser names that page (`same-origin` is the referrer policy of every page); where it does not, the account's.
    """
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    match = request.resolver_match
    if match is None or match.view_name not in access.FORMS_ONLY:
        return request.path
    came = urlsplit(request.headers.get("Referer", ""))
    if came.netloc not in {request.get_host(), urlsplit(settings.ENVIRON.web_address).netloc}:
        return reverse("account")
    return urlunsplit(("", "", came.path, came.query, "")) or "/"


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if "application/json" in request.headers.get("Accept", "") or request.content_type == "application/json":
        return HttpResponse('{"error": "sign in first"}', status=401, content_type="application/json")
    if request.method == "POST":
        carried = typed.carried(request.path, request.POST) if _back_to(request) == request.path else ""
        return problems.session_ended(request, carried, _back_to(request))
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        messages.info(request, _("Your session has ended. Sign in to go on where you were."))
    return _lead("sign-in", request)
