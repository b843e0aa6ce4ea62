"""Dangerous acts of operators: one proposes with a reason, another one agrees, and only then it is done.

    waiting ──another operator agrees──▶ done
    waiting ──whoever proposed it, or anybody, thinks again──▶ withdrawn
    waiting ──a day passes──▶ nothing: it is proposed anew

A cell with one operator says so in its settings: then that operator may do it alone after an hour, which is enough to
notice a mistake and to sleep off anger, and it is shown as such. Proposing, agreeing and doing are acts that the
tenant's policy is asked about and that the tenant reads; the ledger has who and why as hashes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from jurisdiction.ledger import entries
from jurisdiction.models import OperatorSession, Proposal
from jurisdiction.notary import Notary
from jurisdiction.records import ledger, operators, policies
from jurisdiction.records.operators import Refused

OPEN_FOR: Final = timedelta(hours=24)  # a colleague's next working day
ALONE_AFTER: Final = timedelta(hours=1)  # what one operator waits where there is no second


def propose(
    session: OperatorSession,
    kind: str,
    *,
    tenant: str,
    about: str,
    why: str,
    notary: Notary,
    now: datetime,
    alone: bool = False,
) -> Proposal:
    """Write down what is to be done; the same again while it waits changes nothing. Raises Refused, NoPolicy."""
    known = waiting(now).filter(kind=kind, tenant=tenant, about=about).first()
    if known is not None:
        return known
    if tenant:
        operators.act(session, tenant, f"propose {kind} {about}".strip(), notary, now)
    return Proposal.objects.create(
        session=session,
        tenant=tenant,
        kind=kind,
        about=about,
        why=why[:200],
        at=now,
        from_then_alone=now + ALONE_AFTER if alone else None,
        expires=now + OPEN_FOR,
    )


def waiting(now: datetime) -> QuerySet[Proposal]:
    """What may still be agreed to, the oldest first."""
    rows = Proposal.objects.filter(state=Proposal.State.WAITING, expires__gt=now)
    return rows.select_related("session").order_by("at", "pk")


def settled(now: datetime) -> QuerySet[Proposal]:
    """What was done, withdrawn, or nobody agreed to, the newest first."""
    rows = Proposal.objects.exclude(state=Proposal.State.WAITING, expires__gt=now)
    return rows.select_related("session").order_by("-at", "-pk")


def may_agree(proposal: Proposal, operator: str, now: datetime) -> str:
    """Why this operator must not agree now; empty where they may."""
    if proposal.state != Proposal.State.WAITING:
        return "this is settled already"
    if proposal.expires <= now:
        return "nobody agreed in time; propose it anew"
    if operator[:64] != proposal.session.operator:
        return ""
    if proposal.from_then_alone is None:
        return "another operator has to agree: you proposed it yourself"
    if now < proposal.from_then_alone:
        return f"this cell has one operator: wait until {proposal.from_then_alone:%H:%M} UTC, then do it"
    return ""


def agree(
    number: int, session: OperatorSession, words: str, notary: Notary, now: datetime, do: Callable[[Proposal], str]
) -> str:
    """Agree, and have it done by `do` in the same transaction; what that says. Raises Refused, NoPolicy.

    `words` is the act as the tenant reads it; `session` is of whoever agrees.
    """
    tenant = Proposal.objects.filter(pk=number).values_list("tenant", flat=True).first() or ""
    if tenant and not operators.allows(session.country, tenant, notary, now):
        # Outside the transaction, which a refusal undoes: the tenant reads what was refused.
        operators.act(session, tenant, words, notary, now)
    with transaction.atomic():
        row = Proposal.objects.select_for_update(of=("self",)).select_related("session").filter(pk=number).first()
        if row is None:
            raise Refused("there is no such proposal")
        refusal = may_agree(row, session.operator, now)
        if refusal:
            raise Refused(refusal)
        tag = notary.tag(policies.TENANT, row.tenant) if row.tenant else ""
        if row.tenant:
            row.act = operators.act(session, row.tenant, f"{words}: {row.why}", notary, now)
        first, second = (notary.tag("operator", name) for name in (row.session.operator, session.operator))
        reason = notary.tag("reason", row.why)
        ledger.append([(entries.GraveAct(now.date().isoformat(), tag, row.kind, reason, first, second), tag)], notary)
        row.state, row.second, row.settled = Proposal.State.DONE, session.operator, now
        row.save(update_fields=["state", "second", "settled", "act"])
        return do(row)


def withdraw(number: int, operator: str, now: datetime) -> None:
    """Take a proposal back; anybody may say no. Raises Refused."""
    rows = Proposal.objects.filter(pk=number, state=Proposal.State.WAITING)
    if not rows.update(state=Proposal.State.WITHDRAWN, second=operator[:64], settled=now):
        raise Refused("this is settled already")


def sweep(now: datetime) -> int:
    """Forget what was proposed long ago; how many."""
    return Proposal.objects.filter(at__lt=now - Proposal.KEPT).delete()[0]
