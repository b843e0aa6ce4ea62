"""Reports that others send about our domains, found in a message and reduced to counts (RFC 9990, RFC 8460).

Large receivers tell every day, by mail, who sent in a domain's name (DMARC) and how encrypted delivery to it went
(TLS). In: a complete message to the address that our records publish. Out: a `Received` for each domain a report is
about, or `NotAReport`, which says why. Archives are unpacked under a bound, XML and JSON read under bounds
(`mailauth.reports`, `tlspolicy.tlsrpt`).

A report is a stranger's word, even where its mail is authentic. And it can say more than it should: a DMARC report
names the address of every host that sent in our domain's name, which may be somebody's own machine. Of that the
network is kept, enough to see whose service sends unsigned, and nothing about envelope senders, selectors or reasons.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from ipaddress import ip_address, ip_network
from itertools import islice
from typing import Final, Protocol

from mailhost.mailauth import reports as dmarc
from mailhost.message.address import Address, BadAddress, normal_domain
from mailhost.message.structure import Part, scan
from mailhost.message.transferencoding import UnknownEncoding, decode
from mailhost.outcomes import Reason
from mailhost.tlspolicy import tlsrpt

# A report is one attachment beside a sentence or two; more parts than this are something else.
MAX_PARTS: Final = 20
# Attachments that are unpacked and read, one at a time: beside the report there may be a signature or a card.
MAX_READ: Final = 3
# Rows of one report about one domain that are kept, the largest counts first.
MAX_ROWS: Final = 2000
# Characters of the reporter's name for itself.
MAX_REPORTER: Final = 100
# The networks that stand for a sender.
IPV4_NETWORK: Final = 24
IPV6_NETWORK: Final = 48
# RFC 9990 §3.1.1.10 and others: dispositions there are; anything else is a mistake of the reporter.
DISPOSITIONS: Final = frozenset({"none", "quarantine", "reject", "pass"})

_TEXTS: Final = frozenset({"plain", "html"})
_PICTURES: Final = frozenset({"image", "audio", "video"})


class NotAReport(ValueError):
    """The message holds no report that can be read; the text says why."""


@dataclass(frozen=True, slots=True)
class MailRow:
    """Messages that one network sent in the domain's name, by what became of them."""

    network: str
    disposition: str
    aligned_dkim: bool
    aligned_spf: bool
    messages: int


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Connections for the domain's mail by policy and result ("success", or what went wrong)."""

    policy: str
    result: str
    sessions: int


@dataclass(frozen=True, slots=True)
class Received:
    """One report about one domain. `digest` (16 octets) is the same for the same report sent twice."""

    domain: str
    day: date
    reporter: str
    digest: bytes
    mail: tuple[MailRow, ...] = ()
    sessions: tuple[SessionRow, ...] = ()


class ReportBook(Protocol):
    """Where counts are kept; only of domains that are hosted here."""

    async def enter(
        self, received: Sequence[Received], *, proven: bool, now: datetime, tenant: int | None = None
    ) -> int:
        """Keep the counts, each report once; how many were about domains hosted here, with `tenant` about its own only.

        Raises StoreUnavailable.
        """

    async def tenants_of(self, addresses: Collection[str]) -> frozenset[int]:
        """Tenants that want reports counted which come to one of these addresses (in normal form) of theirs.

        Raises StoreUnavailable.
        """


class ReportDesk:
    """The address without a mailbox that takes reports (None: there is none), and those whose mail it reads along."""

    def __init__(self, address: Address | None, book: ReportBook) -> None:
        self._lookup = address.lookup if address else None
        self._book = book
        # One report at a time is read: a few octets may take tens of MiB while they are, and a second of processor.
        self._reading = asyncio.Lock()

    def takes(self, address: Address) -> bool:
        """Whether mail for `address` is for this desk."""
        return address.lookup == self._lookup

    async def take(self, content: bytearray, *, proven: bool, now: datetime) -> Reason:
        """Read a message and keep its counts. `proven`: DMARC vouches for its author. Raises StoreUnavailable."""
        try:
            found = await self._read(content)
        except NotAReport:
            return Reason.NOT_A_REPORT
        return Reason.OK if await self._book.enter(found, proven=proven, now=now) else Reason.NOT_A_REPORT

    async def read_along(
        self, addresses: Collection[Address], content: bytearray, *, proven: bool, now: datetime
    ) -> None:
        """Count what is a report in delivered mail, where its reader asked for that. Raises StoreUnavailable."""
        tenants = await self._book.tenants_of({address.lookup for address in addresses})
        if not tenants:
            return
        try:
            found = await self._read(content)
        except NotAReport:
            return
        for tenant in sorted(tenants):
            await self._book.enter(found, proven=proven, now=now, tenant=tenant)

    async def _read(self, content: bytearray) -> tuple[Received, ...]:
        """Raises NotAReport. In a thread, for the other sessions should not wait for it."""
        async with self._reading:
            return await asyncio.to_thread(read, content)


def read(content: bytes | bytearray) -> tuple[Received, ...]:
    """The counts of the first report in a message. Raises NotAReport."""
    problem = "it has no attachment"
    for part in islice(filter(_may_be_one, scan(content).walk()[:MAX_PARTS]), MAX_READ):
        data = decode(memoryview(content)[part.body_start : part.body_end], part.encoding)
        if isinstance(data, UnknownEncoding):
            problem = "an unknown transfer encoding"
            continue
        try:
            if _is_tls(part):
                return tuple(_of_tls(tlsrpt.parse_report(bytes(data))))
            return (_of_dmarc(dmarc.parse_report(bytes(data))),)
        except (tlsrpt.BadReport, dmarc.BadReport, BadAddress, ValueError, OverflowError) as wrong:
            problem = str(wrong)
    raise NotAReport(problem)


def _may_be_one(part: Part) -> bool:
    """Whether a part is an attachment of a kind that reports come in."""
    if part.is_multipart or part.is_message or part.type in _PICTURES:
        return False
    return part.type != "text" or part.subtype not in _TEXTS


def _is_tls(part: Part) -> bool:
    """RFC 8460 §5.3: application/tlsrpt+gzip or +json; some send them as plain gzip with a name."""
    name = (part.filename or "").lower()
    return part.subtype.startswith("tlsrpt") or name.endswith((".json", ".json.gz")) or part.subtype == "json"


def _of_dmarc(report: dmarc.Report) -> Received:
    counts: Counter[tuple[str, str, bool, bool]] = Counter()
    for row in report.rows:
        disposition = row.disposition if row.disposition in DISPOSITIONS else "none"
        counts[_network(row.source), disposition, row.aligned_dkim, row.aligned_spf] += row.count
    return Received(
        normal_domain(report.domain),
        report.begin.date(),
        _reporter(report.organisation),
        _digest("dmarc", report.organisation, report.id, report.domain, report.begin.isoformat()),
        mail=tuple(MailRow(*key, messages) for key, messages in counts.most_common(MAX_ROWS)),
    )


def _of_tls(report: tlsrpt.Report) -> Iterator[Received]:
    found: dict[str, Counter[tuple[str, str]]] = {}
    for policy in report.policies:
        counts = found.setdefault(normal_domain(policy.domain), Counter())
        counts[policy.type, "success"] += policy.successes
        detailed = sum(failure.sessions for failure in policy.details)
        for failure in policy.details:
            counts[policy.type, failure.result] += failure.sessions
        # The summary counts what the details leave out.
        counts[policy.type, tlsrpt.ResultType.OTHER] += max(0, policy.failures - detailed)
    for domain, counts in found.items():
        yield Received(
            domain,
            report.begin.date(),
            _reporter(report.organisation),
            _digest("tls", report.organisation, report.id, domain, report.begin.isoformat()),
            sessions=tuple(SessionRow(*key, sessions) for key, sessions in counts.most_common(MAX_ROWS) if sessions),
        )


def _network(source: str) -> str:
    address = ip_address(source)
    return str(ip_network((address, IPV4_NETWORK if address.version == 4 else IPV6_NETWORK), strict=False))


def _reporter(name: str) -> str:
    return " ".join(name.split())[:MAX_REPORTER] or "unknown"


def _digest(*words: str) -> bytes:
    return hashlib.blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=16, person=b"report").digest()
