"""What the law says at a moment, judged strictly.

A moment may span two or three calendar days (it is not the same day everywhere). The strictest answer of those days
counts: yes before not known before no.
"""

from jurisdiction.atlas import Atlas, FactState
from jurisdiction.questions import Moment


def law_at(atlas: Atlas, country: str, key: str, at: Moment) -> FactState:
    strictest = atlas.state(country, key, at.days[0], at.known)
    for day in at.days[1:]:
        found = atlas.state(country, key, day, at.known)
        if _strictness(found) > _strictness(strictest):
            strictest = found
    return strictest


def _strictness(state: FactState) -> int:
    if not state.settled:
        return 1
    return 2 if state.state == "yes" else 0


def in_bloc(atlas: Atlas, country: str, bloc: str, at: Moment) -> bool:
    return atlas.in_bloc(country, bloc, *at.days)


def first_bloc(atlas: Atlas, country: str, blocs: tuple[str, ...], at: Moment) -> str | None:
    """The first of the blocs, in the policy's order, that the country is in."""
    for bloc in blocs:
        if in_bloc(atlas, country, bloc, at):
            return bloc
    return None
