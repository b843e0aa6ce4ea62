"""How many decisions a second one core makes, without any cache.

Run: .venv/bin/python tests/bench/bench_decisions.py [seconds]
"""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime

from jurisdiction.bundle import load
from jurisdiction.decisions import decide, survey_of
from jurisdiction.policy import Policy
from jurisdiction.questions import Egress, LawChange, Legal, Operator, Place, Question, RoundTrip

POLICY = Policy(
    allow=("IS", "NO", "CH"),
    deny_blocs=("FVEY", "14EYES"),
    deny_controller_blocs=("FVEY", "14EYES"),
    backup_allow=("IS", "CH"),
    egress_plain_deny_blocs=("FVEY", "14EYES"),
    operator_allow=("IS", "NO"),
    deny_facts=("provider_decryption_duty",),
)
QUESTIONS: dict[str, Sequence[Question]] = {
    "place": (
        Place("primary", "IS", ("IS",), "agree", evidence_age_days=3, rtt=RoundTrip("Reykjavik", 0.9)),
        Place("primary", "NZ", ("NZ", "US"), "agree"),
        Place("backup", "CH", ("CH",), "agree", encrypted_client_key=True),
        Place("worker", "IS", ("IS",), "agree", cell="is-1", task_cell="is-1"),
    ),
    "egress": (
        Egress("US", ("US",), "e2e"),
        Egress("US", ("US",), "tls"),
        Egress("FI", ("FI", "SE"), "tls"),
        Egress("??", ("??",), "tls"),
    ),
    "operator": (Operator("IS", ticket=True, wants="metadata"), Operator("US", ticket=True, wants="metadata")),
    "legal": (
        Legal("FR", "epoc", "IS", ("IS",), offers_in_eu=True),
        Legal("US", "direct", "IS", ("IS",), offers_in_eu=False),
    ),
    "law_change": (LawChange("IS", "provider_decryption_duty", date(2027, 7, 1), ("NO", "CH")),),
}
QUESTIONS["mixed"] = [question for kind in list(QUESTIONS.values()) for question in kind]


def rate(questions: Sequence[Question], seconds: float, now: date | datetime) -> float:
    """Decisions per second of processor time (neighbours on the machine do not count), the best of three runs."""
    atlas = load()
    survey = survey_of(atlas)
    best = 0.0
    for _ in range(3):
        done = 0
        started = time.process_time()
        while (elapsed := time.process_time() - started) < seconds / 3:
            for _ in range(100):
                for question in questions:
                    decide(question, POLICY, atlas, survey, now)
            done += 100 * len(questions)
        best = max(best, done / elapsed)
    return best


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for name, questions in QUESTIONS.items():
        print(f"{name:12}{rate(questions, seconds, date(2026, 11, 21)):>12,.0f} decisions/s on one core, uncached")
    instant = datetime(2026, 11, 21, 12, tzinfo=UTC)
    print(f"{'mixed, UTC':12}{rate(QUESTIONS['mixed'], seconds, instant):>12,.0f} decisions/s on one core, uncached")


if __name__ == "__main__":
    main()
