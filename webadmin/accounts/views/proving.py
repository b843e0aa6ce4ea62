"""The second factor, proven or set up, and proving it is still you before what cannot be undone."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_http_methods

from mailhost.signins import Result
from webadmin.accounts import entry, factors, ownlog, signin, throttle
from webadmin.accounts.forms import Code, FirstCode, OwnerSignIn, Password
from webadmin.accounts.models import Account, Authenticator, RecoveryCode
from webadmin.accounts.views.signing_in import WITH_KEYS, busy
from webadmin.web import gate

SECRET = "secret"  # noqa: S105  # in the session while an authenticator is being set up: the secret, in hex, locked
CODES = "codes"  # in the session: recovery codes that were not shown yet, locked


@require_http_methods(["GET", "POST"])
@never_cache
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor; who has none sets one up first."""
    account = gate.account_of(request)
    if not gate.lacks_factor(request, account):
        return redirect(gate.safe_next(request, entry.home_of(account)))
    if "onward" not in request.session:
        request.session["onward"] = gate.safe_next(request, entry.home_of(account))
    if not has_factor(account):
        return redirect("set-up")
    form = Code(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if check_code(form, account):
            return entry.factor_proven(request, account)
        now = timezone.now()
        # The first of a row: who has the password would fill the list with such notes, and push out the others.
        if account.mailbox is not None and throttle.count_of(_codes(account), now) == 1:
            ownlog.note(request, account.mailbox, Result.WRONG_FACTOR, now)
    about = {"form": form, "passkeys": account.passkey_set.exists(), "authenticator": _authenticator(account)}
    return render(request, "accounts/second_factor.html", about, status=422 if form.is_bound else 200)


def has_factor(account: Account) -> bool:
    """Whether there is anything to prove oneself with besides the password."""
    return account.passkey_set.exists() or _authenticator(account)


def _codes(account: Account) -> throttle.Counter:
    """What wrong codes of an account are counted under."""
    return throttle.counter(f"second factor of {account.pk}", entry.key("fake-salt.key"))


def _authenticator(account: Account) -> bool:
    return Authenticator.objects.filter(account=account).exists()


def check_code(form: Code, account: Account) -> bool:
    """Whether the code counts: digits of the authenticator, else a recovery code. Failures are counted and wait."""
    now, code, counter = timezone.now(), form.cleaned_data["code"], _codes(account)
    if throttle.attempt(counter, now):
        form.add_error("code", _("Too many wrong codes. Wait a little and try again."))
        return False
    key = entry.key("factor.key")
    try:
        if code.replace(" ", "").isdigit():
            factors.check(account, code, now, key)
        else:
            factors.spend(account, code, now.date(), key)
    except factors.WrongCode:
        form.add_error(
            "code", _("This code does not count. A code is used once; wait for the next one, and check the clock.")
        )
        return False
    throttle.succeeded(counter)
    return True


def may_add(request: HttpRequest, account: Account) -> bool:
    """Whether a factor may be added now: in a whole session that was just proven, or the first that is needed.

    A first one as well, where none is needed: whoever took a session over would open the ten minutes with a factor of
    their own, and shut its owner out.
    """
    if gate.lacks_factor(request, account):
        return not has_factor(account)
    return gate.caller(request).sudo


@require_http_methods(["GET", "POST"])
@never_cache
def set_up(request: HttpRequest) -> HttpResponse:
    """Set up an authenticator program: a QR code, and its first code typed back. Passkeys are added there too."""
    account = gate.account_of(request)
    if not may_add(request, account):
        if gate.lacks_factor(request, account):
            return redirect("second-factor")  # a stolen password must not add a factor beside the owner's
        return redirect(f"{reverse('prove-again')}?next={reverse('set-up')}")
    secret = _waiting_secret(request)
    form = FirstCode(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            factors.enrol(account, secret, form.cleaned_data["code"], timezone.now(), entry.key("factor.key"))
        except factors.WrongCode:
            form.add_error("code", _("This is not what the program shows now. Check that its clock is right."))
        else:
            del request.session[SECRET]
            return set_up_done(request, account)
    return render(request, "accounts/set_up.html", _set_up(account, form, secret), status=422 if form.is_bound else 200)


def _waiting_secret(request: HttpRequest) -> bytes:
    """The secret that is being set up in this session; a new one where there is none."""
    key = entry.key("factor.key")
    secret = bytes.fromhex(factors.unlocked(request.session.get(SECRET, ""), key)) or factors.new_secret()
    request.session[SECRET] = factors.locked(secret.hex(), key)
    return secret


def _new_codes(request: HttpRequest, account: Account) -> HttpResponse:
    """Make codes, and lead to the page that shows them once."""
    key = entry.key("factor.key")
    request.session[CODES] = factors.locked(" ".join(factors.new_codes(account, key)), key)
    return redirect("recovery-codes")


def _set_up(account: Account, form: FirstCode, secret: bytes) -> dict[str, Any]:
    issuer = f"Skerry {settings.ENVIRON.cell}"
    path, side = factors.qr_path(factors.address_of(secret, account.shown_name, issuer))
    return {
        "form": form,
        "path": path,
        "side": side,
        "secret": factors.secret_text(secret),
        "first": not has_factor(account),
    }


def set_up_done(request: HttpRequest, account: Account) -> HttpResponse:
    """A factor is there: the session counts as proven, and whoever has no recovery codes gets them."""
    request.session[gate.VERIFIED] = True
    entry.proven_now(request)
    if RecoveryCode.objects.filter(account=account, used=None).exists():
        messages.success(request, _("Your second factor is set up."))
        return redirect("account")
    return _new_codes(request, account)


@require_http_methods(["GET", "POST"])
@never_cache
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new codes once; POST makes a new set."""
    account = gate.account_of(request)
    if request.method == "POST":
        return _new_codes(request, account)
    codes = factors.unlocked(request.session.pop(CODES, ""), entry.key("factor.key")).split()
    left = RecoveryCode.objects.filter(account=account, used=None).count()
    onward = request.session.pop("onward", entry.home_of(account)) if codes else entry.home_of(account)
    return render(request, "accounts/recovery_codes.html", {"codes": codes, "left": left, "onward": onward})


@require_http_methods(["GET", "POST"])
@never_cache
@csp_override(WITH_KEYS)
def prove_again(request: HttpRequest) -> HttpResponse:
    """The password once more; opens ten minutes."""
    account = gate.account_of(request)
    onward = gate.safe_next(request, entry.home_of(account))
    form = (Password if account.is_operator else OwnerSignIn)(_proof(request, account))
    if request.method == "POST" and form.is_valid() and _is_proof(form, account):
        entry.proven_now(request)
        return redirect(onward)
    about = {"form": form, "next": onward, "account": account}
    return render(request, "accounts/prove_again.html", about, status=422 if form.is_bound else 200)


def _proof(request: HttpRequest, account: Account) -> dict[str, str] | None:
    if request.method != "POST":
        return None
    return {
        "address": account.shown_name,
        "auth_key": request.POST.get("auth_key", ""),
        "password": request.POST.get("password", ""),
    }


def refusals(request: HttpRequest, account: Account) -> list[str]:
    """Why the password that came with this form proves nothing, as sentences; none where it is right."""
    form = (Password if account.is_operator else OwnerSignIn)(_proof(request, account))
    if form.is_valid() and _is_proof(form, account):
        return []
    return [str(text) for texts in form.errors.values() for text in texts]


def _is_proof(form: Password | OwnerSignIn, account: Account) -> bool:
    now = timezone.now()
    counter = throttle.counter(f"proof of {account.pk}", entry.key("fake-salt.key"))
    if throttle.attempt(counter, now):
        form.add_error(None, _("Too many wrong passwords. Wait a little and try again."))
        return False
    try:
        if account.is_operator:
            signin.operator(account.shown_name, form.cleaned_data["password"])
        else:
            server_key, cell = entry.key("app-password.key"), settings.ENVIRON.cell
            address, auth_key = account.shown_name, form.cleaned_data["auth_key"]
            signin.owner(address, auth_key, server_key=server_key, cell=cell, today=now.date())
    except (signin.WrongProof, signin.ShutOut):
        form.add_error(None, _("This is not your password."))
        return False
    except signin.Busy:
        form.add_error(None, busy())
        return False
    throttle.succeeded(counter)
    return True
