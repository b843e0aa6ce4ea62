"""The list of who did what to a tenant: its own admins' acts and the operators', one after the other, in words.

A use-case's caller writes an act down when it is done: `done` for a page, `note` for whoever has no request. The codes
stand in `ACTS` with the words that people read. What operators did is kept by `jurisdiction.records.operators` as codes
of commands and names of addresses; `words_of` puts those into words too, and a tenant never reads the name of a view.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import BooleanField, F, QuerySet, Value
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jurisdiction.records import operators
from mailhost.models import Tenant
from webadmin.tenants.models import MAX_ABOUT, OwnAct
from webadmin.web import gate

# Code of an own act -> what its tenant reads; `about` is said beside it.
ACTS: Final[Mapping[str, str | Promise]] = {
    "domain-brought": _("brought a domain"),
    "domain-proven": _("proved a domain"),
    "domain-removed": _("removed a domain"),
    "catch-all": _("changed where mail for unknown names goes"),
    "domain-reports": _("changed what is reported about a domain's mail"),
    "mailbox-invited": _("invited somebody"),
    "mailbox-invited-again": _("made a new invitation"),
    "mailbox-quota": _("changed a quota"),
    "mailbox-paused": _("paused a mailbox"),
    "mailbox-resumed": _("resumed a mailbox"),
    "alias-added": _("led an address to a mailbox"),
    "alias-removed": _("took an address from a mailbox"),
    "policy-changed": _("put another policy in force"),
    "settings-taken": _("took a copy of all settings"),
    "token-made": _("made a token for a program"),
    "token-revoked": _("revoked a token"),
    "program": _("had a program do something"),
    "leave": _("decided to leave this host"),
    "stay": _("decided to stay"),
}

# The beginning of an operator's act -> what the tenant reads. The first that fits counts.
_OPERATORS: Final[tuple[tuple[str, str | Promise], ...]] = (
    ("look at console-tenant-", _("opened the form of an act")),
    ("look at console-tenant", _("opened the page about your organisation")),
    ("send console-tenant", _("sent a form of the page about your organisation")),
    ("look at ", _("opened a page about your organisation")),
    ("send ", _("sent a form about your organisation")),
    ("propose tenant-suspend", _("proposed to suspend your organisation")),
    ("propose tenant-delete", _("proposed to delete your organisation")),
    ("propose queue-drop", _("proposed to remove mail from the queue")),
    ("api ", _("had a program work on your organisation")),
    ("open session", _("wanted to begin work on your organisation")),
    ("tenant show", _("looked at counts of your organisation")),
    ("tenant suspend", _("suspended your organisation")),
    ("tenant resume", _("resumed your organisation")),
    ("tenant trust", _("lifted the limits of a young organisation")),
    ("tenant delete at once", _("deleted your organisation without a cooling-off")),
    ("tenant delete", _("decided to delete your organisation")),
    ("tenant restore", _("took the deletion back")),
    ("tenant export", _("took a copy of your settings")),
    ("queue show", _("opened an item of the queue, to see its destination")),
    ("queue retry", _("had mail tried again")),
    ("queue drop", _("removed mail from the queue for good")),
    ("queue list", _("listed your mail that waits to leave")),
    ("job again", _("had background work done again")),
    ("ledger ", _("looked at your entries in the log")),
    ("policy set", _("put another policy in force for you")),
    ("policy ", _("looked at your policy")),
    ("domain ", _("worked on a domain of yours")),
    ("mailbox ", _("worked on a mailbox of yours")),
    ("alias ", _("worked on an address of yours")),
    ("app-password ", _("worked on app passwords of yours")),
    ("sending ", _("changed who may send how much")),
    ("receiving ", _("changed what mail you take")),
    ("filters end", _("ended forwards to an address whose reader wants none")),
    ("filters ", _("worked on filters of yours")),
    ("vacation ", _("worked on an absence message of yours")),
    ("consent ", _("worked on consents of yours")),
    ("import ", _("brought mail into a mailbox of yours")),
    ("token ", _("worked on tokens of your programs")),
    ("quickstart", _("set up this host with your organisation")),
)


@dataclass(frozen=True, slots=True)
class Line:
    """An act as its tenant reads it. `at` is ISO, to the second; `country`, `second` and `refused` are operators'."""

    at: str
    what: str | Promise
    code: str
    about: str
    who: str
    country: str
    why: str
    second: str = ""
    refused: str = ""
    is_own: bool = False


def note(tenant: Tenant, who: str, act: str, now: datetime, *, about: str = "", why: str = "") -> None:
    """Write an act of the tenant's own people down. Raises KeyError for a code without words."""
    ACTS[act]
    OwnAct.objects.create(tenant=tenant, at=now, who=who, act=act, about=about[:MAX_ABOUT], why=why[:200])


def done(request: HttpRequest, tenant: Tenant, act: str, now: datetime, *, about: str = "", why: str = "") -> None:
    """As `note`, for whoever asks."""
    note(tenant, gate.account_of(request).shown_name, act, now, about=about, why=why)


@dataclass(frozen=True, slots=True)
class Lines:
    """Everything on record about a tenant, the newest first; a slice reads no more rows than it has."""

    tenant: Tenant

    def __len__(self) -> int:
        return self._own().count() + operators.acts_of(self.tenant.slug).count()

    def __getitem__(self, wanted: slice) -> list[Line]:
        """Three queries: which acts of either side stand there, and the rows of each side."""
        places = [(bool(row[1]), int(row[2])) for row in self._order()[wanted]]
        own = self._own().in_bulk([key for is_own, key in places if is_own])
        theirs = operators.acts_of(self.tenant.slug).in_bulk([key for is_own, key in places if not is_own])
        return [
            _own_line(own[key]) if is_own else operators_line(operators.view_of(theirs[key]))
            for is_own, key in places
            # What was swept since the first of the queries is gone.
            if key in (own if is_own else theirs)
        ]

    def _own(self) -> QuerySet[OwnAct]:
        return OwnAct.objects.filter(tenant=self.tenant)

    def _order(self) -> QuerySet[Any, Any]:
        """Moment, side and number of every act: what the database sorts and cuts, without the acts themselves."""
        own = _placed(self._own(), own=True)
        theirs = _placed(operators.acts_of(self.tenant.slug), own=False)
        return own.union(theirs, all=True).order_by("-when", "is_own", "-number")


def _placed(rows: QuerySet[Any], *, own: bool) -> QuerySet[Any, Any]:
    side = Value(own, output_field=BooleanField())
    found: QuerySet[Any, Any] = rows.select_related(None).order_by()
    named: QuerySet[Any, Any] = found.annotate(when=F("at"), is_own=side, number=F("pk"))
    return named.values_list("when", "is_own", "number")


def _own_line(row: OwnAct) -> Line:
    at = row.at.isoformat(timespec="seconds")
    return Line(at, ACTS.get(row.act, row.act), row.act, row.about, row.who, "", row.why, is_own=True)


def operators_line(act: operators.ActView) -> Line:
    what, _colon, why = act.act.partition(": ")
    return Line(
        at=act.at,
        what=words_of(what),
        code=what,
        about=number if (number := what.rpartition(" ")[2]).isdigit() else "",
        who=act.operator,
        country=act.country,
        why=f"{act.reason} · {why}" if why else act.reason,
        second=act.second,
        refused=act.refused,
    )


def words_of(act: str) -> str | Promise:
    """An operator's act in words; as it is where nobody wrote any."""
    return next((words for beginning, words in _OPERATORS if act.startswith(beginning)), act)


def sweep(now: datetime) -> int:
    """Forget what is older than two years; how many."""
    return OwnAct.objects.filter(at__lt=now - OwnAct.KEPT).delete()[0]
