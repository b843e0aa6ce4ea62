"""One function that every enforcement point asks.

`decide` is pure and deterministic: the same question, policy, atlas, survey and moment give the same decision, so
that any decision can be replayed "as known then". It neither logs nor acts.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from jurisdiction.atlas import Atlas
from jurisdiction.authority import decide_legal, decide_operator
from jurisdiction.egress import decide_egress
from jurisdiction.law_change import decide_law_change
from jurisdiction.placement import decide_place
from jurisdiction.places import UNSURVEYED, Survey
from jurisdiction.policy import Policy
from jurisdiction.questions import (
    Decision,
    Egress,
    LawChange,
    Legal,
    Moment,
    Operator,
    Place,
    Question,
    Verdict,
    moment,
)

type Decide = Callable[[Any, Policy, Atlas, Survey, Moment], Decision]

DECIDERS: Final[dict[type, Decide]] = {
    Place: decide_place,
    Egress: decide_egress,
    Operator: decide_operator,
    Legal: decide_legal,
    LawChange: decide_law_change,
}

__all__ = ["Decision", "Verdict", "decide", "survey_of"]


def decide(
    question: Question, policy: Policy, atlas: Atlas, evidence: Survey | None, now: date | datetime | Moment
) -> Decision:
    """Raises KeyError for a bloc the atlas does not know: such a policy must not have been accepted."""
    return DECIDERS[type(question)](question, policy, atlas, evidence or UNSURVEYED, moment(now))


def survey_of(atlas: Atlas) -> Survey:
    """The atlas's own landmarks and sites."""
    return Survey({name: mark.point for name, mark in atlas.landmarks.items()}, atlas.sites)
