"""DMARC: does SPF or DKIM speak for the domain in From, and what does its owner ask for if not? (RFC 9989)

RFC 9989 replaced RFC 7489 in May 2026. What changed for a receiver: the *organisational domain* is found by walking
up the DNS (§4.10) instead of by a list of public suffixes; t=y replaces pct=; and p=reject alone must not lead to a
refusal (§5.4, §7.4), which is `verdict`'s business.

In: the author's domain, what SPF and DKIM found, a resolver, and a list of public suffixes as a function. Out: a
`DmarcResult`. Nothing raises; at most eight names are asked for in each walk.

We differ: the list of public suffixes stays as a guard. A suffix such as `co.uk` whose record forgets psd=y would be
the organisational domain of everyone below it, and each could send as all others (RFC 9989 §11.8 describes it). Only
its own psd=n makes such a name one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mailhost.mailauth.dkim import DkimResult, DkimStatus, passes
from mailhost.mailauth.dkim_signature import at_or_below
from mailhost.mailauth.dmarc_record import Policy, Record, is_dmarc, parse_record
from mailhost.mailauth.resolver import A, Aaaa, DnsAnswer, DnsFailure, Mx, Resolver, Txt
from mailhost.mailauth.spf import SpfOutcome, SpfResult
from mailhost.message.address import BadAddress, normal_domain
from mailhost.message.addresslist import mailboxes, parse_address_list
from mailhost.message.headers import Headers

# RFC 9989 §4.10: a walk from a longer name goes on with seven labels, so that nobody can make us ask more often.
MAX_LABELS = 8

type IsPublicSuffix = Callable[[str], bool]


class DmarcStatus(StrEnum):
    """RFC 9989 §9.2."""

    NONE = "none"
    PASS = "pass"  # noqa: S105  a status, not a password
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """`policy` is what to apply to a failure, after sp=, np= and t=; `record` as published at `record_domain`.

    `aligned_spf` and `aligned_dkim` are the identifiers that spoke for the author's domain. Where the DNS did not give
    the policy they are those of the very same domain: whatever the policy is, it passes with them.
    """

    status: DmarcStatus
    author_domain: str = ""
    policy: Policy = Policy.NONE
    record: Record | None = None
    record_domain: str = ""
    aligned_spf: str = ""
    aligned_dkim: tuple[str, ...] = ()
    problem: str = ""


class NoAuthor(Exception):
    """From does not name exactly one domain; the message says why."""


def author_domain(headers: Headers) -> str:
    """The domain of From, in A-labels (RFC 9989 §5.3.1).  Raises NoAuthor.

    Several authors are fine while they share a domain. Two From fields are not a message (RFC 5322 §3.6): a reader
    may show either.
    """
    count = headers.count(b"from")
    if count != 1:
        raise NoAuthor("no From" if count == 0 else "more than one From")
    addresses = mailboxes(parse_address_list(headers.first(b"from") or b""))
    domains = set()
    for address in addresses:
        try:
            domains.add(normal_domain(address.domain.decode("utf-8")))
        except (BadAddress, UnicodeDecodeError):
            raise NoAuthor("From holds something that is no address") from None
    if len(domains) != 1:
        raise NoAuthor("From names no address" if not domains else "From names several domains")
    return domains.pop()


class _NoAnswer(Exception):
    """The DNS did not answer a question that matters."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A record met on a walk."""

    domain: str
    record: Record


class _Walks:
    """Tree walks of one evaluation; each name is asked for once."""

    def __init__(self, resolver: Resolver, is_suffix: IsPublicSuffix) -> None:
        self.resolver = resolver
        self.is_suffix = is_suffix
        self.records: dict[str, Record | None] = {}

    async def record(self, domain: str) -> Record | None:
        """The one valid record at a name, None where there is none.  Raises _NoAnswer."""
        if domain not in self.records:
            answer = await self.resolver.lookup(f"_dmarc.{domain}", Txt)
            if isinstance(answer, DnsFailure):
                raise _NoAnswer(f"no answer for the policy of {domain}")
            texts = [one.text for one in answer.records if is_dmarc(one.text)] if isinstance(answer, DnsAnswer) else []
            # RFC 9989 §4.10 step 2: several records are as good as none.
            self.records[domain] = parse_record(texts[0]) if len(texts) == 1 else None
        return self.records[domain]

    async def walk(self, domain: str) -> list[_Found]:
        """The records from `domain` up, longest name first, as far as RFC 9989 §4.10 goes.  Raises _NoAnswer."""
        found = []
        for name in names_of_walk(domain):
            record = await self.record(name)
            if record is not None:
                found.append(_Found(name, record))
                if record.psd != "u":
                    break
        return found

    async def organisational(self, domain: str) -> str:
        """RFC 9989 §4.10.2.  Raises _NoAnswer."""
        return choose_organisational(domain, await self.walk(domain), self.is_suffix)


def names_of_walk(domain: str) -> list[str]:
    """The names a walk asks for, in order (RFC 9989 §4.10)."""
    labels = domain.split(".")
    shorter = labels[1:] if len(labels) < MAX_LABELS else labels[-(MAX_LABELS - 1) :]
    return [domain, *(".".join(shorter[start:]) for start in range(len(shorter)))]


def choose_organisational(domain: str, found: Sequence[_Found], is_suffix: IsPublicSuffix) -> str:
    """The organisational domain, from the records a walk met (RFC 9989 §4.10.2)."""
    chosen = domain
    for one in found:
        if one.record.psd == "n":
            return one.domain
        if one.record.psd == "y" or is_suffix(one.domain):
            # One label below the suffix; a walk that begins at the suffix itself has nothing below.
            if one.domain == domain:
                return chosen
            depth = one.domain.count(".") + 2
            return ".".join(domain.split(".")[-depth:])
        chosen = one.domain
    return chosen


async def evaluate(
    domain: str,
    spf: SpfOutcome,
    dkim: Sequence[DkimResult],
    resolver: Resolver,
    is_suffix: IsPublicSuffix,
) -> DmarcResult:
    """DMARC of a message whose author's domain is `domain` (RFC 9989 §5.3)."""
    walks = _Walks(resolver, is_suffix)
    try:
        own = await walks.record(domain)
        found = [_Found(domain, own)] if own else await walks.walk(domain)
        organisational = domain if own else choose_organisational(domain, found, is_suffix)
        applied = _applied(found, domain, organisational, is_suffix)
        if applied is None:
            return DmarcResult(DmarcStatus.NONE, domain)
        return await _aligned(domain, applied, spf, dkim, walks)
    except _NoAnswer as missing:
        by_spf = domain if spf.result is SpfResult.PASS and _normal(spf.domain) == domain else ""
        by_dkim = (domain,) if any(_normal(one.domain) == domain for one in passes(dkim)) else ()
        return DmarcResult(
            DmarcStatus.TEMPERROR, domain, aligned_spf=by_spf, aligned_dkim=by_dkim, problem=str(missing)
        )


def _applied(found: Sequence[_Found], domain: str, organisational: str, is_suffix: IsPublicSuffix) -> _Found | None:
    """RFC 9989 §4.10.1: the record of the author's domain, else of its organisational domain, else of its suffix."""
    for name in (domain, organisational):
        for one in found:
            if one.domain == name:
                return one
    return next((one for one in found if one.record.psd == "y" or is_suffix(one.domain)), None)


async def _aligned(
    domain: str, applied: _Found, spf: SpfOutcome, dkim: Sequence[DkimResult], walks: _Walks
) -> DmarcResult:
    """Alignment and policy (RFC 9989 §5.3.4 to §5.3.6).  Raises _NoAnswer."""
    record = applied.record
    result = DmarcResult(DmarcStatus.FAIL, domain, record=record, record_domain=applied.domain)
    # RFC 9989 §4.4.2: only MAIL FROM counts. A bounce has none; its HELO name stands in (RFC 7208 §2.4).
    by_spf = await _aligning(domain, [spf.domain] if spf.result is SpfResult.PASS else [], record.strict_spf, walks)
    passed = [one.domain for one in passes(dkim)]
    by_dkim = await _aligning(domain, passed, record.strict_dkim, walks)
    if by_spf or by_dkim:
        return replace(result, status=DmarcStatus.PASS, aligned_spf="".join(by_spf), aligned_dkim=tuple(by_dkim))
    # RFC 9989 §5.3.6: where the missing answer could have made it pass, the message neither passes nor fails.
    unknown_spf = [spf.domain] if spf.result is SpfResult.TEMPERROR else []
    unknown_dkim = [one.domain for one in dkim if one.status is DkimStatus.TEMPERROR]
    if await _aligning(domain, unknown_spf, record.strict_spf, walks) or await _aligning(
        domain, unknown_dkim, record.strict_dkim, walks
    ):
        return replace(result, status=DmarcStatus.TEMPERROR, problem="no answer for SPF or DKIM")
    own = applied.domain == domain
    exists = own or record.missing_subdomains is None or await _exists(domain, walks.resolver)
    return replace(result, policy=record.for_domain(own=own, exists=exists))


async def _aligning(domain: str, names: Sequence[str], strict: bool, walks: _Walks) -> list[str]:
    """Those of `names` that speak for the author's `domain` (RFC 9989 §4.4).  Raises _NoAnswer.

    The walk to the organisational domain is made only where a name is neither the same nor clearly a stranger.
    """
    return [
        name
        for name in dict.fromkeys(map(_normal, names))
        if name == domain or (name and not strict and await _related(domain, name, walks))
    ]


def _normal(name: str) -> str:
    try:
        return normal_domain(name.removesuffix("."))
    except BadAddress:
        return ""


async def _related(domain: str, name: str, walks: _Walks) -> bool:
    """Relaxed alignment: one organisational domain for both (RFC 9989 §4.10.2)."""
    if name.rpartition(".")[2] != domain.rpartition(".")[2]:
        return False
    organisational = await walks.organisational(domain)
    return at_or_below(name, organisational) and await walks.organisational(name) == organisational


async def _exists(domain: str, resolver: Resolver) -> bool:
    """RFC 9989 §3.2.13: a name without A, AAAA and MX records does not exist.  Raises _NoAnswer."""
    for answer in (
        await resolver.lookup(domain, A),
        await resolver.lookup(domain, Aaaa),
        await resolver.lookup(domain, Mx),
    ):
        if isinstance(answer, DnsFailure):
            raise _NoAnswer(f"no answer whether {domain} exists")
        if isinstance(answer, DnsAnswer):
            return True
    return False
