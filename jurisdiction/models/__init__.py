"""The cell's record of jurisdiction: policies, ledger, decisions, evidence, operators.

Tenants are named by their slug, never by a row of the mail host: nothing here knows what mail is. No table has a
column for an address, an IP address or a person who is not an operator.
"""

from jurisdiction.models.decisions import DecisionRecord
from jurisdiction.models.egress import EgressDecision
from jurisdiction.models.evidence import EvidenceItem, Incident, LeaseRow
from jurisdiction.models.ledger import CheckpointRow, LedgerEntry, LedgerHead, LedgerNode, WitnessedLog
from jurisdiction.models.operators import OperatorAct, OperatorSession, Proposal
from jurisdiction.models.policies import AcceptedFacts, PolicyVersion

__all__ = [
    "AcceptedFacts",
    "CheckpointRow",
    "DecisionRecord",
    "EgressDecision",
    "EvidenceItem",
    "Incident",
    "LeaseRow",
    "LedgerEntry",
    "LedgerHead",
    "LedgerNode",
    "OperatorAct",
    "OperatorSession",
    "PolicyVersion",
    "Proposal",
    "WitnessedLog",
]
