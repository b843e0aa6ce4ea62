"""SPF: may the host at this address send mail with this envelope sender? (RFC 7208)

A domain lists in a TXT record which hosts send its mail. In: the client's address, its HELO name, the envelope
sender, a resolver, the time. Out: an `SpfOutcome`, whose result is one of the seven of RFC 7208 §2.6:

    none        the domain says nothing                  pass       the domain says: yes
    neutral     the domain has no opinion                fail       the domain says: no
    softfail    the domain says: probably not            temperror  the DNS did not answer, ask again later
                                                         permerror  the domain's record cannot be used

`check` is the whole test: MAIL FROM, or `postmaster@` the HELO name for bounces (RFC 7208 §2.4). `check_helo` is
the other identity (RFC 7208 §2.3). Neither raises, whatever the DNS holds: the work is bounded by the limits of
RFC 7208 §4.6.4, so a record that includes itself, or one built to make us query a victim, ends in permerror.

What the sender's domain says about itself in `explanation` is a stranger's text: never show it unmarked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from mailhost.mailauth.resolver import (
    A,
    Aaaa,
    DnsAnswer,
    DnsFailure,
    Lookup,
    Mx,
    NoData,
    NoSuchName,
    Ptr,
    Resolver,
    Txt,
    askable,
    reverse_name,
)
from mailhost.mailauth.spf_macro import BadMacro, MacroString, expand, parse_macros, query_name, wants_p
from mailhost.mailauth.spf_record import BadRecord, Directive, Mechanism, Qualifier, Record, is_spf, parse_record

# RFC 7208 §4.6.4: terms of one check that cause queries (include, a, mx, ptr, exists, redirect).
MAX_TERMS = 10
# RFC 7208 §4.6.4: names of one mx that are looked up (more is permerror), and of one ptr (more are passed over).
MAX_NAMES = 10
# RFC 7208 §4.6.4: queries of one check that find nothing; more of them mark a record made to make us ask.
MAX_VOID = 2

type Ip = IPv4Address | IPv6Address


class SpfResult(StrEnum):
    """RFC 7208 §2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105  a result, not a password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Identity(StrEnum):
    """Which name was checked; the value is the property of RFC 8601 §2.7.2."""

    MAIL_FROM = "mailfrom"
    HELO = "helo"


@dataclass(frozen=True, slots=True)
class SpfOutcome:
    """`domain` is the one checked. `matched` is the directive that decided, `problem` what was wrong (for the owner
    of the record), `explanation` what the domain wants to be said about a fail, in ASCII (RFC 7208 §6.2)."""

    result: SpfResult
    domain: str = ""
    identity: Identity = Identity.MAIL_FROM
    matched: str = ""
    problem: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end: its address and what it said in HELO. `receiver` is our own host name (macro r)."""

    ip: Ip
    helo: str
    receiver: str = "unknown"


class _Stop(Exception):
    """Ends a check early with temperror or permerror."""

    def __init__(self, result: SpfResult, problem: str) -> None:
        super().__init__(problem)
        self.result = result
        self.problem = problem


async def check(client: Client, sender: str, resolver: Resolver, *, now: datetime) -> SpfOutcome:
    """SPF of the envelope sender (`local@domain`; "" for the null sender, which stands for the HELO name)."""
    if not sender:
        return await check_helo(client, resolver, now=now)
    local, _, domain = sender.rpartition("@")
    # RFC 7208 §4.3: an empty local part is taken for postmaster.
    return await _Check(client, local or "postmaster", domain, resolver, now).outcome()


async def check_helo(client: Client, resolver: Resolver, *, now: datetime) -> SpfOutcome:
    """SPF of the HELO name (RFC 7208 §2.3)."""
    found = await _Check(client, "postmaster", client.helo, resolver, now).outcome()
    return replace(found, identity=Identity.HELO)


_RESULT_OF = {
    Qualifier.PASS: SpfResult.PASS,
    Qualifier.FAIL: SpfResult.FAIL,
    Qualifier.SOFTFAIL: SpfResult.SOFTFAIL,
    Qualifier.NEUTRAL: SpfResult.NEUTRAL,
}


class _Check:
    """One check with what it has used up of its limits."""

    def __init__(self, client: Client, local: str, domain: str, resolver: Resolver, now: datetime) -> None:
        # RFC 7208 §5: an IPv4-mapped IPv6 address is an IPv4 address.
        self.ip: Ip = (client.ip.ipv4_mapped or client.ip) if isinstance(client.ip, IPv6Address) else client.ip
        self.client = client
        self.local = local
        self.sender_domain = domain
        self.resolver = resolver
        self.now = now
        self.terms = 0
        self.void = 0
        self.names: list[str] | None = None

    async def outcome(self) -> SpfOutcome:
        try:
            return await self.check_host(self.sender_domain)
        except _Stop as stop:
            return SpfOutcome(stop.result, self.sender_domain, problem=stop.problem)

    async def check_host(self, domain: str, *, included: bool = False) -> SpfOutcome:
        """RFC 7208 §4. Raises _Stop."""
        # RFC 7208 §4.3: a malformed domain, or one of a single label, has no policy.
        if not askable(domain) or "." not in domain.removesuffix("."):
            return SpfOutcome(SpfResult.NONE, domain, problem="not a fully qualified domain name")
        record = await self.record(domain)
        if record is None:
            return SpfOutcome(SpfResult.NONE, domain)
        for directive in record.directives:
            if await self.matches(directive, domain):
                result = _RESULT_OF[directive.qualifier]
                explain = result is SpfResult.FAIL and not included
                text = await self.explain(record.explanation, domain) if explain else ""
                return SpfOutcome(result, domain, matched=directive.text, explanation=text)
        if record.redirect is not None:
            return await self.redirect(record.redirect, domain, included=included)
        # RFC 7208 §4.7: a record without a match says neutral.
        return SpfOutcome(SpfResult.NEUTRAL, domain)

    async def record(self, domain: str) -> Record | None:
        """RFC 7208 §4.4, §4.5. Raises _Stop."""
        answer = await self.resolver.lookup(domain, Txt)
        if isinstance(answer, DnsFailure):
            raise _Stop(SpfResult.TEMPERROR, f"no answer for the policy of {domain}")
        texts = [found.text for found in answer.records if is_spf(found.text)] if isinstance(answer, DnsAnswer) else []
        if len(texts) > 1:
            raise _Stop(SpfResult.PERMERROR, f"{domain} has more than one SPF record")
        if not texts:
            return None
        try:
            return parse_record(texts[0])
        except BadRecord as wrong:
            raise _Stop(SpfResult.PERMERROR, f"record of {domain}: {wrong}") from None

    async def redirect(self, target: MacroString, domain: str, *, included: bool) -> SpfOutcome:
        """RFC 7208 §6.1: the policy is that of another domain, including its explanation."""
        self.count_term()
        name = await self.expanded(target, domain)
        found = await self.check_host(name, included=included)
        if found.result is SpfResult.NONE:
            raise _Stop(SpfResult.PERMERROR, f"{domain} redirects to a domain without an SPF record")
        return replace(found, domain=domain)

    async def matches(self, directive: Directive, domain: str) -> bool:
        """RFC 7208 §5. Raises _Stop."""
        match directive.mechanism:
            case Mechanism.ALL:
                return True
            case Mechanism.IP4 | Mechanism.IP6:
                return directive.network is not None and self.within(directive.network, directive)
        self.count_term()
        name = domain if directive.target is None else await self.expanded(directive.target, domain)
        match directive.mechanism:
            case Mechanism.INCLUDE:
                return await self.includes(name, domain)
            case Mechanism.A:
                return any(self.within(found, directive) for found in await self.addresses(name))
            case Mechanism.MX:
                return await self.exchanges(name, directive)
            case Mechanism.PTR:
                return any(_at_or_below(found, name) for found in await self.validated_names())
            case Mechanism.EXISTS:
                # RFC 7208 §5.7: an A query, even for IPv6 clients.
                return bool(self.found(await self.resolver.lookup(name, A), name))

    async def includes(self, name: str, domain: str) -> bool:
        """RFC 7208 §5.2: only a pass of the other policy matches."""
        found = await self.check_host(name, included=True)
        if found.result is SpfResult.NONE:
            raise _Stop(SpfResult.PERMERROR, f"{domain} includes a domain without an SPF record")
        return found.result is SpfResult.PASS

    async def exchanges(self, name: str, directive: Directive) -> bool:
        """RFC 7208 §5.4; the domain's own addresses never stand in for missing MX records."""
        hosts = [found.exchange for found in self.found(await self.resolver.lookup(name, Mx), name)]
        if len(hosts) > MAX_NAMES:
            raise _Stop(SpfResult.PERMERROR, f"{name} has more than {MAX_NAMES} mail exchangers")
        for host in hosts:
            # RFC 7505: the null MX has no address.
            if host not in {"", "."} and any(self.within(found, directive) for found in await self.addresses(host)):
                return True
        return False

    async def addresses(self, name: str) -> list[Ip]:
        """The addresses of the client's family. Raises _Stop."""
        if isinstance(self.ip, IPv4Address):
            return [found.address for found in self.found(await self.resolver.lookup(name, A), name)]
        return [found.address for found in self.found(await self.resolver.lookup(name, Aaaa), name)]

    def found[R](self, answer: Lookup[R], name: str) -> Iterable[R]:
        """The records of an answer, counting the void ones. Raises _Stop."""
        match answer:
            case DnsFailure():
                raise _Stop(SpfResult.TEMPERROR, f"no answer for {name[:100]}")
            case NoSuchName() | NoData():
                self.void += 1
                if self.void > MAX_VOID:
                    raise _Stop(SpfResult.PERMERROR, f"more than {MAX_VOID} names of the policy have no records")
                return ()
        return answer.records

    def within(self, address: Ip, directive: Directive) -> bool:
        """Whether the client is in the network of that address and the directive's prefix length."""
        if isinstance(address, IPv4Address):
            return isinstance(self.ip, IPv4Address) and self.ip in IPv4Network((address, directive.prefix4), False)
        return isinstance(self.ip, IPv6Address) and self.ip in IPv6Network((address, directive.prefix6), False)

    async def validated_names(self) -> list[str]:
        """The names of the client's address that lead back to it (RFC 7208 §5.5), asked for once."""
        if self.names is None:
            self.names = []
            answer = await self.resolver.lookup(reverse_name(self.ip), Ptr)
            # RFC 7208 §5.5: an error in the reverse look-up is no match, and so is one in a name's addresses.
            for found in answer.records[:MAX_NAMES] if isinstance(answer, DnsAnswer) else ():
                if await self.leads_back(found.target):
                    self.names.append(found.target.removesuffix("."))
        return self.names

    async def leads_back(self, name: str) -> bool:
        if isinstance(self.ip, IPv4Address):
            four = await self.resolver.lookup(name, A)
            return isinstance(four, DnsAnswer) and any(found.address == self.ip for found in four.records)
        six = await self.resolver.lookup(name, Aaaa)
        return isinstance(six, DnsAnswer) and any(found.address == self.ip for found in six.records)

    def count_term(self) -> None:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise _Stop(SpfResult.PERMERROR, f"the policy needs more than {MAX_TERMS} look-ups")

    async def expanded(self, target: MacroString, domain: str) -> str:
        return query_name(expand(target, await self.facts(target, domain)))

    async def facts(self, parts: MacroString, domain: str) -> dict[str, str]:
        """RFC 7208 §7.2: the values of the macros in `parts`."""
        if isinstance(self.ip, IPv4Address):
            dotted, family = str(self.ip), "in-addr"
        else:
            dotted, family = ".".join(self.ip.exploded.replace(":", "").upper()), "ip6"
        return {
            "s": f"{self.local}@{self.sender_domain}",
            "l": self.local,
            "o": self.sender_domain,
            "d": domain,
            "i": dotted,
            "p": await self.best_name(domain) if wants_p(parts) else "unknown",
            "v": family,
            "h": self.client.helo,
            "c": str(self.ip),
            "r": self.client.receiver,
            "t": str(int(self.now.timestamp())),
        }

    async def best_name(self, domain: str) -> str:
        """RFC 7208 §7.3: the domain itself, else a name below it, else any validated name, else "unknown"."""
        names = await self.validated_names()
        ranked = sorted(names, key=lambda name: (name.lower() != domain.lower(), not _at_or_below(name, domain)))
        return ranked[0] if ranked else "unknown"

    async def explain(self, target: MacroString | None, domain: str) -> str:
        """RFC 7208 §6.2: any problem on the way means that there is no explanation."""
        if target is None:
            return ""
        answer = await self.resolver.lookup(await self.expanded(target, domain), Txt)
        if not isinstance(answer, DnsAnswer) or len(answer.records) != 1:
            return ""
        try:
            parts = parse_macros(answer.records[0].text.decode("ascii"), explanation=True)
        except (BadMacro, UnicodeDecodeError):
            return ""
        text = expand(parts, await self.facts(parts, domain))
        # The text may end in an SMTP reply: what macros brought in must not end the line.
        return text if text.isascii() and text.isprintable() else ""


def _at_or_below(name: str, domain: str) -> bool:
    name, domain = name.lower().removesuffix("."), domain.lower().removesuffix(".")
    return name == domain or name.endswith("." + domain)
