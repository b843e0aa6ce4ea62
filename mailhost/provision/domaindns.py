"""The DNS of a hosted domain as its page, the command line and the periodic check see it.

`records_of` says what should be there, `look` looks, `keep` writes down what was found and when to look again: hourly
until all is right, then daily. A look answers with what *changed* since somebody was last told, which is what people
want to hear; a name server that does not answer changes nothing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from mailhost.domaindns.dnscheck import Check, Status, check_all
from mailhost.domaindns.dnsrecords import DomainChoices, Hosting, Purpose, Record, include_file, records, zone_of_cell
from mailhost.mailauth.resolver import Resolver
from mailhost.models import DkimKey, Domain, DomainCheck
from mailhost.provision import domainkeys
from mailhost.seal import HybridIdentity
from mailhost.tlspolicy.mtasts import Policy, write_policy

UNTIL_RIGHT: Final = timedelta(hours=1)
ONCE_RIGHT: Final = timedelta(days=1)
_BAD: Final = frozenset({Status.MISSING, Status.WRONG})
# Letters of an ownership text: 100 bits.
_TOKEN: Final = 20
# Letters of a policy's version (RFC 8461 §3.1 takes 32).
_VERSION: Final = 16
# Between two checks that somebody asks for: name servers are asked some thirty questions each time.
AGAIN: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Hosted:
    """What the cell offers. `key` is the cell's secret for hosted domains, 32 bytes."""

    hosting: Hosting
    key: bytes
    policy: Policy | None = None

    @property
    def identity(self) -> HybridIdentity:
        """What private DKIM keys are sealed to."""
        return HybridIdentity(self.key)

    def ownership_token(self, domain: str, tenant: str) -> str:
        """The text that only this tenant was told to publish in this domain. Nothing needs to be stored for it."""
        text = f"{tenant}\0{domain}".encode()
        digest = hashlib.blake2b(text, key=self.key, person=b"ownership").digest()
        return base64.b32encode(digest).decode().lower()[:_TOKEN]

    @property
    def policy_id(self) -> str:
        """The version of the MTA-STS policy; another policy has another one."""
        return "" if self.policy is None else hashlib.sha256(write_policy(self.policy)).hexdigest()[:_VERSION]


@dataclass(frozen=True, slots=True)
class Line:
    """One record and how it stands; see `dnscheck.Check`. `known` is the status that changes are counted from: what the
    domain's people were last told, "" before the first answer."""

    purpose: str
    type: str
    host: str
    name: str
    expected: str
    explanation: str
    required: bool
    ours: bool
    status: str
    known: str
    found: tuple[str, ...] = ()
    cause: str = ""
    effect: str = ""
    step: str = ""

    @property
    def is_problem(self) -> bool:
        """Whether somebody should act: the record is wrong, or missing although mail needs it."""
        return self.status == Status.WRONG or (self.required and self.status == Status.MISSING)

    @property
    def is_right(self) -> bool:
        """Whether nothing is to be done, and that is known."""
        return not self.is_problem and not (self.required and self.status == Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Change:
    """A record that was right and is not, or the other way round; `was` is the status that people know."""

    line: Line
    was: str

    @property
    def broke(self) -> bool:
        """Whether it was right before."""
        return self.line.status in _BAD


@dataclass(frozen=True, slots=True)
class Looked:
    """One check of a domain."""

    domain: str
    checked: datetime
    lines: tuple[Line, ...]
    changes: tuple[Change, ...] = ()

    @property
    def is_right(self) -> bool:
        return all(line.is_right for line in self.lines)

    @property
    def proves_ownership(self) -> bool:
        """Whether the domain shows the text that only its tenant was told."""
        return any(line.purpose == Purpose.OWNERSHIP and line.status == Status.OK for line in self.lines)


def records_of(domain: Domain, hosted: Hosted) -> tuple[Record, ...]:
    """Every record of the domain, in the order in which to add them."""
    choices = DomainChoices(
        hosted.ownership_token(domain.name, domain.tenant.slug), hosted.policy_id, dkim=domainkeys.published(domain)
    )
    return records(domain.name, hosted.hosting, choices)


def zone(hosted: Hosted) -> tuple[Record, ...]:
    """What the cell's own zone has to hold for all its domains."""
    keys: dict[str, dict[str, str]] = {name: {} for name in Domain.objects.values_list("name", flat=True)}
    for name, selector, record in DkimKey.objects.values_list("domain__name", "selector", "record"):
        keys[name][selector] = record
    return zone_of_cell(hosted.hosting, keys)


def zone_text(hosted: Hosted) -> str:
    """The same as text to include in the zone's master file."""
    return include_file(zone(hosted))


def look(domain: Domain, hosted: Hosted, resolver: Resolver, *, now: datetime) -> Looked:
    """Look every record up. Not for an event loop: it runs one of its own."""
    found = asyncio.run(check_all(records_of(domain, hosted), resolver))
    before = last(domain)
    known = {_key(line): line.known for line in before.lines} if before else {}
    lines = tuple(_lines(found, known))
    return Looked(domain.name, now, lines, tuple(_changes(lines, known)))


def keep(domain: Domain, looked: Looked, *, told: bool) -> None:
    """Write down what was found. Changes that nobody was told of are changes the next time as well."""
    untold = {} if told else {_key(change.line): change.was for change in looked.changes}
    lines = [replace(line, known=untold.get(_key(line), line.known)) for line in looked.lines]
    DomainCheck.objects.update_or_create(
        domain=domain,
        defaults={
            "checked": looked.checked,
            # One that is right and not taken yet (the directory may not have answered) is soon looked at again.
            "due": looked.checked + (ONCE_RIGHT if looked.is_right and domain.verified else UNTIL_RIGHT),
            "problems": sum(line.is_problem for line in lines),
            "results": [asdict(line) for line in lines],
        },
    )


def check(domain: Domain, hosted: Hosted, resolver: Resolver, *, now: datetime) -> Looked:
    """For whoever asks and sees the answer: look, and keep it. The domain's people are told by the periodic job."""
    looked = look(domain, hosted, resolver, now=now)
    keep(domain, looked, told=False)
    return looked


def last(domain: Domain) -> Looked | None:
    """What the last check found, None before the first."""
    row = DomainCheck.objects.filter(domain=domain).first()
    if row is None:
        return None
    return Looked(domain.name, row.checked, tuple(Line(**_tuples(values)) for values in row.results))


def standing(domain: Domain, hosted: Hosted) -> tuple[Line, ...]:
    """Every record that belongs there today, with what the last check found; status "" where it was not looked for."""
    before = last(domain)
    seen = {(_key(line), line.expected): line for line in (before.lines if before else ())}
    fresh = (_line(record) for record in records_of(domain, hosted))
    return tuple([seen.get((_key(line), line.expected), line) for line in fresh])


def due(now: datetime, most: int) -> list[Domain]:
    """Domains to check now, never checked ones first."""
    rows = Domain.objects.select_related("tenant")
    new = rows.filter(domaincheck__isnull=True).order_by("pk")[:most]
    late = rows.filter(domaincheck__due__lte=now).order_by("domaincheck__due")[:most]
    return [*new, *late][:most]


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"found": tuple(values["found"])}


def _key(line: Line) -> tuple[str, str, str]:
    # A domain has several MX and TLSA records at one name, each with a value of its own.
    several = line.purpose in {Purpose.RECEIVING, Purpose.DANE}
    return line.type, line.name, line.expected if several else ""


def _lines(checks: Iterable[Check], known: Mapping[tuple[str, str, str], str]) -> Iterable[Line]:
    for one in checks:
        line = replace(
            _line(one.record),
            status=one.status,
            known=one.status,
            found=one.found,
            cause=one.cause,
            effect=one.effect,
            step=one.step,
        )
        if one.status is Status.UNKNOWN:
            line = replace(line, known=known.get(_key(line), ""))
        yield line


def _line(record: Record) -> Line:
    return Line(
        purpose=record.purpose,
        type=record.type,
        host=record.host,
        name=record.name,
        expected=record.value,
        explanation=record.explanation,
        required=record.required,
        ours=record.ours,
        status="",
        known="",
    )


def _changes(lines: Sequence[Line], known: Mapping[tuple[str, str, str], str]) -> Iterable[Change]:
    """What is seen for the first time, and what the DNS did not answer for, is no change."""
    for line in lines:
        was = known.get(_key(line), "")
        if was and line.status != Status.UNKNOWN and (line.status in _BAD) != (was in _BAD):
            yield Change(line, was)
