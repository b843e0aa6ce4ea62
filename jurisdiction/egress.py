"""May a message go to that server? And the two smaller questions: operator sessions and authorities' requests.

Egress rules are tried in order; the first that applies decides. A message sealed for its reader may go anywhere,
since the server learns only who writes to whom; that much is always said (`METADATA_EXPOSED`). So may, under TLS, the
note that a message waits on a page of the cell. Without TLS nothing else is sent. Readable text for a server whose
country or owner is not known is held while the policy denies any bloc.
"""

from typing import Final

from jurisdiction import reasons as r
from jurisdiction.atlas import Atlas
from jurisdiction.fields import UNKNOWN
from jurisdiction.places import Survey
from jurisdiction.policy import Policy
from jurisdiction.questions import Decision, Egress, Moment, Verdict

# What the sender's side does with a refused message, by the policy's rule.
WHEN_DENIED: Final = {"refuse": r.BOUNCE, "hold": r.HOLD_FOR_SENDER, "link": r.SECURE_LINK}

SEALED: Final = Decision(Verdict.ALLOW, (r.EGRESS_E2E_OK, r.METADATA_EXPOSED))
NO_TLS: Final = Decision(Verdict.DENY, (r.EGRESS_TLS_REQUIRED,), obligations=(r.BOUNCE,))
NOT_KNOWN: Final = Decision(Verdict.HOLD, (r.LOC_UNKNOWN, r.OFFER_E2E_OR_PORTAL), obligations=(r.HOLD_FOR_SENDER,))
NOTE: Final = Decision(Verdict.ALLOW, (r.EGRESS_NOTE_OK, r.METADATA_EXPOSED))
OVERRIDE: Final = Decision(Verdict.ALLOW, (r.EGRESS_OVERRIDE_USED, r.METADATA_EXPOSED), obligations=(r.RECORD_CONSENT,))
STANDING: Final = Decision(
    Verdict.ALLOW, (r.EGRESS_STANDING_CONSENT, r.METADATA_EXPOSED), obligations=(r.RECORD_CONSENT,)
)
READABLE: Final = Decision(Verdict.ALLOW, (r.EGRESS_TLS_OK, r.METADATA_EXPOSED))


def decide_egress(question: Egress, policy: Policy, atlas: Atlas, _survey: Survey, at: Moment) -> Decision:
    if question.mode == "e2e":
        return SEALED
    if question.mode == "note":
        return NOTE
    if question.mode != "tls":  # RFC 3207 §5: without TLS anyone on the way reads along
        return NO_TLS
    denied = policy.egress_plain_deny_blocs
    if not denied:
        return READABLE
    countries = (question.mx_location, *question.mx_controllers)
    if UNKNOWN in countries or not question.mx_controllers:
        return NOT_KNOWN
    membership = atlas.membership(denied, at.days)
    found = {bloc for country in countries for bloc in membership.get(country, ())}
    if not found:
        return READABLE
    if question.tenant_allows_consent and question.sender_consent:
        return OVERRIDE
    if question.tenant_allows_consent and question.standing_consent:
        return STANDING
    first = next(bloc for bloc in denied if bloc in found)
    because = (f"{r.EGRESS_PLAINTEXT_DENIED}:{first}",)
    return Decision(Verdict.DENY, because, obligations=(WHEN_DENIED[policy.egress_rule],))
