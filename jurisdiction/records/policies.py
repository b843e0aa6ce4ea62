"""Policies and decisions on record: adopting a version, reading the one in force, and writing down what was decided.

A policy is adopted only if it allows its own cell; the caller checks first with `homing.excludes`, and `adopt` checks
again, because a policy that excludes its cell would stop the tenant's mail on the spot. The version, the ledger's
two entries (policy, placement) and the decision's row are one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from nacl.signing import VerifyKey

from jurisdiction.homing import Exclusion, excludes, home_question
from jurisdiction.ledger import entries
from jurisdiction.models import (
    DecisionRecord,
    EgressDecision,
    Incident,
    LeaseRow,
    LedgerEntry,
    OperatorAct,
    OperatorSession,
    PolicyVersion,
    Proposal,
)
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy, PolicyForged, SignedPolicy, sign, verify
from jurisdiction.questions import Decision, Egress, LawChange, Legal, Operator, Place, Question
from jurisdiction.records import ledger

QUESTIONS = {Place: "place", Egress: "egress", Operator: "operator", Legal: "legal", LawChange: "law_change"}
TENANT = "tenant"  # kind of tag
HOMING = 1  # enforcement point


class NoPolicy(Exception):
    """The tenant has no policy on record; `skerry init` gives it the one of its cell's country."""


class Excluded(Exception):
    """The policy does not let its tenant live in this cell; the text is the explanation."""

    def __init__(self, exclusion: Exclusion) -> None:
        super().__init__(exclusion.sentence)
        self.exclusion = exclusion


def refuse_exclusion(policy: Policy, notary: Notary, now: date | datetime) -> None:
    """Raises Excluded if the policy does not allow this cell."""
    exclusion = excludes(policy, notary.home, notary.atlas, now)
    if exclusion is not None:
        raise Excluded(exclusion)


def adopt(tenant: str, policy: Policy, notary: Notary, now: datetime) -> Policy:
    """Put the next version of a tenant's policy in force; what it became. Raises Excluded, OtherLedger."""
    refuse_exclusion(policy, notary, now)
    tag = notary.tag(TENANT, tenant)
    with transaction.atomic():
        # The ledger remembers every version ever, also those of a deleted tenant of the same name.
        earlier = LedgerEntry.objects.filter(kind="policy", subject=tag).count()
        policy = replace(policy, version=earlier + 1)
        signed = sign(policy, notary.key)
        PolicyVersion.objects.create(
            cell=notary.home.cell,
            tenant=tenant,
            version=policy.version,
            adopted=now.date(),
            document=policy.canonical().decode(),
            digest=policy.digest(),
            signature=signed.signature,
        )
        day = now.date().isoformat()
        placement = notary.decide(home_question(notary.home), policy, now)
        ledger.append(
            [
                (entries.PolicyVersion(day, tag, policy.version, policy.digest()), tag),
                (placement_entry(tag, "primary", placement, policy, notary, now.date()), tag),
            ],
            notary,
        )
        record(HOMING, home_question(notary.home), "primary", placement, policy, notary, tenant=tenant, on=now.date())
    return policy


def placement_entry(
    tag: str,
    asset: str,
    decision: Decision,
    policy: Policy,
    notary: Notary,
    on: date,
    evidence: Sequence[str] = (),
) -> entries.Placement:
    """A decision about an asset of a tenant, as the ledger has it."""
    return entries.Placement(
        on=on.isoformat(),
        tenant=tag,
        asset=asset,
        cell=notary.home.cell,
        kind=asset,
        verdict=decision.verdict.value,
        because=decision.because,
        policy=policy.digest(),
        facts_serial=notary.atlas.serial,
        facts=notary.atlas.digest,
        evidence=tuple(evidence),
        expires=decision.expires.isoformat() if decision.expires else "",
    )


def record(
    point: int,
    question: Question,
    asset: str,
    decision: Decision,
    policy: Policy,
    notary: Notary,
    *,
    tenant: str = "",
    on: date,
) -> DecisionRecord:
    """Write a decision down for the tenant to read."""
    return DecisionRecord.objects.create(
        cell=notary.home.cell,
        on=on,
        point=point,
        question=QUESTIONS[type(question)],
        tenant=tenant,
        asset=asset,
        verdict=decision.verdict.value,
        because=" ".join(decision.because),
        facts=" ".join(dict.fromkeys(decision.facts)),
        policy=policy.digest(),
        facts_serial=notary.atlas.serial,
        expires=decision.expires,
    )


def in_force(tenant: str, key: VerifyKey) -> Policy:
    """The tenant's policy, its signature checked. Raises NoPolicy, jurisdiction.policy.PolicyForged."""
    row = PolicyVersion.objects.filter(tenant=tenant).order_by("-version").first()
    if row is None:
        raise NoPolicy(f"tenant {tenant!r} has no policy on record; run `skerry init`")
    return verify(SignedPolicy(policy_of(row.document), bytes(row.signature)), key)


def all_in_force(key: VerifyKey) -> Iterator[tuple[str, Policy]]:
    """Every tenant's policy, by slug. Raises PolicyForged."""
    yield from _verified(_newest(), key)


def these_in_force(tenants: Collection[str], key: VerifyKey) -> dict[str, Policy]:
    """The policies of these tenants, by slug, with one query; who has none is not in it. Raises PolicyForged."""
    return dict(_verified(_newest().filter(tenant__in=tenants), key))


def _newest() -> QuerySet[PolicyVersion]:
    """The row in force of every tenant, by slug."""
    same = PolicyVersion.objects.filter(tenant=OuterRef("tenant")).order_by("-version")
    return PolicyVersion.objects.filter(version=Subquery(same.values("version")[:1])).order_by("tenant")


def _verified(rows: QuerySet[PolicyVersion], key: VerifyKey) -> Iterator[tuple[str, Policy]]:
    for row in rows:
        yield row.tenant, verify(SignedPolicy(policy_of(row.document), bytes(row.signature)), key)


def policy_of(document: str) -> Policy:
    """A policy from its canonical document: our own bytes, so no reader of human input is needed."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(document).items()
    }
    return Policy(**values)


def history(tenant: str) -> list[PolicyVersion]:
    """Every version of a tenant's policy, the newest first."""
    return list(PolicyVersion.objects.filter(tenant=tenant).order_by("-version"))


def problems(tenant: str, notary: Notary) -> list[str]:
    """What does not fit between a tenant's policies and the ledger."""
    tag = notary.tag(TENANT, tenant)
    logged = [placed.entry for placed in ledger.entries_of(tag)]
    known = {(one.version, one.policy) for one in logged if isinstance(one, entries.PolicyVersion)}
    found = []
    for row in history(tenant):
        try:
            verify(SignedPolicy(policy_of(row.document), bytes(row.signature)), notary.key.verify_key)
        except PolicyForged:
            found.append(f"policy version {row.version} of {tenant} is not the one this cell signed")
        if (row.version, policy_of(row.document).digest()) not in known:
            found.append(f"policy version {row.version} of {tenant} is not in the log")
    return found


def forget(tenant: str, now: datetime) -> None:
    """Remove what is on record about a tenant that is deleted; the ledger keeps its hashes."""
    for model in (PolicyVersion, DecisionRecord, EgressDecision, LeaseRow, Incident, Proposal, OperatorAct):
        model.objects.filter(tenant=tenant).delete()
    # A session for this tenant alone must not become one for any: it ends as it loses the name.
    OperatorSession.objects.filter(tenant=tenant).update(tenant="", closed=now)
