"""May this lie there? The decision about data at rest and work in progress.

All reasons that apply are collected, so that whoever reads a refusal sees everything that stands in the way. Any
reason to deny denies; holds are then not listed. An unknown place or owner denies. A law that nobody has verified
holds, for a human to look it up.
"""

from datetime import date
from typing import Final

from jurisdiction import reasons as r
from jurisdiction.atlas import Atlas
from jurisdiction.fields import UNKNOWN
from jurisdiction.law import blocs_of, law_at
from jurisdiction.places import Survey, contradicts
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Moment, Place, RoundTrip, Verdict

MAX_EVIDENCE_AGE_DAYS: Final = 30  # a month: long enough for a monthly visit, short enough that a move is noticed

ALLOW, DENY, HOLD = Verdict.ALLOW, Verdict.DENY, Verdict.HOLD
FINE: Final = (r.LOC_OK, r.CTRL_OK)
ASK: Final = (r.ASK_HUMAN,)
RENEW: Final = (r.RENEW_EVIDENCE,)


def decide_place(question: Place, policy: Policy, atlas: Atlas, survey: Survey, at: Moment) -> Decision:
    deny: list[str] = []
    _judge_location(question, policy, atlas, at, deny)
    if question.controllers != (question.location,) or question.location == UNKNOWN:
        # What the location's own country means for the tenant is said by the reasons about the location.
        _judge_controllers(question, policy, atlas, at, deny)
    if question.kind in ("backup", "worker") or question.task_cell is not None:
        _judge_circumstances(question, deny)
    age = question.evidence_age_days
    if age is not None and not 0 <= age <= MAX_EVIDENCE_AGE_DAYS:  # evidence from the future is no evidence either
        deny.append(r.EVIDENCE_STALE)
    if question.rtt is not None and _contradicted(question.rtt, question.location, survey):
        deny.append(r.RTT_CONTRADICTS)
    hold: list[str] = []
    facts: tuple[str, ...] = ()
    expires = date.max if age is None else _evidence_expiry(age, at)
    for key in policy.deny_facts:
        found = law_at(atlas, question.location, key, at)
        facts += found.fact_ids
        expires = min(expires, found.stands_until)
        if not found.settled:
            hold.append(f"{r.FACT_UNVERIFIED}:{key}")
        elif found.state == "yes":
            deny.append(f"{r.FACT_DENIED}:{key}")
    last_day = None if expires == date.max else expires
    if deny:
        return Decision(DENY, tuple(deny), facts, last_day)
    if hold:
        return Decision(HOLD, tuple(hold), facts, last_day, ASK)
    return Decision(ALLOW, FINE, facts, last_day, RENEW)


def _judge_location(question: Place, policy: Policy, atlas: Atlas, at: Moment, deny: list[str]) -> None:
    location = question.location
    if question.geo == "conflict":
        deny.append(r.LOC_CONFLICT)
    elif question.geo != "agree" or location == UNKNOWN:
        deny.append(r.LOC_UNKNOWN)
    if location not in (policy.backup_allow if question.kind == "backup" else policy.allow):
        deny.append(r.NOT_IN_ALLOWLIST)
    for bloc in atlas.membership(policy.deny_blocs, at.days).get(location, ()):
        deny.append(f"{r.BLOC_DENIED}:{bloc}")  # noqa: PERF401  the hot path; a generator costs a third more


def _judge_controllers(question: Place, policy: Policy, atlas: Atlas, at: Moment, deny: list[str]) -> None:
    controllers = question.controllers
    if not controllers or UNKNOWN in controllers:
        deny.append(r.CTRL_UNKNOWN)
    for country in dict.fromkeys(controllers):
        if country in (UNKNOWN, question.location):
            continue
        blocs = blocs_of(atlas, country, policy.deny_controller_blocs, at)
        if blocs:
            deny.append(f"{r.CTRL_DENIED}:{country}:{blocs[0]}")


def _judge_circumstances(question: Place, deny: list[str]) -> None:
    kind = question.kind
    if kind == "backup" and not question.encrypted_client_key:
        deny.append(r.BACKUP_NOT_TENANT_KEYED)
    # A task runs only in the cell it was made for; a worker that names no cell, or a task without one, is neither.
    if question.cell != question.task_cell and (kind == "worker" or question.task_cell is not None):
        deny.append(r.CELL_MISMATCH)


def _contradicted(rtt: RoundTrip, location: str, survey: Survey) -> bool:
    landmark, site = survey.landmarks.get(rtt.landmark), survey.sites.get(location)
    return landmark is not None and site is not None and contradicts(rtt.ms, landmark, site)


def _evidence_expiry(age: float, at: Moment) -> date:
    if not 0 <= age <= MAX_EVIDENCE_AGE_DAYS:
        return date.max
    return date.fromordinal(at.known.toordinal() + int(MAX_EVIDENCE_AGE_DAYS - age))
