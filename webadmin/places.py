"""The places in the bar at the top of every page: where this account may go, by the access table and no other rule."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from webadmin.accounts.models import Account


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the bar."""

    words: str
    href: str
    here: bool


def places(request: HttpRequest) -> dict[str, list[Place]]:
    """What every template knows of the bar; empty for visitors, who have links of their own."""
    account = getattr(request, "user", None)
    if not isinstance(account, Account):
        return {"places": []}
    wanted = []
    if account.runs_tenant and account.tenant:
        wanted.append((_("Organisation"), reverse("tenant", kwargs={"tenant": account.tenant.slug})))
    wanted.append((_("Your account"), reverse("account")))
    if account.is_operator:
        wanted += [(_("This cell"), reverse("console")), (_("Rows"), reverse("admin:index"))]
    return {"places": [Place(words, href, request.path.startswith(href)) for words, href in wanted]}
