"""What DMARC made of the mail that arrived, message by message, for the reports that domains ask for (RFC 9990).

A report needs what nothing else here keeps: the address each host sent from. So only mail to domains whose tenant has
switched it on is counted, only where the author's domain asks for reports, and for one day. A `Seen` holds no person:
no address of a sender or recipient, no subject, no time but the day.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mailhost.mailauth.dmarc import DmarcStatus
from mailhost.mailauth.dmarc_record import Policy, Record
from mailhost.mailauth.reports import MAX_RESULTS, AuthResult, Row
from mailhost.mailauth.verdict import Disposition, Findings

# RFC 9990 §3.1.1.10: what became of a message.
_DISPOSITIONS = {Disposition.ACCEPT: "none", Disposition.JUNK: "quarantine", Disposition.REFUSE: "reject"}


@dataclass(frozen=True, slots=True)
class Published:
    """The policy that was found (RFC 9990 §3.1.1.6), at `domain`."""

    domain: str
    policy: str
    subdomains: str = ""
    missing_subdomains: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False

    @classmethod
    def of(cls, domain: str, record: Record) -> Published:
        """A record as it was found at `domain`."""
        return cls(
            domain,
            record.policy,
            record.subdomains or "",
            record.missing_subdomains or "",
            record.strict_dkim,
            record.strict_spf,
            record.testing,
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """Messages that went the same way on one day; `row` counts one of them."""

    day: date
    published: Published
    row: Row


class DmarcCounts(Protocol):
    """The port."""

    def wanted(self, domains: Collection[str]) -> bool:
        """Whether mail for one of these hosted domains is counted."""

    def observe(self, seen: Seen) -> None:
        """Count one message. Never waits and never raises: mail does not depend on statistics."""


class NotCounted:
    """For a process that counts nothing."""

    def wanted(self, _domains: Collection[str]) -> bool:
        return False

    def observe(self, _seen: Seen) -> None:
        return


def seen(findings: Findings, source: str, sender_domain: str, disposition: Disposition, day: date) -> Seen | None:
    """One message from the address `source`; None where nobody asks to hear of it. `sender_domain` is that of the
    envelope sender, "" for the null sender.
    """
    dmarc = findings.dmarc
    undecided = dmarc.status in {DmarcStatus.NONE, DmarcStatus.TEMPERROR, DmarcStatus.PERMERROR}
    if undecided or dmarc.record is None or not dmarc.record.reports or disposition not in _DISPOSITIONS:
        return None
    passed = dmarc.status is DmarcStatus.PASS
    done = "pass" if passed else _DISPOSITIONS[disposition]
    row = Row(
        source,
        1,
        done,
        bool(dmarc.aligned_dkim),
        bool(dmarc.aligned_spf),
        dmarc.author_domain,
        sender_domain,
        () if passed else _reasons(done, dmarc.policy, dmarc.record),
        _results(findings),
    )
    return Seen(day, Published.of(dmarc.record_domain, dmarc.record), row)


def _reasons(done: str, asked: Policy, record: Record) -> tuple[str, ...]:
    """Why something else was done than asked (RFC 9990 §3.1.6)."""
    if record.testing:
        return ("policy_test_mode",)
    return () if done == asked else ("local_policy",)


def _results(findings: Findings) -> tuple[AuthResult, ...]:
    named = [one for one in findings.dkim if one.domain][: MAX_RESULTS - 1]
    found = [AuthResult("dkim", one.domain, one.status, one.selector) for one in named]
    if findings.spf.domain:
        found.append(AuthResult("spf", findings.spf.domain, findings.spf.result))
    return tuple(found)
