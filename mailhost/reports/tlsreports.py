"""The daily TLS reports to other domains: from counted sessions to messages for the queue (RFC 8460).

In: what was counted on past days, and where a domain wants its report. Out: for each domain and day a `Report`, and
the message that carries it. A domain is told about its own sessions and about nobody else's; a report names our hosts
by nothing but the cell's name.

Its message says that a broken TLS policy must not keep it from those who would mend it (`TLS-Required: No`, RFC 8689
§5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from mailhost.reports.reportletter import Attachment, Submitter, Wording, letter
from mailhost.reports.tlscounts import Session
from mailhost.tlspolicy.requirement import Policy
from mailhost.tlspolicy.tlsrpt import Failure, PolicyReport, Report, file_name, subject, write_report


def reports(counted: Iterable[tuple[Session, int]], submitter: Submitter) -> list[tuple[str, Report]]:
    """A report for each domain and day that something was counted for."""
    found: dict[tuple[str, date], dict[Policy, list[tuple[Session, int]]]] = {}
    for session, count in counted:
        found.setdefault((session.domain, session.day), {}).setdefault(session.policy, []).append((session, count))
    return [
        (
            domain,
            Report(
                organisation=submitter.hostname,
                contact=submitter.contact,
                id=f"{day.isoformat()}.{domain}",
                begin=datetime.combine(day, time(), UTC),
                end=datetime.combine(day, time(), UTC) + timedelta(days=1, seconds=-1),
                policies=tuple(_policy(domain, policy, sessions) for policy, sessions in policies.items()),
            ),
        )
        for (domain, day), policies in found.items()
    ]


def _policy(domain: str, policy: Policy, sessions: Sequence[tuple[Session, int]]) -> PolicyReport:
    failures = tuple(
        Failure(session.result, count, receiving_host=session.host)
        for session, count in sessions
        if session.result is not None
    )
    return PolicyReport(
        policy.type,
        domain,
        successes=sum(count for session, count in sessions if session.result is None),
        failures=sum(failure.sessions for failure in failures),
        details=failures,
        policy=policy.lines,
        hosts=policy.hosts,
    )


def message(domain: str, report: Report, submitter: Submitter, to: str, *, word: str, now: datetime) -> bytes:
    """The report as mail (RFC 8460 §5.3). `word` is 32 letters that no report can foresee."""
    host = submitter.hostname
    wording = Wording(
        subject(report, host, domain),
        [f"TLS-Report-Domain: {domain}", f"TLS-Report-Submitter: {host}", "TLS-Required: No"],
        'multipart/report; report-type="tlsrpt"',
        f"How encrypted delivery to {domain} went, as counted by {host}.",
    )
    attachment = Attachment("application/tlsrpt+gzip", file_name(report, host, domain), write_report(report))
    return letter(submitter, to, wording, attachment, word=word, now=now)
