"""Acts of operators that cannot be undone or that stop a tenant: what each is called, and how it is done.

One table. An act is named by its code and by what it is about (a number, a slug), so that it can wait in the database
for the second person and be done by them exactly as it was proposed (`jurisdiction.records.proposals`). On a cell that
serves loopback only, nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jurisdiction.models import Proposal
from jurisdiction.records import operators, proposals
from mailhost.models import Tenant
from mailhost.provision import leaving, queue, tenants
from mailhost.provision.errors import CannotProvision
from webadmin import operating
from webadmin.console.desk import Desk


@dataclass(frozen=True, slots=True)
class Wanted:
    """An act with all it needs to be done."""

    kind: str
    tenant: str
    about: str
    why: str


@dataclass(frozen=True, slots=True)
class Kind:
    """`words` for operators; `act` is the line in the tenant's list; `do` does it and says what was done."""

    words: str | Promise
    act: str
    do: Callable[[Desk, Wanted], str]

    def line(self, about: str) -> str:
        """The act with its number, where it has one."""
        return f"{self.act} {about}" if about.isdigit() else self.act


def _suspend(at: Desk, wanted: Wanted) -> str:
    tenants.set_state(wanted.tenant, Tenant.State.SUSPENDED, now=at.now, reason=wanted.why)
    return _("%(tenant)s is suspended.") % {"tenant": wanted.tenant}


def _delete(at: Desk, wanted: Wanted) -> str:
    days = at.environ.cooling_off_days
    wish = leaving.Wish(by_operator=True, why=wanted.why, cooling_off=timedelta(days=days))
    made = leaving.ask(wanted.tenant, wish, notary=at.notary, now=at.now)
    about = {"tenant": wanted.tenant, "day": made.gone_after.date().isoformat()}
    return _("%(tenant)s is leaving, and gone after %(day)s.") % about


def _drop(_at: Desk, wanted: Wanted) -> str:
    queue.drop(int(wanted.about))
    return _("Item %(number)s is removed. Its author was not told.") % {"number": wanted.about}


KINDS: Final[Mapping[str, Kind]] = {
    "queue-drop": Kind(gettext_lazy("drop an item of the queue"), "queue drop", _drop),
    "tenant-suspend": Kind(gettext_lazy("suspend"), "tenant suspend", _suspend),
    "tenant-delete": Kind(gettext_lazy("delete, after the cooling-off"), "tenant delete", _delete),
}


def wait(at: Desk, wanted: Wanted) -> str:
    """Propose it; what to tell whoever did. Raises operators.Refused, policies.NoPolicy."""
    proposals.propose(
        operating.stated(at.name, at.now, wanted.tenant),
        wanted.kind,
        tenant=wanted.tenant,
        about=wanted.about,
        why=wanted.why,
        notary=at.notary,
        now=at.now,
        alone=at.environ.second_person_rule == "delay",
    )
    if at.environ.second_person_rule == "delay":
        return _(
            "Nothing is done yet. This cell has one operator: come back in an hour, and do it if it is still right."
        )
    return _("Nothing is done yet. Another operator has to agree within a day; tell them.")


def agree(at: Desk, proposal: Proposal) -> str:
    """Agree and do it; what was done. Raises operators.Refused, policies.NoPolicy."""
    kind = KINDS[proposal.kind]

    def do(row: Proposal) -> str:
        try:
            return kind.do(at, Wanted(row.kind, row.tenant, row.about, row.why))
        except CannotProvision as problem:
            raise operators.Refused(str(problem)) from None

    session = operating.stated(at.name, at.now, proposal.tenant)
    return proposals.agree(proposal.pk, session, kind.line(proposal.about), at.notary, at.now, do)
