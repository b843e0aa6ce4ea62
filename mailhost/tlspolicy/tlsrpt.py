"""TLS reports: how often encrypted delivery worked, told to the domain it was for (RFC 8460).

    _smtp._tls.example.is.  TXT  "v=TLSRPTv1; rua=mailto:tls@example.is"

In and out: `Report` values; `parse_report` reads the JSON others send (packed or not), `write_report` makes ours. A
report counts sessions by the policy that applied (MTA-STS, DANE, none) and by what went wrong; it holds no message and
no address of a correspondent. We differ from RFC 8460 §4.4 in leaving out what may be left out about hosts of ours.

A report from outside is hostile until read: sizes, depths and counts are bounded, and only `BadReport` is raised.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from mailhost.mailauth.archive import BadArchive, unpack
from mailhost.mailauth.resolver import DnsAnswer, Lookup, Txt
from mailhost.mailauth.tagvalue import BadTagList, parse_tags

# Unpacked: a report of a large provider about one domain has a few hundred KiB.
MAX_JSON = 4 * 1024 * 1024
# Values of a report: a policy has eight, each failure up to seven. They are counted before any is made: three octets of
# JSON, an empty list and a comma, take sixty of memory or more.
MAX_VALUES = 100_000
# Policies of one report, and failures of one policy, that are kept.
MAX_POLICIES = 1000
MAX_FAILURES = 1000
# Web sites of one domain that get its report.
MAX_SITES = 3
# Characters of any text that are kept.
MAX_TEXT = 500
# A count no honest report exceeds; larger ones would overflow a database column.
MAX_COUNT = 2**53

# The name of a host and a path: no user, no port, no number instead of a name.
_HTTPS = re.compile(r"https://[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9-]+(?:/[!-~]*)?", re.IGNORECASE)
_MAILTO = re.compile(r"mailto:([^\s,;!?]+@[^\s,;!?@]+)", re.IGNORECASE)


class PolicyType(StrEnum):
    """RFC 8460 §4.4 policy-type."""

    TLSA = "tlsa"
    STS = "sts"
    NO_POLICY = "no-policy-found"


class ResultType(StrEnum):
    """RFC 8460 §4.3, and what others invented."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"
    OTHER = "other"


class BadReport(ValueError):
    """Not a TLS report; the message says why."""


@dataclass(frozen=True, slots=True)
class Failure:
    """RFC 8460 §4.4 failure-details, without addresses. `code` is free text such as a library's error code."""

    result: ResultType
    sessions: int
    receiving_host: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """Sessions under one policy. `policy` are its lines as found (TLSA records, or the MTA-STS file)."""

    type: PolicyType
    domain: str
    successes: int
    failures: int
    details: tuple[Failure, ...] = ()
    policy: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """RFC 8460 §4.4. `begin` and `end` are aware; the time between is usually one day in UTC."""

    organisation: str
    contact: str
    id: str
    begin: datetime
    end: datetime
    policies: tuple[PolicyReport, ...]


def report_addresses(answer: Lookup[Txt]) -> tuple[str, ...]:
    """Where reports about a domain go (RFC 8460 §3): the mailto addresses, none where there is no one record."""
    found = (_MAILTO.fullmatch(uri) for uri in _uris(answer))
    return tuple(uri[1] for uri in found if uri)[:10]


def report_sites(answer: Lookup[Txt]) -> tuple[str, ...]:
    """The https addresses that take reports about a domain (RFC 8460 §3), none where there is no one record."""
    return tuple(uri for uri in _uris(answer) if _HTTPS.fullmatch(uri) and len(uri) <= MAX_TEXT)[:MAX_SITES]


def _uris(answer: Lookup[Txt]) -> list[str]:
    if not isinstance(answer, DnsAnswer):
        return []
    texts = [one.text for one in answer.records if one.text.startswith(b"v=TLSRPTv1;")]
    if len(texts) != 1:
        return []
    try:
        tags = parse_tags(texts[0].decode("ascii"))
    except (UnicodeDecodeError, BadTagList):
        return []
    return [part.strip() for part in tags.get("rua", "").split(",")]


def write_report(report: Report) -> bytes:
    """The report as JSON, packed with gzip (RFC 8460 §5.1), the same bytes for the same report."""
    whole = {
        "organization-name": report.organisation,
        "date-range": {"start-datetime": _stamp(report.begin), "end-datetime": _stamp(report.end)},
        "contact-info": report.contact,
        "report-id": report.id,
        "policies": [_policy_json(one) for one in report.policies],
    }
    return gzip.compress(json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode(), mtime=0)


def _policy_json(one: PolicyReport) -> dict[str, object]:
    policy: dict[str, object] = {"policy-type": one.type, "policy-domain": one.domain}
    if one.policy:
        policy["policy-string"] = list(one.policy)
    if one.hosts:
        policy["mx-host"] = list(one.hosts)
    found: dict[str, object] = {
        "policy": policy,
        "summary": {"total-successful-session-count": one.successes, "total-failure-session-count": one.failures},
    }
    if one.details:
        found["failure-details"] = [_failure_json(failure) for failure in one.details]
    return found


def _failure_json(one: Failure) -> dict[str, object]:
    found: dict[str, object] = {"result-type": one.result, "failed-session-count": one.sessions}
    if one.receiving_host:
        found["receiving-mx-hostname"] = one.receiving_host
    if one.code:
        found["failure-reason-code"] = one.code
    return found


def _stamp(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def file_name(report: Report, submitter: str, domain: str) -> str:
    """The attachment's name (RFC 8460 §5.1)."""
    return (
        f"{submitter}!{domain}!{int(report.begin.timestamp())}!{int(report.end.timestamp())}!{_safe_id(report)}.json.gz"
    )


def subject(report: Report, submitter: str, domain: str) -> str:
    """The subject of the message (RFC 8460 §5.3)."""
    return f"Report Domain: {domain} Submitter: {submitter} Report-ID: <{_safe_id(report)}@{submitter}>"


def _safe_id(report: Report) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "", report.id)[:100]


def parse_report(data: bytes) -> Report:
    """A report as it came, packed or not.  Raises BadReport."""
    try:
        text = unpack(data, MAX_JSON)
        whole = None if _values(text) > MAX_VALUES else json.loads(text.decode("utf-8"))
    except (BadArchive, ValueError, RecursionError) as wrong:
        raise BadReport(f"not JSON: {wrong}"[:MAX_TEXT]) from None
    if whole is None:
        raise BadReport(f"nothing, or more than {MAX_VALUES} values")
    top = _object(whole)
    period = _object(top.get("date-range"))
    return Report(
        _text(top.get("organization-name")),
        _text(top.get("contact-info")),
        _text(top.get("report-id")),
        _moment(period.get("start-datetime")),
        _moment(period.get("end-datetime")),
        tuple(_policy(one) for one in _list(top.get("policies"), MAX_POLICIES)),
    )


def _values(text: bytes) -> int:
    """How many at most: each stands behind a comma, or first in a list or an object."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def _policy(value: object) -> PolicyReport:
    entry = _object(value)
    policy, summary = _object(entry.get("policy")), _object(entry.get("summary"))
    try:
        kind = PolicyType(_text(policy.get("policy-type")))
    except ValueError:
        raise BadReport("unknown policy-type") from None
    return PolicyReport(
        kind,
        _text(policy.get("policy-domain")),
        _count(summary.get("total-successful-session-count")),
        _count(summary.get("total-failure-session-count")),
        tuple(_failure(one) for one in _list(entry.get("failure-details"), MAX_FAILURES)),
        tuple(_texts(policy.get("policy-string"))),
        tuple(_texts(policy.get("mx-host"))),
    )


def _failure(value: object) -> Failure:
    entry = _object(value)
    name = _text(entry.get("result-type"))
    result = ResultType(name) if name in ResultType else ResultType.OTHER
    return Failure(
        result,
        _count(entry.get("failed-session-count")),
        _text(entry.get("receiving-mx-hostname")),
        _text(entry.get("failure-reason-code")),
    )


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BadReport("an object is missing")
    return value


def _list(value: object, most: int) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise BadReport(f"not a list, or one of more than {most}")
    return value


def _texts(value: object) -> Iterable[str]:
    """A list of texts; some senders write one text instead."""
    return [_text(value)] if isinstance(value, str) else [_text(one) for one in _list(value, MAX_FAILURES)]


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadReport("a text is missing")
    return "".join(char if char.isprintable() else " " for char in value[:MAX_TEXT])


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_COUNT:
        raise BadReport("a count is missing or impossible")
    return value


def _moment(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(_text(value))
    except (ValueError, OverflowError):
        raise BadReport("a date is not of RFC 3339") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
