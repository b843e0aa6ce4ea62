"""Everything that a domain's DNS points mail and its owner's programs at, walked down to addresses.

In: a domain and a resolver. Out: each server with the role its record gives it: mail exchangers (MX), name servers
(NS, `glue` where they stand inside the zone they serve), what CNAME records lead to, and the addresses that SPF lets
send, through its includes. One of them abroad is enough to take mail there, which is why the walk goes all the way;
what it could not follow is listed, and is not taken for harmless.

It judges nothing: `jurisdiction.published` does, with the places of the addresses (`judge`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from jurisdiction.declared import Whereabouts
from jurisdiction.geo import NOT_KNOWN, Located
from jurisdiction.holders import Holders
from jurisdiction.notary import Notary
from jurisdiction.policy import Policy
from jurisdiction.published import Finding, Server, may_publish, server_at
from jurisdiction.questions import Decision
from mailhost.mailauth.resolver import A, Aaaa, Cname, DnsAnswer, DnsFailure, Mx, Ns, Resolver, Txt
from mailhost.mailauth.spf_macro import MacroString
from mailhost.mailauth.spf_record import BadRecord, Directive, Mechanism, Qualifier, is_spf, parse_record

# RFC 7208 §4.6.4: more look-ups than these make a record void for those who check it, too.
MAX_SPF_RECORDS: Final = 10
MAX_SERVERS: Final = 200  # a domain with more is not followed to the end, and that is said
# Names below the domain that the records of this house make aliases of.
ALIASES: Final = ("autoconfig", "autodiscover", "mta-sts", "mail", "www")


@dataclass(frozen=True, slots=True)
class Reached:
    """An address that a record of this role leads to, under the name the record has."""

    role: str
    name: str
    address: str


@dataclass(slots=True)
class Walked:
    """`dark` are names that could not be followed, with their roles: the DNS did not answer, or a macro decides."""

    servers: list[Reached] = field(default_factory=list)
    dark: list[tuple[str, str]] = field(default_factory=list)


async def walk(resolver: Resolver, domain: str, aliases: Sequence[str] = ALIASES) -> Walked:
    """The servers of a domain (A-labels). `aliases` are names below it that may be CNAME records."""
    found = Walked()
    for record in await _records(resolver, domain, Mx, "mx", found):
        if record.exchange.rstrip("."):  # RFC 7505: "." takes no mail
            await _addresses(resolver, "mx", record.exchange, found)
    for server in await _records(resolver, domain, Ns, "ns", found):
        inside = _name(server.host).endswith(f".{domain}")
        await _addresses(resolver, "glue" if inside else "ns", server.host, found)
    for alias in aliases:
        for target in await _records(resolver, f"{alias}.{domain}", Cname, "cname", found):
            await _addresses(resolver, "cname", target.target, found)
    await _senders(resolver, domain, found)
    found.servers = list(dict.fromkeys(found.servers))
    if len(found.servers) > MAX_SERVERS:
        del found.servers[MAX_SERVERS:]
        found.dark.append(("mx", "more servers than are followed"))
    return found


async def hosts(resolver: Resolver, role: str, name: str) -> Walked:
    """The addresses of one host."""
    found = Walked()
    await _addresses(resolver, role, name, found)
    return found


def _name(text: str) -> str:
    return text.lower().rstrip(".")


async def _records[R: (Mx, Ns, Cname, Txt)](
    resolver: Resolver, name: str, kind: type[R], role: str, found: Walked
) -> tuple[R, ...]:
    answer = await resolver.lookup(name, kind)
    if isinstance(answer, DnsFailure):
        found.dark.append((role, name))
    return answer.records if isinstance(answer, DnsAnswer) else ()


async def _addresses(resolver: Resolver, role: str, name: str, found: Walked) -> None:
    name = _name(name)
    addresses: list[IPv4Address | IPv6Address] = []
    failed = False
    for answer in (await resolver.lookup(name, A), await resolver.lookup(name, Aaaa)):
        failed = failed or isinstance(answer, DnsFailure)
        if isinstance(answer, DnsAnswer):
            addresses += [record.address for record in answer.records]
    found.servers += [Reached(role, name, str(address)) for address in addresses]
    if failed or not addresses:
        found.dark.append((role, name))


async def _senders(resolver: Resolver, domain: str, found: Walked) -> None:
    """Who may send by SPF: the addresses themselves, those of named hosts, and all of that for every include."""
    waiting, seen = [_name(domain)], set[str]()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if len(seen) > MAX_SPF_RECORDS:
            found.dark.append(("spf", name))
            return
        texts = [one.text for one in await _records(resolver, name, Txt, "spf", found) if is_spf(one.text)]
        if not texts and name != _name(domain):
            found.dark.append(("spf", name))
        for text in texts[:1]:
            try:
                record = parse_record(text)
            except BadRecord:
                found.dark.append(("spf", name))
                continue
            for directive in record.directives:
                waiting += await _sender(resolver, directive, name, found)
            waiting += _literal(record.redirect, name, found) if record.redirect is not None else []


async def _sender(resolver: Resolver, directive: Directive, domain: str, found: Walked) -> list[str]:
    """What one mechanism allows; the domains whose records have to be read too."""
    if directive.qualifier is Qualifier.FAIL:
        return []
    match directive.mechanism:
        case Mechanism.IP4 | Mechanism.IP6:
            # Where a network begins; that it may be spread over countries is what no dataset tells.
            found.servers.append(Reached("spf", domain, str(directive.network)))
        case Mechanism.INCLUDE:
            return _literal(directive.target, domain, found)
        case Mechanism.A:
            for name in _literal(directive.target, domain, found):
                await _addresses(resolver, "spf", name, found)
        case Mechanism.MX:
            for name in _literal(directive.target, domain, found):
                for record in await _records(resolver, name, Mx, "spf", found):
                    await _addresses(resolver, "spf", record.exchange, found)
        case Mechanism.PTR | Mechanism.EXISTS:
            found.dark.append(("spf", domain))  # the sender decides what these match
        case Mechanism.ALL:
            if directive.qualifier is Qualifier.PASS:
                found.dark.append(("spf", domain))  # everybody may send
    return []


def _literal(target: MacroString | None, domain: str, found: Walked) -> list[str]:
    """The name a mechanism means, if it does not depend on the message."""
    if target is None:
        return [domain]
    if all(isinstance(part, str) for part in target):
        return [_name("".join(str(part) for part in target))]
    found.dark.append(("spf", domain))
    return []


@dataclass(frozen=True, slots=True)
class Judged:
    """The strictest decision about a domain's servers, and each. `addresses` are theirs, in the same order."""

    decision: Decision
    findings: tuple[Finding, ...]
    addresses: tuple[str, ...]


def judge(
    walked: Walked, where: Callable[[str, date], Whereabouts], policy: Policy, notary: Notary, now: datetime
) -> Judged:
    """Whether the tenant's policy allows every server that its domain points at (enforcement point 6)."""
    today, holders = now.astimezone(UTC).date(), Holders(notary.atlas)
    servers = [
        server_at(one.role, one.name, one.address, where(one.address, today), holders, today) for one in walked.servers
    ]
    servers += [_dark(role, name) for role, name in dict.fromkeys(walked.dark)]
    decision, findings = may_publish(servers, policy, notary.atlas, now)
    return Judged(decision, findings, (*_texts(walked.servers), *("" for _ in dict.fromkeys(walked.dark))))


def _texts(servers: Iterable[Reached]) -> list[str]:
    return [one.address for one in servers]


def _dark(role: str, name: str) -> Server:
    why = "The DNS did not lead to an address, so nobody can say where this is"
    return Server(role, name, Located(NOT_KNOWN, "??", "??", "??", why), ("??",))
