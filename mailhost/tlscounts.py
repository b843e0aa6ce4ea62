"""How encrypted delivery went, session by session, for the reports that domains ask for (RFC 8460).

A session is counted by the domain, the policy that applied, the host and what went wrong; nothing in it says who
wrote, to whom, or what. Sessions that never came as far as TLS (no answer, a greeting that refuses) say nothing about
encryption and are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mailhost.tlspolicy.requirement import Policy
from mailhost.tlspolicy.tlsrpt import ResultType


@dataclass(frozen=True, slots=True)
class Session:
    """One connection, or one host that was passed over for the policy's sake; `result` is None where all went well."""

    day: date
    domain: str
    policy: Policy
    host: str
    result: ResultType | None = None


class TlsCounts(Protocol):
    """The port."""

    def observe(self, session: Session) -> None:
        """Count one. Never waits and never raises: mail does not depend on statistics."""


class NotCounted:
    """For a cell that sends no reports: what nobody asks for is not collected."""

    def observe(self, _session: Session) -> None:
        return
