"""A law is about to change: must the tenant's mail move, and where to?

The question is put on the day the law is announced, the answer is computed for the day it takes force: only a
country where a primary would be allowed then is a place to go.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache, lru_cache

from jurisdiction import reasons as r
from jurisdiction.atlas import Atlas
from jurisdiction.placement import decide_place
from jurisdiction.places import Survey
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, LawChange, Moment, Place, Verdict

NOTHING_TO_DO = Decision(Verdict.NONE, ())


def decide_law_change(question: LawChange, policy: Policy, atlas: Atlas, survey: Survey, at: Moment) -> Decision:
    if question.fact not in policy.deny_facts:
        return NOTHING_TO_DO
    then = Moment((max(question.in_force, *at.days),), at.known)
    target, facts = first_target(question.country, question.candidates, policy, atlas, survey, then)
    because = (r.LAW_SCHEDULED, r.NO_COMPLIANT_TARGET if target is None else f"{r.MOVE_TO}:{target}")
    eve, obligations = _deadline(question.in_force)
    return Decision(Verdict.PLAN, because, facts, eve, obligations)


def first_target(
    leaving: str, candidates: Sequence[str], policy: Policy, atlas: Atlas, survey: Survey, then: Moment
) -> tuple[str | None, tuple[str, ...]]:
    """The first country other than the one left where a primary would be allowed, and the facts that were read."""
    facts: tuple[str, ...] = ()
    for country in candidates:
        if country == leaving:
            continue
        there = decide_place(_primary_in(country), policy, atlas, survey, then)
        facts += there.facts
        if there.verdict is Verdict.ALLOW:
            return country, facts
    return None, facts


@cache
def _primary_in(country: str) -> Place:
    """A place of its own country's; there are as many as countries."""
    return Place("primary", country, (country,), geo="agree")


@lru_cache(maxsize=4096)
def _deadline(day: date) -> tuple[date, tuple[str, ...]]:
    """The last day before, and what has to be done until then."""
    return date.fromordinal(max(1, day.toordinal() - 1)), (f"{r.MOVE_BEFORE}:{day.isoformat()}", r.TELL_TENANT)
