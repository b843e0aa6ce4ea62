"""A policy of one's own, rule by rule: read what it means and what would change, and only then put it in force."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from jurisdiction.policy import Policy, PolicyErrors, read
from jurisdiction.records import policies
from webadmin.languages import spoken
from webadmin.tenants.forms import CustomPolicyForm
from webadmin.tenants.surroundings import Cell, cell, show, tenant_of
from webadmin.tenants.views.policy import adopt, differences, ending, explained, warned


@require_http_methods(["GET", "POST"])
@never_cache
def custom(request: HttpRequest, tenant: str) -> HttpResponse:
    """The form begins with the policy in force; sent with GET it explains, with POST it decides."""
    own, here = tenant_of(tenant), cell()
    notary = here.notary
    now = policies.in_force(own.slug, notary.key.verify_key)
    data = request.POST if request.method == "POST" else request.GET if "allow" in request.GET else None
    form = CustomPolicyForm(data, atlas=notary.atlas, initial=CustomPolicyForm.start(now))
    wanted = _wanted(form, here) if form.is_bound and form.is_valid() else None
    if wanted is not None and request.method == "POST" and adopt(request, form, own, wanted, here):
        return redirect("tenant-policy", tenant=tenant)
    about = {
        "policy": now,
        "wanted": wanted,
        "differences": differences(now, wanted, here) if wanted else [],
        "warnings": warned(wanted, here) if wanted else [],
        "sections": explained(wanted, here) if wanted else [],
        "ending": ending(own, wanted),
        "sent": [(name, value) for name in form.fields for value in data.getlist(name)] if data is not None else [],
    }
    return show(request, own, "policy_custom", "tenant-policy", about, form)


def _wanted(form: CustomPolicyForm, here: Cell) -> Policy | None:
    """The policy that was typed; every problem stands in the form."""
    try:
        return read(form.table(), here.notary.atlas)
    except PolicyErrors as errors:
        for problem in errors.problems:
            form.add_error(None, spoken.text(f"{problem.what}. {problem.remedy}."))
    return None
