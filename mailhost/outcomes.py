"""What became of a message or a recipient, as a value with one reason.

A use-case never writes to a socket and never raises for something that is expected: it returns `Accepted`,
`Rejected` (permanent, 5yz) or `Deferred` (temporary, 4yz). The protocol edge turns that into a reply line, the
queue into a next attempt, a metric into one label. Every reason stands once in `REASONS` with its reply code
(RFC 5321 §4.2), its enhanced status code (RFC 3463, registry of RFC 5248) and the words a person reads in a
bounce, so that code, number and text can never drift apart.

The texts are sent to strangers: they name no address, no host inside, no exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Reason(StrEnum):
    """Why; the value is also the label of the metric."""

    OK = "ok"
    QUEUED = "queued"
    # Recipients.
    NO_SUCH_RECIPIENT = "no_such_recipient"
    NOT_LOCAL = "not_local"
    NOT_ACTIVATED = "not_activated"
    NEVER_ACTIVATED = "never_activated"
    SUSPENDED = "suspended"
    PLACE_NOT_PROVEN = "place_not_proven"
    MAILBOX_FULL = "mailbox_full"
    LARGER_THAN_MAILBOX = "larger_than_mailbox"
    TOO_MANY_RECIPIENTS = "too_many_recipients"
    # Submission.
    SENDER_NOT_OWNED = "sender_not_owned"
    FROM_NOT_OWNED = "from_not_owned"
    NO_FROM = "no_from"
    DAILY_LIMIT = "daily_limit"
    NEW_RECIPIENTS_LIMIT = "new_recipients_limit"
    NO_MAIL_DOMAIN = "no_mail_domain"
    # The message.
    TOO_LARGE = "too_large"
    BARE_NEWLINE = "bare_newline"
    HEADER_TOO_LARGE = "header_too_large"
    TOO_MANY_HEADERS = "too_many_headers"
    HEADER_NUL = "header_nul"
    TOO_MANY_HOPS = "too_many_hops"
    LOOP = "loop"
    NOT_A_REPORT = "not_a_report"
    NOT_A_BOUNCE = "not_a_bounce"
    # Its sender.
    SENDER_RATE = "sender_rate"
    GREYLISTED = "greylisted"
    NO_DNS_ANSWER = "no_dns_answer"
    FORGED = "forged"
    SPAM = "spam"
    # This host.
    STORE_FULL = "store_full"
    STORE_UNAVAILABLE = "store_unavailable"
    CANNOT_SEAL = "cannot_seal"
    KEY_CHANGED = "key_changed"
    FAULT = "fault"
    # Demo recipients that simulate a failure.
    SIMULATED_TEMPORARY = "simulated_temporary"
    SIMULATED_PERMANENT = "simulated_permanent"


# reason: (reply code, enhanced status code, text)
REASONS: Final[dict[Reason, tuple[int, str, str]]] = {
    Reason.OK: (250, "2.0.0", "Message sealed and stored"),
    Reason.QUEUED: (250, "2.0.0", "Message sealed and queued"),
    Reason.NO_SUCH_RECIPIENT: (550, "5.1.1", "No such recipient here"),
    Reason.NOT_LOCAL: (550, "5.7.1", "This host does not relay to that domain"),
    Reason.NOT_ACTIVATED: (450, "4.2.1", "The recipient has not set up a key yet; try again later"),
    Reason.NEVER_ACTIVATED: (550, "5.2.1", "The recipient was invited but never set up a key"),
    Reason.SUSPENDED: (450, "4.2.1", "The recipient is disabled for now; try again later"),
    Reason.PLACE_NOT_PROVEN: (451, "4.7.0", "Nothing new may be stored for the recipient at present; try again later"),
    Reason.MAILBOX_FULL: (452, "4.2.2", "The recipient's mailbox is full; try again later"),
    Reason.LARGER_THAN_MAILBOX: (552, "5.2.3", "The message is larger than the recipient's whole mailbox"),
    Reason.TOO_MANY_RECIPIENTS: (452, "4.5.3", "Too many recipients; send the others in another transaction"),
    Reason.SENDER_NOT_OWNED: (553, "5.7.1", "This login may not send as that address"),
    Reason.FROM_NOT_OWNED: (550, "5.7.1", "The From field names an address that this login may not send as"),
    Reason.NO_FROM: (550, "5.6.0", "The message has no From field with an address"),
    Reason.DAILY_LIMIT: (450, "4.7.1", "Today's limit of recipients is reached; send the rest tomorrow"),
    Reason.NEW_RECIPIENTS_LIMIT: (
        450,
        "4.7.1",
        "Today's limit of recipients never written to before is reached; send the rest tomorrow",
    ),
    Reason.NO_MAIL_DOMAIN: (550, "5.1.2", "Mail cannot be sent to an address literal; write a domain name"),
    Reason.TOO_LARGE: (552, "5.3.4", "The message is larger than this host accepts"),
    Reason.BARE_NEWLINE: (554, "5.6.0", "Bare CR or LF in the message; lines must end with CRLF"),
    Reason.HEADER_TOO_LARGE: (554, "5.6.0", "The message header is larger than this host accepts"),
    Reason.TOO_MANY_HEADERS: (554, "5.6.0", "The message has more header fields than this host accepts"),
    Reason.HEADER_NUL: (554, "5.6.0", "NUL byte in the message header"),
    Reason.TOO_MANY_HOPS: (554, "5.4.6", "Too many hops: the message is probably in a loop"),
    Reason.LOOP: (554, "5.4.6", "The message has passed this host before: mail loop"),
    Reason.NOT_A_REPORT: (
        554,
        "5.6.0",
        "This address takes DMARC and TLS reports about domains hosted here; this message holds none that can be read",
    ),
    Reason.NOT_A_BOUNCE: (
        550,
        "5.7.1",
        "This address takes reports about forwarded mail, which come with the null sender; write to its author instead",
    ),
    Reason.SENDER_RATE: (450, "4.7.1", "Too much mail from there lately; try again later"),
    Reason.GREYLISTED: (451, "4.7.1", "Not known here yet; try again in a few minutes, as mail servers do"),
    Reason.NO_DNS_ANSWER: (451, "4.4.3", "The DNS did not answer about the sender's domain; try again later"),
    # RFC 7372 §3.3: more than one authentication check failed.
    Reason.FORGED: (550, "5.7.26", "The domain in From asks to refuse what neither its SPF nor its DKIM confirms"),
    Reason.SPAM: (550, "5.7.1", "The message and its sender are taken for spam; write to postmaster if they are not"),
    Reason.STORE_FULL: (452, "4.3.1", "Not enough storage here; try again later"),
    Reason.STORE_UNAVAILABLE: (451, "4.3.0", "The mail store is not available; try again later"),
    Reason.CANNOT_SEAL: (451, "4.3.0", "The message could not be sealed; try again later"),
    Reason.KEY_CHANGED: (451, "4.3.0", "The recipient's key is changing; try again later"),
    Reason.FAULT: (451, "4.3.0", "Local error; try again later"),
    Reason.SIMULATED_TEMPORARY: (451, "4.3.0", "Simulated temporary failure"),
    Reason.SIMULATED_PERMANENT: (550, "5.7.1", "Simulated permanent failure"),
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taken over: durable where it says 250."""

    code: int
    enhanced: str
    text: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now; the sender keeps it and tries again."""

    code: int
    enhanced: str
    text: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never; the sender gives it back to its author."""

    code: int
    enhanced: str
    text: str
    reason: Reason


type Outcome = Accepted | Deferred | Rejected


def _from_table(reason: Reason) -> Outcome:
    code, enhanced, text = REASONS[reason]
    if code < 300:
        return Accepted(code, enhanced, text, reason)
    return (Deferred if code < 500 else Rejected)(code, enhanced, text, reason)


_OUTCOMES: Final[dict[Reason, Outcome]] = {reason: _from_table(reason) for reason in REASONS}


def outcome(reason: Reason) -> Outcome:
    """The one outcome that stands for `reason`."""
    return _OUTCOMES[reason]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What authentication and filters concluded about a message that is accepted.

    `results` is the value of Authentication-Results after the host name (RFC 8601 §2.2): "none" when nothing was
    checked. `junk` sends the message, sealed like any other, into the Junk folder.
    """

    results: str = "none"
    junk: bool = False


NO_VERDICT: Final = Verdict()
# By tenant: where nothing was checked for anybody.
NO_VERDICTS: Final[Mapping[int, Verdict]] = MappingProxyType({})
