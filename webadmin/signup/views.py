"""The pages of a signup: name, place, keys, done; and the regions, for whoever wants to know the law first."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from mailhost.models import Mailbox
from mailhost.provision.claims import DirectoryUnreachable
from mailhost.provision.errors import CannotProvision
from mailhost.seal.password import WeakParameters
from mailhost.seal.registration import BadRegistration, Registration, parse_registration
from webadmin.accounts import entry, signin
from webadmin.accounts.models import Account
from webadmin.cell import notarial
from webadmin.environ import Environ
from webadmin.languages import spoken
from webadmin.signup import admission, choices, founding, holding, steps
from webadmin.signup.forms import KeysForm, NameForm, PlaceForm
from webadmin.signup.steps import Answers, Step
from webadmin.signup.vouchers import NoVoucher
from webadmin.web import countryfacts, gate

REFUSED: Final = 422  # the status of a form that is shown again


@require_http_methods(["GET", "POST"])
@never_cache
def name(request: HttpRequest) -> HttpResponse:
    """Question one: a name, a first address, and what admits to signing up."""
    environ: Environ = settings.ENVIRON
    if environ.who_signs_up == "closed":
        return render(request, "signup/closed.html", status=200)
    answers = steps.of(request)
    form = NameForm(
        request.POST if request.method == "POST" else None,
        domain=environ.shared_domain,
        initial={"name": answers.name, "local": answers.local},
    )
    if request.method == "POST" and form.is_valid():
        answers = _asked(form, answers, timezone.now())
        if not form.errors:
            found = redirect(steps.furthest(answers))
            steps.keep(found, answers)
            return found
    page = _step(request, Step.NAME, answers, {"form": form} | _admission(answers, environ))
    if request.method == "POST":
        steps.keep(page, answers)
    return page


def _asked(form: NameForm, answers: Answers, now: datetime) -> Answers:
    """Admit, count and reserve; what is wrong stands in the form."""
    environ, key, typed = settings.ENVIRON, entry.key("app-password.key"), form.cleaned_data
    try:
        answers = admission.admit(answers, typed, environ, key=key, now=now)
        holding.count(bytes.fromhex(answers.admitted), now)
        holding.reserve(typed["local"], environ.shared_domain, holder=answers.holder, key=key, now=now)
        founding.prepare_domain(environ, now)
    except admission.NotAdmitted as problem:
        form.add_error(problem.field, problem.text)
    except holding.AskedEnough:
        form.add_error(None, _("This is enough names for now. Send the form once more to go on asking."))
        return replace(answers, admitted="", voucher=0)
    except CannotProvision as problem:
        form.add_error(None, _told(problem))
    except holding.NotFree:
        form.add_error("local", _("This address, or one that looks like it, is taken. Choose another."))
    else:
        return replace(answers, name=typed["name"], local=typed["local"])
    return answers


def _admission(answers: Answers, environ: Environ) -> dict[str, Any]:
    """What the page has to ask for besides: nothing of somebody who is admitted already."""
    admitted = admission.still(answers, timezone.now())
    wants_work = not admitted and environ.who_signs_up == "open" and environ.signup_work > 0
    found: dict[str, Any] = {"admitted": admitted, "needs_voucher": environ.who_signs_up == "voucher"}
    if wants_work:
        found["challenge"] = admission.challenge(
            environ,
            key=entry.key("app-password.key"),
            now=timezone.now(),
            random_bytes=secrets.token_bytes(16),
        )
    return found


@require_http_methods(["GET", "POST"])
@never_cache
def place(request: HttpRequest) -> HttpResponse:
    """Question two: where mail may lie."""
    answers = steps.of(request)
    if not steps.may_open(Step.PLACE, answers):
        return _back(request, answers)
    now = timezone.now()
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    offered = choices.offered(notary.home, notary.atlas, now.date())
    form = PlaceForm(
        request.POST if request.method == "POST" else None,
        offered=offered,
        initial={"preset": answers.preset or choices.HOME},
    )
    if request.method == "POST" and form.is_valid():
        answers = replace(answers, preset=form.cleaned_data["preset"])
        found = redirect(Step.KEYS)
        steps.keep(found, answers)
        return found
    about = {
        "form": form,
        "offered": offered,
        "chosen": form["preset"].value(),
        "left_out": choices.left_out(notary.home, notary.atlas, now.date()),
        "map": {"width": choices.WIDTH, "height": choices.HEIGHT},
    }
    return _step(request, Step.PLACE, answers, about)


@require_http_methods(["GET", "POST"])
@never_cache
def keys(request: HttpRequest) -> HttpResponse:
    """Question three: a passphrase, of which the browser makes keys; they found the tenant."""
    if request.user.is_authenticated:
        # The form that founded, sent again from another tab or by the back button.
        return redirect("signup-done")
    answers = steps.of(request)
    if not steps.may_open(Step.KEYS, answers):
        return _back(request, answers)
    address = f"{answers.local}@{settings.ENVIRON.shared_domain}"
    form = KeysForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        account = _founded(form, answers, address)
        if account is not None:
            found = entry.begin(request, account)
            steps.forget(found)
            return found
    return _step(request, Step.KEYS, answers, {"form": form, "address": address, "onward": "/signup/done/"})


def _founded(form: KeysForm, answers: Answers, address: str) -> Account | None:
    """The founder's account; None where something is wrong, which then stands in the form."""
    environ, now = settings.ENVIRON, timezone.now()
    made = registration_in(form, address)
    if made is None:
        return None
    try:
        box = founding.found(answers, address, made, environ, server_key=entry.key("app-password.key"), now=now)
    except NoVoucher:
        form.add_error(None, _("Your voucher was used up meanwhile. Go back to the first question."))
    except holding.AskedEnough:
        form.add_error(None, _("This signup begins with the first question, or ended a day ago."))
    except holding.NotFree:
        form.add_error(None, _("This address, or one that looks like it, is taken. Choose another."))
    except CannotProvision as problem:
        form.add_error(None, _told(problem))
    else:
        return signin.of_mailbox(box, cell=environ.cell, today=now.date())
    return None


def _told(problem: CannotProvision) -> str:
    """A refusal as a founder reads it; what only an operator can mend is not explained to them."""
    if isinstance(problem, DirectoryUnreachable):
        return _("Nobody can sign up just now: a part of this host does not answer. What you typed is kept; try later.")
    return spoken.refusal(problem)


def registration_in(form: KeysForm, address: str) -> Registration | None:
    """The keys in a valid form; None where they are none, which then stands in the form."""
    try:
        return parse_registration(form.cleaned_data["registration"], address)
    except WeakParameters as problem:
        form.add_error(None, spoken.refusal(problem))
    except BadRegistration:
        form.add_error(
            None,
            _(
                "What your browser sent does not fit this address: it may have been changed in another tab. Type your"
                " passphrase once more to make new keys."
            ),
        )
    return None


@require_safe
@never_cache
def done(request: HttpRequest) -> HttpResponse:
    """What there is now, and what to do next."""
    account = gate.account_of(request)
    box = account.mailbox
    assert isinstance(box, Mailbox)
    return render(request, "signup/done.html", {"box": box, "tenant": box.tenant, "is_founder": account.runs_tenant})


@require_safe
def regions(request: HttpRequest) -> HttpResponse:
    """The cells, and what the law of their countries says, with sources."""
    environ, today = settings.ENVIRON, timezone.now().date()
    atlas = notarial.installed()
    keys_ = tuple(atlas.keys)
    cells = [(environ.cell, ""), *environ.other_cell_list]
    countries = tuple([cell[:2].upper() for cell, _url in cells])
    about = {
        "regions": [
            {"cell": cell, "url": url, "place": countryfacts.of_country(country, atlas, today, keys_)}
            for (cell, url), country in zip(cells, countries, strict=True)
        ],
        "dots": choices.dots(countries, environ.country),
        "map": {"width": choices.WIDTH, "height": choices.HEIGHT},
        "open": environ.who_signs_up != "closed",
    }
    return render(request, "signup/regions.html", about)


def _step(request: HttpRequest, step: Step, answers: Answers, about: dict[str, Any]) -> HttpResponse:
    """One question's page. A refused form answers 422."""
    titles = {
        Step.NAME: _("Name and address"),
        Step.PLACE: _("Where it lies"),
        Step.KEYS: _("Your keys"),
    }
    order = list(Step)
    listed = [
        {
            "words": titles[one],
            "here": one is step,
            "done": order.index(one) < order.index(step),
            "href": one.value if steps.may_open(one, answers) and one is not step else "",
        }
        for one in order
    ]
    own = {"domain": settings.ENVIRON.shared_domain, "steps": listed, "answers": answers}
    template = {Step.NAME: "signup/name.html", Step.PLACE: "signup/place.html", Step.KEYS: "signup/keys.html"}[step]
    refused = about["form"].is_bound and not about["form"].is_valid()
    return render(request, template, own | about, status=REFUSED if refused else 200)


def _back(request: HttpRequest, answers: Answers) -> HttpResponse:
    """To the question that is not answered yet."""
    messages.info(request, _("This signup begins with the first question, or ended a day ago."))
    return redirect(steps.furthest(answers))
