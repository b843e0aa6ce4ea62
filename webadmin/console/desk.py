"""Where an operator stands: who they are, from which country they work, and what that lets them see and do.

Lists are cut into pages first and asked about afterwards: the policies of the tenants on one page are read with one
query, however many tenants the cell has. Rows of a tenant whose policy keeps the operator's country out are left out
and counted, so that a page never looks emptier than the cell is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from jurisdiction.notary import Notary
from jurisdiction.records import operators
from webadmin import operating
from webadmin.cell import notarial
from webadmin.environ import Environ
from webadmin.web import gate

PER_PAGE: Final = 40  # as many as a person scans before they search, in a twentieth of a second


@dataclass(frozen=True, slots=True)
class Desk:
    """An operator at work, at one moment."""

    name: str
    country: str
    notary: Notary
    now: datetime
    environ: Environ

    def seen(self, tenants: Collection[str]) -> frozenset[str]:
        """Which of these tenants let this operator see rows of theirs. No name is the cell itself."""
        named = {tenant for tenant in tenants if tenant}
        return operators.allowed(self.country, named, self.notary, self.now) | {""}

    def act(self, tenant: str, what: str, why: str = "") -> None:
        """Ask the tenant's policy and write the act down for it. Raises operators.Refused, policies.NoPolicy."""
        words = f"{what}: {why}" if why else what
        operating.act_stated(self.name, self.notary, self.now, tenant, words)


def desk(request: HttpRequest) -> Desk:
    """The desk of whoever asks; for addresses whose row is `access.STATED`."""
    now, name = timezone.now(), str(gate.account_of(request).name)
    notary = notarial.notary(settings.ENVIRON, today=now.date())
    return Desk(name, operating.stated_country(name, now), notary, now, settings.ENVIRON)


@dataclass(frozen=True, slots=True)
class Cut[Row]:
    """One page of a list. `kept_out`: rows of it that are not shown because their tenants do not want it."""

    page: Page[Row]
    rows: list[Row]
    kept_out: int


def cut[Row: Model](
    request: HttpRequest, rows: QuerySet[Row], tenants: Callable[[Row], str], at: Desk, per_page: int = PER_PAGE
) -> Cut[Row]:
    """The page that was asked for, without what this operator must not see."""
    page = Paginator(rows, per_page).get_page(request.GET.get("page"))
    found: Sequence[Row] = list(page.object_list)
    seen = at.seen({tenants(row) for row in found})
    shown = [row for row in found if tenants(row) in seen]
    return Cut(page, shown, len(found) - len(shown))
