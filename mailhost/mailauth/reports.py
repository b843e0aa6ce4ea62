"""Reading DMARC aggregate reports: who sent mail in a domain's name, and what became of it (RFC 9990 §3.1).

Every day the large receivers send one XML file per domain to the address in its DMARC record. In: the bytes of such
an attachment, packed or not. Out: a `Report`: whom it is about, the policy they saw, and one `Row` per address,
outcome and identity. RFC 7489's older form differs only in details and is read alike.

The file comes from strangers. It is read as a stream, without a tree; entities and document types are refused, which
rules out every XML bomb; depth, elements, rows and texts are bounded. Only `BadReport` is raised.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.parsers import expat

from mailhost.mailauth.archive import BadArchive, unpack

# Rows of one report that are kept; the busiest domains have some ten thousand a day.
MAX_ROWS = 50_000
# Elements of one report: twenty thousand rows of 25. Each takes memory and time that the file's octets do not tell of:
# four make an element, and more than a hundred of them an empty result.
MAX_ELEMENTS = 500_000
# The schema is six deep; extensions may add a little.
MAX_DEPTH = 20
# Characters of one element that are kept.
MAX_TEXT = 500
# DKIM and SPF results of one row (RFC 9990 §3.1.3 recommends at most 100 signatures).
MAX_RESULTS = 100
# Different elements of one part of a report; the schema has thirty.
MAX_NAMES = 200
# A count no honest report exceeds; larger ones would overflow a database column.
MAX_COUNT = 2**53


class BadReport(ValueError):
    """Not an aggregate report; the message says why."""


@dataclass(frozen=True, slots=True)
class AuthResult:
    """RFC 9990 §3.1.1.12, §3.1.1.13. `method` is dkim or spf; `selector` is empty for spf."""

    method: str
    domain: str
    result: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """RFC 9990 §3.1.1.7. `aligned_*` are what DMARC made of it; `reasons` are types of overrides."""

    source: str
    count: int
    disposition: str
    aligned_dkim: bool
    aligned_spf: bool
    header_from: str
    envelope_from: str = ""
    reasons: tuple[str, ...] = ()
    results: tuple[AuthResult, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the mail passed DMARC."""
        return self.aligned_dkim or self.aligned_spf


@dataclass(frozen=True, slots=True)
class Report:
    """RFC 9990 §3.1.1. `begin` and `end` are aware."""

    organisation: str
    contact: str
    id: str
    begin: datetime
    end: datetime
    domain: str
    policy: str
    subdomain_policy: str = ""
    rows: tuple[Row, ...] = ()


def parse_report(data: bytes) -> Report:
    """A report as it came, packed or not.  Raises BadReport."""
    reader = _Reader()
    # Names come as `namespace}name`; the namespace differs between the two RFCs and is not looked at.
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    # No report has a document type, and only with one can there be entities.
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(unpack(data), True)
    except (BadArchive, expat.ExpatError) as wrong:
        raise BadReport(f"not XML: {wrong}") from None
    return reader.report()


def _refuse(*_: object) -> None:
    raise BadReport("it has a document type")


@dataclass(slots=True)
class _Record:
    """A `record` element while it is read."""

    values: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    results: list[dict[str, str]] = field(default_factory=list)


class _Reader:
    """Collects the texts of leaves by their path, such as `record/row/source_ip`."""

    def __init__(self) -> None:
        self.elements = 0
        self.path: list[str] = []
        self.piece = ""
        self.values: dict[str, str] = {}
        self.record: _Record | None = None
        self.rows: list[Row] = []

    def start(self, name: str, _: dict[str, str]) -> None:
        self.path.append(name.rpartition("}")[2].lower())
        self.piece = ""
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise BadReport(f"more than {MAX_ELEMENTS} elements")
        if len(self.path) > MAX_DEPTH:
            raise BadReport("nested too deeply")
        if len(self.path) == 1 and self.path[0] != "feedback":
            raise BadReport("the root is not feedback")
        if self.path == ["feedback", "record"]:
            if len(self.rows) >= MAX_ROWS:
                raise BadReport(f"more than {MAX_ROWS} rows")
            self.record = _Record()
        elif self.record and len(self.path) == 4 and self.path[2] == "auth_results":
            if len(self.record.results) >= MAX_RESULTS:
                raise BadReport(f"more than {MAX_RESULTS} results in a row")
            self.record.results.append({"method": self.path[3]})

    def text(self, piece: str) -> None:
        if len(self.piece) < MAX_TEXT:
            self.piece += piece[:MAX_TEXT]

    def end(self, _: str) -> None:
        value = "".join(char if char.isprintable() else " " for char in self.piece.strip()[:MAX_TEXT])
        below = self.path[1:]
        self.piece = ""
        if self.record is None:
            _keep(self.values, "/".join(below), value)
        elif below == ["record"]:
            self.rows.append(_row(self.record))
            self.record = None
        elif below[1:2] == ["auth_results"] and len(below) == 4:
            _keep(self.record.results[-1], below[3], value)
        elif below[-2:] == ["reason", "type"] and len(self.record.reasons) < MAX_RESULTS:
            self.record.reasons.append(value.lower())
        else:
            _keep(self.record.values, "/".join(below[1:]), value)
        self.path.pop()

    def report(self) -> Report:
        get = self.values.get
        domain = get("policy_published/domain", "").lower()
        if not domain:
            raise BadReport("it names no domain")
        return Report(
            get("report_metadata/org_name", ""),
            get("report_metadata/email", ""),
            get("report_metadata/report_id", ""),
            _moment(get("report_metadata/date_range/begin", "")),
            _moment(get("report_metadata/date_range/end", "")),
            domain,
            get("policy_published/p", "").lower(),
            get("policy_published/sp", "").lower(),
            tuple(self.rows),
        )


def _keep(values: dict[str, str], name: str, value: str) -> None:
    """The first value of each name; a file of a million names is no report."""
    values.setdefault(name, value)
    if len(values) > MAX_NAMES:
        raise BadReport(f"more than {MAX_NAMES} different elements")


def _row(record: _Record) -> Row:
    get: Callable[[str, str], str] = record.values.get
    try:
        source = str(ipaddress.ip_address(get("row/source_ip", "")))
    except ValueError:
        raise BadReport("a row without an address") from None
    return Row(
        source,
        _number(get("row/count", ""), MAX_COUNT),
        get("row/policy_evaluated/disposition", "").lower(),
        get("row/policy_evaluated/dkim", "").lower() == "pass",
        get("row/policy_evaluated/spf", "").lower() == "pass",
        get("identifiers/header_from", "").lower(),
        get("identifiers/envelope_from", "").lower(),
        tuple(record.reasons),
        tuple(
            AuthResult(
                one["method"], one.get("domain", "").lower(), one.get("result", "").lower(), one.get("selector", "")
            )
            for one in record.results
        ),
    )


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most):
        raise BadReport("a number is missing or impossible")
    return int(text)


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(_number(text, 253402300799), UTC)
