"""What dispatch asks of the world outside: a connection to a host, and whether a message may go there.

`Answer` is what a host said about one recipient; `ConnectionFailed` says nothing about the message. A `Permission`
carries its reasons as codes of the jurisdiction's vocabulary; acting on it is dispatch's work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from mailhost.outbound.mxwalk import Target
from mailhost.outbox import Forward
from mailhost.tlspolicy.requirement import Requirement
from mailhost.tlspolicy.tlsrpt import ResultType


@dataclass(frozen=True, slots=True)
class Answer:
    """Reply code, enhanced status code ("" where the host gave none) and its words as one line of printable ASCII."""

    code: int
    enhanced: str
    text: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        return self.code >= 500


class ConnectionFailed(Exception):
    """The host could not be talked to, or not any more. `reason` is a code, `text` what the host said, cleaned;
    `result` is what a TLS report says where encryption was the trouble, `passing` whether that may be over in an hour.
    """

    def __init__(self, reason: str, text: str = "", result: ResultType | None = None, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.text = text
        self.result = result
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Transaction:
    """The envelope of one mail transaction; `returns`, `envid` and the recipients' wishes as in RFC 3461."""

    sender: str
    recipients: Sequence[Forward]
    smtputf8: bool = False
    requiretls: bool = False
    returns: str = ""
    envid: str = ""


class Link(Protocol):
    """A connection that may carry several messages, one after the other."""

    target: Target
    secure: bool  # TLS is on
    broken: bool  # no further message goes over it

    @property
    def tells(self) -> bool:
        """The host takes over what authors want to be told (RFC 3461 §5.2)."""

    @property
    def requiretls(self) -> bool:
        """The host promises encryption on every further hop (RFC 8689 §3)."""

    async def send(self, transaction: Transaction, content: bytes) -> list[Answer]:
        """One transaction; an answer for each recipient, in order. Raises ConnectionFailed.

        A link that failed after the content was sent may have delivered it: the caller tries again, so a duplicate
        is possible and a loss is not (RFC 5321 §6.1).
        """

    async def close(self) -> None:
        """Say goodbye, unless nobody listens any more."""


class MailTransport(Protocol):
    """Outbound SMTP."""

    async def connect(self, target: Target, requirement: Requirement) -> Link:
        """A greeted connection that keeps the requirement, under TLS where the host offers it.

        Raises ConnectionFailed.
        """


class Verdict(StrEnum):
    """What to do with a message for a host."""

    ALLOW = "allow"
    DENY = "deny"  # give it back to its sender
    HOLD = "hold"  # give it back to its sender to decide
    LINK = "link"  # it stays here, and its reader gets a link to it


@dataclass(frozen=True, slots=True)
class Permission:
    """A verdict and its reason codes. `decision` is the id it is on record under, `words` the reasons in sentences."""

    verdict: Verdict
    because: tuple[str, ...] = ()
    decision: str = ""
    words: str = ""

    @property
    def said(self) -> str:
        """The reasons in sentences and where they are on record, "" where no decision was made."""
        record = f"This is on record as decision {self.decision}."
        return f"{self.words} {record}".strip() if self.decision else ""


class Decider(Protocol):
    """The egress decision (enforcement point 8)."""

    async def may_leave(
        self,
        tenant_id: int,
        domain: str,
        targets: Sequence[Target],
        *,
        secure: bool,
        sealed: bool,
        consent: bool,
        note: bool,
        standing: bool,
        now: datetime,
    ) -> Permission:
        """Whether a tenant's message for `domain` may be handed to any of these hosts; `secure`: under TLS, `sealed`:
        unreadable there, `consent`: its author's, for what the tenant leaves to him, `standing`: his for all mail to
        these readers, `note`: it says that a message waits here and nothing of it. Raises StoreUnavailable.
        """
