"""People with power over a cell: operators who sign in, and authorities who write.

An operator sees metadata at most, from an allowed country, for a stated reason; content never. An authority's
request is never decided by a program: the answer is only whether counsel must look at it (`counsel`) or the sender
is told which way the law provides (`refer`). The engine routes lawful orders of a cell's own courts to counsel; it
is no tool to defy them.

e-Evidence: Regulation (EU) 2023/1543 lets authorities of the Member States bound by it (not Denmark) send orders
straight to a provider that offers services in the Union, wherever the data lies. Art. 10 gives ten days.
"""

from datetime import date
from typing import Final

from jurisdiction import reasons as r
from jurisdiction.atlas import Atlas
from jurisdiction.fields import UNKNOWN
from jurisdiction.law import blocs_of, law_at
from jurisdiction.places import Survey
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Legal, Moment, Operator, Verdict

EEVIDENCE_FIRST_DAY: Final = date(2026, 8, 18)  # Regulation (EU) 2023/1543 art. 34(2)

WATCHED: Final = (r.METADATA_ONLY, r.RECORD_IN_LEDGER, r.SHOW_TENANT)


def decide_operator(question: Operator, policy: Policy, _atlas: Atlas, _survey: Survey, _at: Moment) -> Decision:
    if question.wants != "metadata":
        return Decision(Verdict.DENY, (r.OPERATOR_CONTENT_NEVER,), obligations=(r.RECORD_IN_LEDGER,))
    if question.login_country not in policy.operator_allow:
        return Decision(Verdict.DENY, (r.OPERATOR_LOC_DENIED,), obligations=(r.RECORD_IN_LEDGER,))
    if not question.ticket:
        return Decision(Verdict.DENY, (r.OPERATOR_NO_TICKET,), obligations=(r.RECORD_IN_LEDGER,))
    return Decision(Verdict.ALLOW, (r.OPERATOR_OK,), obligations=WATCHED)


def decide_legal(question: Legal, _policy: Policy, atlas: Atlas, _survey: Survey, at: Moment) -> Decision:
    facts: tuple[str, ...] = ()
    sender = question.from_country
    if question.via == "epoc" and question.offers_in_eu:
        bound, facts = _bound_by_eevidence(sender, atlas, at)
        if bound:
            return Decision(
                Verdict.COUNSEL,
                (r.LEGAL_EEVIDENCE_REACH, r.CLOCK_10D),
                facts,
                obligations=(r.ANSWER_WITHIN_10D, r.RECORD_IN_LEDGER),
            )
    # An unknown sender ("??") has no country of its own to bind anyone.
    if sender != UNKNOWN and sender in (question.cell_country, *question.controllers):
        return Decision(
            Verdict.COUNSEL, (r.LEGAL_BINDING_LOCAL, r.DISCLOSE_ONLY_HELD), facts, obligations=(r.RECORD_IN_LEDGER,)
        )
    return Decision(
        Verdict.REFER, (r.LEGAL_NO_DIRECT_FORCE, r.LEGAL_NEEDS_MLA), facts, obligations=(r.RECORD_IN_LEDGER,)
    )


def _bound_by_eevidence(country: str, atlas: Atlas, at: Moment) -> tuple[bool, tuple[str, ...]]:
    """A Member State counts as bound unless a verified fact says it is not: a lawyer looks rather once too often."""
    found = law_at(atlas, country, "eevidence_bound", at)
    if found.settled:
        return found.state == "yes", found.fact_ids
    applies = max(at.days) >= EEVIDENCE_FIRST_DAY
    return applies and (found.state == "yes" or bool(blocs_of(atlas, country, ("EU",), at))), found.fact_ids
