"""The reason codes and obligations of decisions: a closed vocabulary, one place to look them up.

A code may carry arguments after colons (`CTRL_DENIED:US:FVEY`). Codes are for machines and tests; sentences for
people are made in `jurisdiction.sentences`.
"""

from typing import Final

# Placement
LOC_OK: Final = "LOC_OK"
CTRL_OK: Final = "CTRL_OK"
LOC_UNKNOWN: Final = "LOC_UNKNOWN"
LOC_CONFLICT: Final = "LOC_CONFLICT"
NOT_IN_ALLOWLIST: Final = "NOT_IN_ALLOWLIST"
BLOC_DENIED: Final = "BLOC_DENIED"  # :bloc
CTRL_UNKNOWN: Final = "CTRL_UNKNOWN"
CTRL_DENIED: Final = "CTRL_DENIED"  # :country:bloc
FACT_DENIED: Final = "FACT_DENIED"  # :key
FACT_UNVERIFIED: Final = "FACT_UNVERIFIED"  # :key
BACKUP_NOT_TENANT_KEYED: Final = "BACKUP_NOT_TENANT_KEYED"
CELL_MISMATCH: Final = "CELL_MISMATCH"
EVIDENCE_STALE: Final = "EVIDENCE_STALE"
RTT_CONTRADICTS: Final = "RTT_CONTRADICTS"

# Egress
EGRESS_E2E_OK: Final = "EGRESS_E2E_OK"
EGRESS_TLS_OK: Final = "EGRESS_TLS_OK"
EGRESS_NOTE_OK: Final = "EGRESS_NOTE_OK"
EGRESS_TLS_REQUIRED: Final = "EGRESS_TLS_REQUIRED"
EGRESS_PLAINTEXT_DENIED: Final = "EGRESS_PLAINTEXT_DENIED"  # :bloc
EGRESS_OVERRIDE_USED: Final = "EGRESS_OVERRIDE_USED"
EGRESS_STANDING_CONSENT: Final = "EGRESS_STANDING_CONSENT"
METADATA_EXPOSED: Final = "METADATA_EXPOSED"
OFFER_E2E_OR_PORTAL: Final = "OFFER_E2E_OR_PORTAL"

# Operator sessions
OPERATOR_OK: Final = "OPERATOR_OK"
OPERATOR_CONTENT_NEVER: Final = "OPERATOR_CONTENT_NEVER"
OPERATOR_LOC_DENIED: Final = "OPERATOR_LOC_DENIED"
OPERATOR_NO_TICKET: Final = "OPERATOR_NO_TICKET"

# Requests by authorities
LEGAL_EEVIDENCE_REACH: Final = "LEGAL_EEVIDENCE_REACH"
CLOCK_10D: Final = "CLOCK_10D"
LEGAL_BINDING_LOCAL: Final = "LEGAL_BINDING_LOCAL"
DISCLOSE_ONLY_HELD: Final = "DISCLOSE_ONLY_HELD"
LEGAL_NO_DIRECT_FORCE: Final = "LEGAL_NO_DIRECT_FORCE"
LEGAL_NEEDS_MLA: Final = "LEGAL_NEEDS_MLA"

# Laws on their way
LAW_SCHEDULED: Final = "LAW_SCHEDULED"
MOVE_TO: Final = "MOVE_TO"  # :country
NO_COMPLIANT_TARGET: Final = "NO_COMPLIANT_TARGET"

CODES: Final = frozenset(
    value for name, value in dict(globals()).items() if name.isupper() and isinstance(value, str) and name == value
)

# Obligations: what the one who acts on a decision must also do.
RENEW_EVIDENCE: Final = "RENEW_EVIDENCE"
ASK_HUMAN: Final = "ASK_HUMAN"
BOUNCE: Final = "BOUNCE"
HOLD_FOR_SENDER: Final = "HOLD_FOR_SENDER"
SECURE_LINK: Final = "SECURE_LINK"
RECORD_CONSENT: Final = "RECORD_CONSENT"
RECORD_IN_LEDGER: Final = "RECORD_IN_LEDGER"
SHOW_TENANT: Final = "SHOW_TENANT"
METADATA_ONLY: Final = "METADATA_ONLY"
ANSWER_WITHIN_10D: Final = "ANSWER_WITHIN_10D"
TELL_TENANT: Final = "TELL_TENANT"
MOVE_BEFORE: Final = "MOVE_BEFORE"  # :date

OBLIGATIONS: Final = frozenset(
    {
        RENEW_EVIDENCE,
        ASK_HUMAN,
        BOUNCE,
        HOLD_FOR_SENDER,
        SECURE_LINK,
        RECORD_CONSENT,
        RECORD_IN_LEDGER,
        SHOW_TENANT,
        METADATA_ONLY,
        ANSWER_WITHIN_10D,
        TELL_TENANT,
        MOVE_BEFORE,
    }
)


def head(code: str) -> str:
    """`BLOC_DENIED` of `BLOC_DENIED:FVEY`."""
    return code.partition(":")[0]
