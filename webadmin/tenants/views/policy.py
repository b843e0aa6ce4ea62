"""Law: the policy in force, explained; what another would mean; and putting another in force.

Words and decisions come from `jurisdiction`; nothing on these pages is written by hand for one policy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from jurisdiction.explain import explain
from jurisdiction.homing import home_question
from jurisdiction.models import DecisionRecord
from jurisdiction.policy import EGRESS_RULES, Policy, warnings
from jurisdiction.records import leases, policies
from jurisdiction.sentences import law, sentences
from jurisdiction.what_if import Holding, upcoming
from mailhost.models import AppPassword, Tenant
from mailhost.provision import policy as provisioned
from mailhost.provision.errors import CannotProvision
from webadmin.languages import spoken
from webadmin.signup import choices
from webadmin.tenants import journal
from webadmin.tenants.forms import PolicyForm
from webadmin.tenants.surroundings import PAGE, Cell, cell, show, tenant_of


@dataclass(frozen=True, slots=True)
class Said:
    """A paragraph of an explanation with the sources it rests on."""

    runs: list[spoken.Run]
    sources: list[Any]


def explained(policy: Policy, here: Cell) -> list[dict[str, Any]]:
    """The explanation's sections, ready to be drawn."""
    notary = here.notary
    note = explain(policy, notary.atlas, notary.home, here.now.date())
    return [
        {
            "title": spoken.said([section.title], notary.atlas),
            "paragraphs": [
                Said(spoken.runs(one.said, notary.atlas), [notary.atlas.sources[id_] for id_ in one.sources])
                for one in section.paragraphs
            ],
        }
        for section in note.sections
    ]


@require_safe
@never_cache
def policy(request: HttpRequest, tenant: str) -> HttpResponse:
    """The policy in force: what it says, what follows, what the dated facts have in store, and every version."""
    own, here = tenant_of(tenant), cell()
    notary = here.notary
    found = policies.in_force(own.slug, notary.key.verify_key)
    held = Holding(own.slug, found, home_question(notary.home))
    about = {
        "policy": found,
        "digest": found.digest(),
        "sections": explained(found, here),
        "versions": policies.history(own.slug),
        "incidents": leases.incidents(own.slug),
        "coming": [
            {
                "day": one.day,
                "words": spoken.said(sentences(one.after, notary.atlas), notary.atlas),
                "move_to": one.move_to,
            }
            for one in upcoming([held], notary.atlas, here.now.date(), found.allow)
        ],
    }
    return show(request, own, "policy", "tenant-policy", about)


@require_http_methods(["GET", "POST"])
@never_cache
def change(request: HttpRequest, tenant: str) -> HttpResponse:
    """Choose another policy, read what would change, and only then put it in force."""
    own, here = tenant_of(tenant), cell()
    notary = here.notary
    now = policies.in_force(own.slug, notary.key.verify_key)
    offered = choices.offered(notary.home, notary.atlas, here.now.date())
    start = {
        "preset": now.preset or choices.HOME,
        "egress_rule": now.egress_rule,
        "session": "session" in now.access,
    }
    data = request.POST if request.method == "POST" else request.GET if "preset" in request.GET else None
    form = PolicyForm(data, offered=offered, initial=start)
    wanted = None
    if form.is_bound and form.is_valid():
        wanted = _wanted(form, here)
        if request.method == "POST" and adopt(request, form, own, wanted, here):
            return redirect("tenant-policy", tenant=tenant)
    about = {
        "policy": now,
        "offered": offered,
        "left_out": choices.left_out(notary.home, notary.atlas, here.now.date()),
        "differences": differences(now, wanted, here) if wanted else [],
        "wanted": wanted,
        "warnings": warned(wanted, here) if wanted else [],
        "sections": explained(wanted, here) if wanted else [],
        "ending": ending(own, wanted),
    }
    return show(request, own, "policy_change", "tenant-policy", about, form)


def _wanted(form: PolicyForm, here: Cell) -> Policy:
    """The preset, with what was chosen beside it."""
    typed, notary = form.cleaned_data, here.notary
    base = choices.policy_of(typed["preset"], notary.home, notary.atlas, here.now.date())
    access = ("sealed", "session") if typed["session"] else ("sealed",)
    return replace(base, egress_rule=typed["egress_rule"], access=access)


def adopt(request: HttpRequest, form: forms.Form, tenant: Tenant, wanted: Policy, here: Cell) -> bool:
    """Put it in force; what refuses it stands in the form."""
    try:
        made = provisioned.adopt(tenant.slug, wanted, here.notary, here.now)
    except CannotProvision as problem:
        form.add_error(None, spoken.refusal(problem))
        return False
    journal.done(request, tenant, "policy-changed", here.now, about=str(made.policy.version))
    text = _("Policy version %(version)s is in force, signed and in the log.") % {"version": made.policy.version}
    if made.revoked:
        text += " " + _("App passwords that ended with it: %(n)s.") % {"n": made.revoked}
    messages.success(request, text)
    return True


def warned(wanted: Policy, here: Cell) -> list[str]:
    """What the policy's letter does not do although it may be meant so, in the reader's language."""
    atlas = here.notary.atlas
    return [spoken.said([one], atlas) for one in warnings(wanted, atlas, here.now.date())]


def ending(tenant: Tenant, wanted: Policy | None) -> int:
    """App passwords that would end with the access the policy no longer allows."""
    if wanted is None:
        return 0
    return AppPassword.objects.filter(mailbox__tenant=tenant, revoked=None).exclude(access__in=wanted.access).count()


def differences(now: Policy, wanted: Policy, here: Cell) -> list[tuple[str, str, str]]:
    """What the new policy says otherwise: name, before, after."""
    atlas = here.notary.atlas
    rules = dict(
        zip(
            EGRESS_RULES,
            (_("comes back to its sender"), _("waits for its sender"), _("its reader gets a link")),
            strict=True,
        )
    )

    def countries(codes: tuple[str, ...]) -> str:
        return ", ".join([spoken.country(atlas, code) for code in codes]) or _("nowhere")

    def blocs(ids: tuple[str, ...]) -> str:
        return ", ".join([spoken.name(atlas.blocs[one].name) for one in ids]) or _("no group")

    def laws(keys: tuple[str, ...]) -> str:
        return "; ".join([spoken.name(law(atlas, key)) for key in keys]) or _("none")

    def kept(days: int) -> str:
        return _("as a wish: %(n)s days") % {"n": days} if days else _("until its owner deletes it")

    def pair(one: Policy) -> list[tuple[str, str]]:
        return [
            (_("Mail may lie in"), countries(one.allow)),
            (_("Backups may lie in"), countries(one.backup_allow)),
            (_("Operators may act from"), countries(one.operator_allow)),
            (_("No place in"), blocs(one.deny_blocs)),
            (_("Laws that no place may have"), laws(one.deny_facts)),
            (_("No owner from"), blocs(one.deny_controller_blocs)),
            (_("No readable mail to"), blocs(one.egress_plain_deny_blocs)),
            (_("Readable mail to denied countries"), rules[one.egress_rule]),
            (_("Mail is kept"), kept(one.retention_days)),
            (_("A sender may agree to it"), _("yes") if one.consent else _("no")),
            (_("Ordinary mail programs"), _("allowed") if "session" in one.access else _("not allowed")),
        ]

    return [(name, old, new) for (name, old), (_same, new) in zip(pair(now), pair(wanted), strict=True) if old != new]


@require_safe
@never_cache
def decisions(request: HttpRequest, tenant: str) -> HttpResponse:
    """What was decided about the tenant's data, the newest first, with reasons."""
    own = tenant_of(tenant)
    rows = DecisionRecord.objects.filter(tenant=own.slug).order_by("-id")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    atlas = cell().notary.atlas
    words = [spoken.reasons(row.because, atlas) for row in page]
    return show(request, own, "decisions", "tenant-policy", {"page": page, "rows": list(zip(page, words, strict=True))})
