"""The daily TLS reports to other domains: from counted sessions to messages for the queue (RFC 8460).

In: what was counted on past days, and where a domain wants its report. Out: for each domain and day a `Report`, and
the message that carries it. A domain is told about its own sessions and about nobody else's; a report names our hosts
by nothing but the cell's name.

The message is a report and no letter: it goes out with the null sender, so that nobody answers it, and says that a
broken TLS policy must not keep it from those who would mend it (`TLS-Required: No`, RFC 8689 §5).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from mailhost.message.dates import format_date
from mailhost.tlscounts import Session
from mailhost.tlspolicy.requirement import Policy
from mailhost.tlspolicy.tlsrpt import Failure, PolicyReport, Report, file_name, subject, write_report


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who reports: the cell's host name and the address of its postmaster."""

    hostname: str
    contact: str


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
    packed = base64.encodebytes(write_report(report)).replace(b"\n", b"\r\n")
    host = submitter.hostname
    lines = [
        f"From: <{submitter.contact}>",
        f"To: <{to}>",
        f"Subject: {subject(report, host, domain)}",
        f"Date: {format_date(now)}",
        f"Message-ID: <{word}@{submitter.contact.rpartition('@')[2]}>",
        f"TLS-Report-Domain: {domain}",
        f"TLS-Report-Submitter: {host}",
        "TLS-Required: No",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type="tlsrpt";',
        f'\tboundary="={word}"',
        "",
        f"--={word}",
        "Content-Type: text/plain; charset=utf-8",
        "",
        f"How encrypted delivery to {domain} went, as counted by {host}.",
        "",
        f"--={word}",
        "Content-Type: application/tlsrpt+gzip",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment;",
        f'\tfilename="{file_name(report, host, domain)}"',
        "",
    ]
    return "\r\n".join([*lines, ""]).encode() + packed + f"--={word}--\r\n".encode()
