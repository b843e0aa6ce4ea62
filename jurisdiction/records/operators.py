"""Operators at work on tenants: from where, why, until when, with whom; written down for the tenant to read.

A session is opened with a country, a reason and an end, and stands in the ledger as hashes. Every act on a tenant is
asked about anew: the tenant's policy says from which countries operators may act, a session that has ended acts no
more, and a dangerous act (deleting a tenant) needs a second person who agreed to this session. Refused acts are
written down like the others. Content is never an act: there is no question whose answer opens mail.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from jurisdiction import reasons
from jurisdiction.ledger import entries
from jurisdiction.models import OperatorAct, OperatorSession
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Operator, Verdict
from jurisdiction.records import ledger, policies
from jurisdiction.sentences import in_english, why

POINT: Final = 9  # enforcement point
LONGEST: Final = timedelta(hours=12)  # a working day; whoever needs longer states the reason again
SHORTEST_REASON: Final = 3  # letters; "x" is no reason
LONGEST_REASON: Final = 200
SHORTEST_ID: Final = 8  # hex digits that a person types of a session's id
SECOND_PERSON: Final = "SECOND_PERSON_NEEDED"


class Refused(Exception):
    """The operator must not do this; the text explains it."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as its tenant reads it; times in ISO form."""

    session: str
    operator: str
    country: str
    reason: str
    tenant: str
    opened: str
    expires: str
    closed: str | None
    second: str


@dataclass(frozen=True, slots=True)
class ActView:
    """An act as its tenant reads it. `refused` are reason codes, empty when it was done."""

    at: str
    act: str
    operator: str
    country: str
    reason: str
    second: str
    refused: str


def open_session(
    public_id: str,
    operator: str,
    country: str,
    reason: str,
    notary: Notary,
    now: datetime,
    *,
    lasts: timedelta = LONGEST,
    tenant: str = "",
) -> OperatorSession:
    """Open a session and enter it in the ledger. `public_id` is random. Raises Refused, NoPolicy.

    A session for one tenant is refused where its policy refuses the country; one for any tenant is refused where the
    cell's own country is not the operator's and no tenant could be acted on: each act asks its tenant anyway.
    """
    reason = " ".join(reason.split())
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or not reason.isprintable():
        raise Refused(f"a session needs a reason of {SHORTEST_REASON} to {LONGEST_REASON} characters, such as a ticket")
    if not timedelta(0) < lasts <= LONGEST:
        raise Refused(f"a session lasts at most {LONGEST.total_seconds() / 3600:.0f} hours; open another one later")
    if country not in notary.atlas.countries:
        raise Refused(f"{country!r} is no country code, such as {notary.home.country}")
    if tenant:
        policy = policies.in_force(tenant, notary.key.verify_key)
        decision = _decide(country, reason, policy, notary, now)
        if decision.verdict is not Verdict.ALLOW:
            _record(decision, "open session", country, policy, notary, tenant, now)
            raise Refused(_in_words(decision, notary))
    with transaction.atomic():
        made = OperatorSession.objects.create(
            public_id=public_id,
            cell=notary.home.cell,
            operator=operator[:64],
            country=country,
            reason=reason,
            tenant=tenant,
            opened=now,
            expires=now + lasts,
        )
        _enter(made, notary, now)
    return made


def _enter(session: OperatorSession, notary: Notary, now: datetime) -> None:
    tag = notary.tag(policies.TENANT, session.tenant) if session.tenant else ""
    entry = entries.OperatorSession(
        on=now.date().isoformat(),
        session=session.public_id,
        country=session.country,
        scope=tag or session.cell,
        reason=notary.tag("reason", session.reason),
        second=notary.tag("operator", session.second) if session.second else "",
        expires=session.expires.date().isoformat(),
    )
    ledger.append([(entry, tag)], notary)


def current(operator: str, now: datetime, tenant: str = "") -> OperatorSession | None:
    """The operator's newest open session that reaches this tenant."""
    own = OperatorSession.objects.filter(operator=operator[:64], tenant__in={"", tenant})
    return own.filter(closed__isnull=True, expires__gt=now, opened__lte=now).order_by("-id").first()


def close(public_id: str, now: datetime) -> OperatorSession:
    """End a session before its time. Raises Refused."""
    row = _get(public_id)
    if row.closed is None:
        row.closed = now
        row.save(update_fields=["closed"])
    return row


def approve(public_id: str, second: str, notary: Notary, now: datetime) -> OperatorSession:
    """Agree, as a second person, to the dangerous acts of a session; entered in the ledger. Raises Refused."""
    with transaction.atomic():
        row = _get(public_id)
        if second[:64] == row.operator:
            raise Refused("a second person has to agree, and that is not the one who opened the session")
        if row.closed is not None or row.expires <= now:
            raise Refused("the session has ended; a new one needs to be opened and agreed to")
        row.second, row.second_at = second[:64], now
        row.save(update_fields=["second", "second_at"])
        _enter(row, notary, now)
    return row


def _get(public_id: str) -> OperatorSession:
    found = list(OperatorSession.objects.filter(public_id__startswith=public_id)[:2])
    if len(public_id) < SHORTEST_ID or len(found) != 1:
        raise Refused("there is no such session; `skerry session list` shows them")
    return found[0]


def act(
    session: OperatorSession, tenant: str, what: str, notary: Notary, now: datetime, *, dangerous: bool = False
) -> OperatorAct:
    """Ask whether a session may do this to a tenant now, and write it down either way. Raises Refused, NoPolicy."""
    policy = policies.in_force(tenant, notary.key.verify_key)
    decision = _decide(session.country, session.reason, policy, notary, now)
    codes, words = " ".join(decision.because), _in_words(decision, notary)
    if decision.verdict is Verdict.ALLOW:
        codes, words = _further(session, tenant, now, dangerous=dangerous)
    with transaction.atomic():
        made = OperatorAct.objects.create(
            cell=notary.home.cell, session=session, tenant=tenant, act=what[:60], at=now, refused=codes
        )
        if decision.verdict is not Verdict.ALLOW:
            _record(decision, what, session.country, policy, notary, tenant, now)
    if codes:
        raise Refused(words)
    return made


def _further(session: OperatorSession, tenant: str, now: datetime, *, dangerous: bool) -> tuple[str, str]:
    """What the vocabulary has no word for: the session's own limits. Empty when it may."""
    if session.closed is not None or not session.opened <= now < session.expires:
        return reasons.OPERATOR_NO_TICKET, "the session has ended; open another one with `skerry session open`"
    if session.tenant not in ("", tenant):
        return reasons.OPERATOR_NO_TICKET, "the session was opened for another tenant"
    if dangerous and not session.second:
        how = f"`skerry session approve {session.public_id[:8]}` under another operator's name"
        return SECOND_PERSON, f"this cannot be undone, so a second person has to agree: {how}"
    return "", ""


def _decide(country: str, reason: str, policy: Policy, notary: Notary, now: datetime) -> Decision:
    return notary.decide(Operator(country, ticket=bool(reason), wants="metadata"), policy, now)


def allows(country: str, tenant: str, notary: Notary, now: datetime) -> bool:
    """Whether an operator in this country may see anything of the tenant: what lists leave out."""
    policy = policies.in_force(tenant, notary.key.verify_key)
    return _decide(country, "list", policy, notary, now).verdict is Verdict.ALLOW


def allowed(country: str, tenants: Collection[str], notary: Notary, now: datetime) -> frozenset[str]:
    """As `allows`, for a page of tenants with one query: those that let this country see something of them."""
    found = policies.these_in_force(tenants, notary.key.verify_key)
    return frozenset(
        tenant
        for tenant, policy in found.items()
        if _decide(country, "list", policy, notary, now).verdict is Verdict.ALLOW
    )


def _record(
    decision: Decision, what: str, country: str, policy: Policy, notary: Notary, tenant: str, now: datetime
) -> None:
    question = Operator(country, ticket=True, wants="metadata")
    policies.record(POINT, question, what[:40], decision, policy, notary, tenant=tenant, on=now.date())


def _in_words(decision: Decision, notary: Notary) -> str:
    return in_english(why(decision, notary.atlas), notary.atlas)


def sessions(tenant: str | None = None) -> list[SessionView]:
    """Sessions that reached a tenant (by an act or by name), or all, the newest first."""
    rows = OperatorSession.objects.order_by("-id")
    if tenant is not None:
        rows = rows.filter(tenant=tenant) | rows.filter(operatoract__tenant=tenant)
    return [
        SessionView(
            row.public_id,
            row.operator,
            row.country,
            row.reason,
            row.tenant,
            row.opened.isoformat(timespec="seconds"),
            row.expires.isoformat(timespec="seconds"),
            row.closed.isoformat(timespec="seconds") if row.closed else None,
            row.second,
        )
        for row in rows.distinct()[:1000]
    ]


def acts(tenant: str) -> list[ActView]:
    """What operators did to a tenant or tried to, the newest first."""
    return [view_of(row) for row in acts_of(tenant)[:1000]]


def acts_of(tenant: str) -> QuerySet[OperatorAct]:
    """Rows of the same, for `view_of`, a page at a time."""
    return acts_of_all().filter(tenant=tenant)


def acts_of_all() -> QuerySet[OperatorAct]:
    """The same of every tenant of the cell."""
    return OperatorAct.objects.select_related("session", "proposal__session").order_by("-id")


def view_of(row: OperatorAct) -> ActView:
    """A row of `acts_of` as its tenant reads it."""
    return ActView(
        row.at.isoformat(timespec="seconds"),
        row.act,
        row.session.operator,
        row.session.country,
        row.session.reason,
        _with(row),
        row.refused,
    )


def _with(row: OperatorAct) -> str:
    """Who else stands behind an act: who proposed it, or who agreed to the session."""
    if hasattr(row, "proposal"):
        return str(row.proposal.session.operator)
    return row.session.second
