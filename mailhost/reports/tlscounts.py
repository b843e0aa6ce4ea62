"""How encrypted delivery went, session by session, for the reports that domains ask for (RFC 8460).

Only sessions that are opened for mail of a domain which reports are counted: by the domain they went to, the policy
that applied, the host and what went wrong; nothing in it says who wrote, to whom, or what. Sessions that never came as
far as TLS (no answer, a greeting that refuses) say nothing about encryption and are not counted.
"""

from __future__ import annotations

from collections.abc import Collection
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

    def wanted(self, authors: Collection[str]) -> bool:
        """Whether a session for mail of these authors' domains is to be counted."""

    def observe(self, session: Session) -> None:
        """Count one. Never waits and never raises: mail does not depend on statistics."""


class NotCounted:
    """For mail of domains that send no reports: what nobody asks for is not collected."""

    def wanted(self, _authors: Collection[str]) -> bool:
        return False

    def observe(self, _session: Session) -> None:
        return
