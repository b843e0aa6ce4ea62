"""A tenant's home: does its policy allow the cell it is to live in?

Asked before anything is created. A policy that excludes its own cell, or holds everything there, is refused with the
reasons, because a tenant whose mail may lie nowhere would lose it on the first day.
"""

from dataclasses import dataclass
from datetime import date, datetime

from jurisdiction.atlas import Atlas
from jurisdiction.decisions import decide, survey_of
from jurisdiction.phrases import Country, Said, phrase
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Moment, Place, Verdict
from jurisdiction.sentences import in_english, why


@dataclass(frozen=True, slots=True)
class Home:
    """A cell as decisions see it: its id, its country, and the countries of all who control its machines."""

    cell: str
    country: str
    controllers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """The decision against the cell; `said` explains it, `sentence` is the same in English."""

    decision: Decision
    said: tuple[Said, ...]
    sentence: str


def home_question(home: Home, kind: str = "primary") -> Place:
    return Place(kind, home.country, home.controllers, geo="agree", encrypted_client_key=True)


def excludes(policy: Policy, home: Home, atlas: Atlas, now: date | datetime | Moment) -> Exclusion | None:
    """Why the policy does not let its tenant live in this cell, or None if it does."""
    decision = decide(home_question(home), policy, atlas, survey_of(atlas), now)
    if decision.verdict is Verdict.ALLOW:
        return None
    form = "This policy does not let mail lie in the cell {cell} in {country}."
    said = (phrase(form, cell=home.cell, country=Country(home.country)), *why(decision, atlas))
    return Exclusion(decision, said, in_english(said, atlas))
