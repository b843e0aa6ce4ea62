"""What the law says at a moment, judged strictly.

A moment may span two or three calendar days (it is not the same day everywhere). The strictest answer of those days
counts: yes before not known before no.
"""

from jurisdiction.atlas import Atlas, FactState
from jurisdiction.questions import Moment


def law_at(atlas: Atlas, country: str, key: str, at: Moment) -> FactState:
    days, known = at
    strictest = atlas.state(country, key, days[0], known)
    if len(days) == 1:
        return strictest
    for day in days[1:]:
        found = atlas.state(country, key, day, known)
        if _strictness(found) > _strictness(strictest):
            strictest = found
    return strictest


def _strictness(state: FactState) -> int:
    if not state.settled:
        return 1
    return 2 if state.state == "yes" else 0


def blocs_of(atlas: Atlas, country: str, blocs: tuple[str, ...], at: Moment) -> tuple[str, ...]:
    """Those of the blocs, in the policy's order, that the country is in."""
    return atlas.membership(blocs, at.days).get(country, ())
