"""Django's admin at `/rows/`, for operators who look for a row: nothing can be changed there, no content is shown.

Changing things is for the console's own pages, which ask for reasons and write down what was done. A model is
listed with the columns that are clear by its own labels; what is sealed or derived, and what would let somebody in, is
left out.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.contrib.admin import AdminSite, ModelAdmin
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from jurisdiction.disclosure import Label
from jurisdiction.models import DecisionRecord, EvidenceItem, LeaseRow, OperatorAct, OperatorSession
from jurisdiction.records import operators
from mailhost.models import CellIdentity, Domain, Job, Tenant
from webadmin import operating
from webadmin.accounts.models import Account
from webadmin.cell import notarial
from webadmin.web import gate

# No mailbox, alias or message: who writes with whom here is not the operators' business.
# To each, where its tenant's slug stands: a tenant that keeps operators of a country out is not in their lists.
SHOWN: Final[dict[type[models.Model], str]] = {
    CellIdentity: "",
    EvidenceItem: "",
    Tenant: "slug",
    Domain: "tenant__slug",
    Job: "tenant",
    OperatorSession: "tenant",
    OperatorAct: "tenant",
    DecisionRecord: "tenant",
    LeaseRow: "tenant",
}
# Clear, for the host must know them, and of no use to a reader but to pretend to be somebody.
SECRET: Final = frozenset({"secret", "session_data", "credential_id", "public_key", "password", "catch_all", "mailbox"})

NOT_HERE: Final = frozenset(
    {"login", "logout", "password_change", "password_change_done", "autocomplete", "view_on_site"}
)


def clear_fields(model: type[models.Model]) -> tuple[str, ...]:
    """The columns of a model that may be looked at."""
    labels = model.disclosure.labels()  # type: ignore[attr-defined]  # every model of ours has it: skerry.E003
    return tuple(name for name, label in labels.items() if label is Label.CLEAR and name not in SECRET)


class LookOnly(ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument at run time
    """A list and a page for each row; no way to change any."""

    list_per_page = 50
    show_full_result_count = False
    actions = None

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """The rows of tenants that this operator's country may see, and those of no tenant."""
        rows: models.QuerySet[Any] = super().get_queryset(request)
        where = SHOWN[self.model]
        if not where:
            return rows
        now = timezone.now()
        session = operators.current(str(gate.account_of(request).name), now)
        notary = notarial.notary(settings.ENVIRON, today=now.date())
        slugs = operating.open_tenants(session.country, notary, now) if session else frozenset()
        return rows.filter(**{f"{where}__in": {"", *slugs}})

    def get_list_display(self, _request: HttpRequest) -> tuple[str, ...]:
        return ("pk", *clear_fields(self.model))

    def get_fields(self, _request: HttpRequest, _row: Any = None) -> tuple[str, ...]:
        return clear_fields(self.model)

    def has_add_permission(self, _request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _row: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, _row: Any = None) -> bool:
        return isinstance(request.user, Account) and request.user.is_operator


class Rows(AdminSite):
    """The site; signing in and out and passwords are not its business."""

    site_header = "Skerry: rows"
    site_title = "Skerry"
    index_title = "Look, do not touch"
    site_url = "/"
    enable_nav_sidebar = False

    def get_urls(self) -> list[Any]:
        """Lists and rows. What signs in, changes a password or leads to any object by its number is not here."""
        return [url for url in super().get_urls() if getattr(url, "name", None) not in NOT_HERE]


site = Rows()
for _model in SHOWN:
    site.register(_model, LookOnly)
