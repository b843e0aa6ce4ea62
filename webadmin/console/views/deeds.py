"""One page for one act: what will happen, why it is done, the button. Used by everything that changes something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from jurisdiction.records import operators, policies
from mailhost.provision.errors import CannotProvision
from webadmin.console import grave
from webadmin.console.desk import Desk
from webadmin.console.forms import Why
from webadmin.languages import spoken
from webadmin.web import problems, typed


@dataclass(frozen=True, slots=True)
class Deed:
    """An act as its page puts it. `do` is called when it is written down, and says what was done."""

    title: str
    text: str
    button: str
    danger: bool
    tenant: str  # whose; empty: the cell's own, which nobody else has to be told of
    what: str  # as the tenant reads it
    back: str
    do: Callable[[str], str] | None = None  # takes the reason; None for what stands in the table of grave acts
    grave: str = ""  # code there: it waits for a second person
    about: str = ""  # what a grave act is about
    template: str = "console/deed.html"


def page(request: HttpRequest, at: Desk, deed: Deed, about: dict[str, object] | None = None) -> HttpResponse:
    """Show the form; when it is sent, ask and tell the tenant, act, and lead back. A refusal is a page of its own.

    A form says which act it was shown for: sent twice, or from a window that shows an older state, "keep it" would be
    "delete it". Such a form does nothing, and the page shows how it stands.
    """
    kind = Why if deed.tenant else forms.Form
    stale = request.method == "POST" and request.POST.get("act", deed.what) != deed.what
    form = kind(request.POST) if request.method == "POST" and not stale else kind(initial=typed.again(request))
    if form.is_bound and form.is_valid():
        why = str(form.cleaned_data.get("why", ""))
        if deed.grave and at.environ.second_person_rule != "none":
            return _proposed(request, at, deed, why)
        refused = asked(request, at, deed.tenant, deed.what, why)
        if refused is not None:
            return refused
        try:
            messages.success(request, _done(at, deed, why))
        except CannotProvision as problem:
            form.add_error(None, spoken.refusal(problem))
        else:
            return redirect(deed.back)
    status = 409 if stale else 422 if form.errors else 200
    waits = bool(deed.grave) and at.environ.second_person_rule
    return render(request, deed.template, {"deed": deed, "form": form, "waits": waits} | (about or {}), status=status)


def _done(at: Desk, deed: Deed, why: str) -> str:
    if deed.do is not None:
        return deed.do(why)
    return grave.KINDS[deed.grave].do(at, grave.Wanted(deed.grave, deed.tenant, deed.about, why))


def _proposed(request: HttpRequest, at: Desk, deed: Deed, why: str) -> HttpResponse:
    """Nothing is done: another operator has to agree first, or an hour to pass."""
    try:
        messages.warning(request, grave.wait(at, grave.Wanted(deed.grave, deed.tenant, deed.about, why)))
    except policies.NoPolicy:
        raise Http404 from None
    except operators.Refused as refused:
        return problems.kept_out(request, spoken.refusal(refused))
    return redirect("console-waiting")


def asked(request: HttpRequest, at: Desk, tenant: str, what: str, why: str = "") -> HttpResponse | None:
    """Ask the tenant's policy, which the tenant reads; the page for a refusal, None where it may be done."""
    if not tenant:
        return None
    try:
        at.act(tenant, what, why)
    except policies.NoPolicy:
        raise Http404 from None
    except operators.Refused as refused:
        return problems.kept_out(request, spoken.refusal(refused))
    return None
