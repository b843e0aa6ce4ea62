"""The DNS records of a hosted domain, made in one place for the page, the command line and the documentation.

In: the domain, what its cell offers (`Hosting`), a few values of its own. Out: `Record` values in the order in which
a person should add them: ownership first, then what makes mail work, then what makes it better. `zone_file` writes
them for import; `dnscheck` compares them with what the DNS says.

    @                  MX     10 mx1.is-1.example.        where mail goes
    @                  TXT    v=spf1 include:…  ~all      who may send (RFC 7208)
    s1._domainkey      CNAME  s1.example.is.dkim.…        whose keys sign (RFC 6376); three, so that keys rotate
    _dmarc             TXT    v=DMARC1; p=quarantine; …   what to do with the rest (RFC 9989)
    _mta-sts, mta-sts  TXT, CNAME                         only over verified TLS (RFC 8461)

Records marked `ours` stand in our own zone; the domain's owner need not add them, only look. A cell without a zone of
its own (a host for one's own domain) has no names to point at: then the keys and the hosts themselves are the values,
and a new key needs a new record. Nothing here asks the DNS, and no name tells what a domain is used for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mailhost.mailauth.dmarc_record import Policy
from mailhost.mailauth.dmarc_record import write_record as write_dmarc
from mailhost.mailauth.resolver import MAX_NAME, Tlsa
from mailhost.mailauth.selectors import NAMES as SELECTORS
from mailhost.mailauth.spf_record import write_record as write_spf
from mailhost.message.address import normal_domain

# RFC 1035 §3.3.14: TXT data is made of character strings of at most this many octets.
MAX_STRING = 255
# Short enough that a correction helps within the hour, long enough not to be asked all day.
TTL = 3600
# The label under which a domain's owner proves that it is theirs.
OWNERSHIP_LABEL = "_skerry"


class RecordType(StrEnum):
    """Types of DNS records used here."""

    MX = "MX"
    TXT = "TXT"
    CNAME = "CNAME"
    SRV = "SRV"
    TLSA = "TLSA"
    CAA = "CAA"


class Purpose(StrEnum):
    """What a record is for; also the key of its explanation in `EXPLANATIONS`."""

    OWNERSHIP = "ownership"
    RECEIVING = "receiving"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    MTA_STS = "mta-sts"
    TLS_RPT = "tls-rpt"
    DANE = "dane"
    AUTOCONFIG = "autoconfig"
    SERVICES = "services"
    CAA = "caa"


EXPLANATIONS: dict[Purpose, str] = {
    Purpose.OWNERSHIP: "Proves that the domain is yours. Nothing else depends on it; it may stay or go once seen.",
    Purpose.RECEIVING: "Sends mail for your domain to the hosts of your cell.",
    Purpose.SPF: "Says that our hosts may send mail for your domain, so that others believe it.",
    Purpose.DKIM: "Lets others check the signatures on your mail. Three names, so that keys change without you.",
    Purpose.DMARC: "Tells others what to do with mail that only pretends to come from you.",
    Purpose.MTA_STS: "Makes others send to you over verified encryption or not at all.",
    Purpose.TLS_RPT: "Lets others report when encrypted delivery to you failed.",
    Purpose.DANE: "Binds our mail hosts to their certificates. It helps once your own domain is signed with DNSSEC.",
    Purpose.AUTOCONFIG: "Lets mail programs find their settings from the address alone.",
    Purpose.SERVICES: "Lets other mail programs find the servers.",
    Purpose.CAA: "Names who may issue certificates for your domain. Add ours only if you use such records.",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `host` is relative to the domain ("@" for itself), `name` the whole name without a final dot.

    `value` is in presentation form, names in it ending in a dot; for TXT the text without quotes. `required` records
    are needed for mail to work and be believed, the others are advice.
    """

    host: str
    name: str
    type: RecordType
    value: str
    purpose: Purpose
    required: bool = False
    ours: bool = False

    @property
    def explanation(self) -> str:
        """One sentence for the owner of the domain."""
        return EXPLANATIONS[self.purpose]


@dataclass(frozen=True, slots=True)
class Hosting:
    """What a cell offers to the domains it hosts; all names are in A-labels without a final dot.

    `dkim_zone` holds the key records at `SELECTOR.DOMAIN.dkim_zone`, `spf_name` the SPF record that lists our senders;
    both are empty where the cell has no zone of its own.
    `web_host` serves MTA-STS policies and settings for mail programs. `reports` and `tls_reports` are addresses.
    """

    mail_hosts: tuple[str, ...]
    client_host: str
    web_host: str
    spf_name: str
    dkim_zone: str
    reports: str = ""
    tls_reports: str = ""
    certificate_authority: str = ""
    tlsa: tuple[Tlsa, ...] = ()
    submission_port: int = 587
    submissions_port: int = 465
    imap_port: int = 143
    imaps_port: int = 993


@dataclass(frozen=True, slots=True)
class DomainChoices:
    """What differs from domain to domain. `ownership_token` is random text; `policy_id` that of the MTA-STS policy
    (RFC 8461 §3.1: letters and digits), empty while there is none to serve; `dkim` are its key records by selector."""

    ownership_token: str
    policy_id: str = ""
    dmarc: Policy = Policy.QUARANTINE
    dkim: Mapping[str, str] = field(default_factory=dict)


def records(domain: str, hosting: Hosting, choices: DomainChoices) -> tuple[Record, ...]:
    """Every record of a hosted domain.  Raises BadAddress for what is no domain."""
    domain = normal_domain(domain)
    return tuple(
        Record(host, domain if host == "@" else f"{host}.{domain}", kind, value, purpose, required)
        for host, kind, value, purpose, required in _rows(domain, hosting, choices)
    ) + tuple(_dane(hosting))


type _Row = tuple[str, RecordType, str, Purpose, bool]


def _rows(domain: str, hosting: Hosting, choices: DomainChoices) -> Iterator[_Row]:
    yield OWNERSHIP_LABEL, RecordType.TXT, ownership_value(choices.ownership_token), Purpose.OWNERSHIP, True
    for index, host in enumerate(hosting.mail_hosts, 1):
        yield "@", RecordType.MX, f"{index * 10} {host}.", Purpose.RECEIVING, True
    # Not "-all": RFC 9989 §7.1 warns that hosts refuse forwarded mail on it before they see its signature.
    yield "@", RecordType.TXT, write_spf([*_spf_terms(hosting), "~all"]), Purpose.SPF, True
    yield from _dkim(domain, hosting, choices)
    yield "_dmarc", RecordType.TXT, write_dmarc(choices.dmarc, reports=hosting.reports), Purpose.DMARC, True
    if choices.policy_id:
        # RFC 8461 §3.1 and §3.2.
        yield "_mta-sts", RecordType.TXT, f"v=STSv1; id={choices.policy_id}", Purpose.MTA_STS, False
        yield "mta-sts", RecordType.CNAME, f"{hosting.web_host}.", Purpose.MTA_STS, False
    if hosting.tls_reports:
        # RFC 8460 §3.
        value = f"v=TLSRPTv1; rua=mailto:{hosting.tls_reports}"
        yield "_smtp._tls", RecordType.TXT, value, Purpose.TLS_RPT, False
    for host in ("autoconfig", "autodiscover"):
        yield host, RecordType.CNAME, f"{hosting.web_host}.", Purpose.AUTOCONFIG, False
    for host, value in _services(hosting):
        yield host, RecordType.SRV, value, Purpose.SERVICES, False
    if hosting.certificate_authority:
        # RFC 8659 §4.2.
        yield "@", RecordType.CAA, f'0 issue "{hosting.certificate_authority}"', Purpose.CAA, False


def _spf_terms(hosting: Hosting) -> list[str]:
    """What an SPF record says of our senders: a name in our zone, or that they are the MX (RFC 7208 §5.2, §5.4)."""
    return [f"include:{hosting.spf_name}"] if hosting.spf_name else ["mx"]


def _dkim(domain: str, hosting: Hosting, choices: DomainChoices) -> Iterator[_Row]:
    if not hosting.dkim_zone:
        for selector, record in sorted(choices.dkim.items()):
            yield f"{selector}._domainkey", RecordType.TXT, record, Purpose.DKIM, True
        return
    for selector in SELECTORS:
        target = dkim_name(selector, domain, hosting)
        yield f"{selector}._domainkey", RecordType.CNAME, f"{target}.", Purpose.DKIM, True


def _services(hosting: Hosting) -> Iterator[tuple[str, str]]:
    """RFC 6186 §3, RFC 8314 §5.1: implicit TLS first; what is not offered says so with the target "."."""
    yield "_imaps._tcp", f"0 1 {hosting.imaps_port} {hosting.client_host}."
    yield "_submissions._tcp", f"0 1 {hosting.submissions_port} {hosting.client_host}."
    yield "_imap._tcp", f"10 1 {hosting.imap_port} {hosting.client_host}."
    yield "_submission._tcp", f"10 1 {hosting.submission_port} {hosting.client_host}."
    for absent in ("_pop3s._tcp", "_pop3._tcp"):
        yield absent, "0 0 0 ."


def _dane(hosting: Hosting) -> Iterator[Record]:
    """RFC 7672 §2.2: at our mail hosts, whoever hosts the domain's own zone."""
    for host in hosting.mail_hosts:
        for one in hosting.tlsa:
            value = f"{one.usage} {one.selector} {one.matching} {one.data.hex()}"
            name = f"_25._tcp.{host}"
            yield _our_record(name, RecordType.TLSA, value, Purpose.DANE)


def ownership_value(token: str) -> str:
    """The text that proves ownership."""
    return f"skerry-ownership={token}"


def dkim_name(selector: str, domain: str, hosting: Hosting) -> str:
    """Where the key record of a selector stands in our zone."""
    name = f"{selector}.{domain}.{hosting.dkim_zone}"
    if len(name) > MAX_NAME:
        raise ValueError("the domain is too long for a DKIM name in our zone")
    return name


def zone_of_cell(hosting: Hosting, keys: Mapping[str, Mapping[str, str]]) -> tuple[Record, ...]:
    """What our own zone has to hold: the list of senders, the keys of every domain (domain: selector: record), DANE,
    and the permissions to report to us. Without a zone of our own only DANE is left."""
    found = []
    if hosting.spf_name:
        value = write_spf([*(f"a:{host}" for host in hosting.mail_hosts), "-all"])
        found.append(_our_record(hosting.spf_name, RecordType.TXT, value, Purpose.SPF))
    for domain, records in sorted(keys.items()):
        for selector, record in sorted(records.items()) if hosting.dkim_zone else ():
            found.append(_our_record(dkim_name(selector, domain, hosting), RecordType.TXT, record, Purpose.DKIM))
        permission = report_permission(domain, hosting)
        found += [permission] if permission else []
    return (*found, *_dane(hosting))


def _our_record(name: str, kind: RecordType, value: str, purpose: Purpose) -> Record:
    return Record(f"{name}.", name, kind, value, purpose, ours=True)


def report_permission(domain: str, hosting: Hosting) -> Record | None:
    """The record in *our* zone that lets others send DMARC reports about `domain` to us (RFC 9990 §4).

    None where no reports are wanted or the address is in the domain itself.
    """
    host = hosting.reports.rpartition("@")[2]
    if not host or host == domain:
        return None
    name = f"{domain}._report._dmarc.{host}"
    return _our_record(name, RecordType.TXT, "v=DMARC1;", Purpose.DMARC)


def zone_file(domain: str, entries: Iterable[Record], *, ttl: int = TTL) -> str:
    """The records to add, as a master file (RFC 1035 §5); records of ours are left out."""
    lines = [f"$ORIGIN {normal_domain(domain)}.", f"$TTL {ttl}"]
    purpose = None
    for one in entries:
        if one.ours:
            continue
        if one.purpose is not purpose:
            purpose = one.purpose
            lines.append(f"; {one.explanation}")
        # One CAA record forbids every other authority (RFC 8659 §3), so an import must not bring the first one.
        mark = "; " if one.type is RecordType.CAA else ""
        lines.append(mark + _line(one))
    return "\n".join([*lines, ""])


def include_file(entries: Iterable[Record], *, ttl: int = TTL) -> str:
    """Records of our own zone under their whole names, for $INCLUDE in its master file (RFC 1035 §5)."""
    return "\n".join([f"$TTL {ttl}", *map(_line, entries), ""])


def _line(one: Record) -> str:
    value = _quoted(one.value) if one.type is RecordType.TXT else one.value
    return f"{one.host}\tIN\t{one.type}\t{value}"


def _quoted(text: str) -> str:
    """TXT data as character strings (RFC 1035 §5.1)."""
    data = text.encode("ascii")
    pieces = [data[at : at + MAX_STRING] for at in range(0, len(data), MAX_STRING)] or [b""]
    return " ".join('"' + piece.decode().replace("\\", "\\\\").replace('"', '\\"') + '"' for piece in pieces)
