"""The use-case: everything known about one complete message, weighed into one ruling.

In: an envelope, the content, the time. Out: a `Ruling`. Authentication, block lists, reverse name, content filter and
memory are asked at the same time; what has not answered within the budget counts as it must: a name server that does
not answer about the sender's own domain means 451, everything else counts as not asked.

After the content there is one answer for all recipients. So each tenant's policy gives its own disposition, and:

    refused      only if every recipient's tenant would refuse it, and nobody's postmaster is among them
    451          if the DNS did not answer what decides, or the sender is doubtful and not known here yet
    250          otherwise; a tenant that would have refused or doubts gets it in Junk

RFC 2142 and RFC 5321 §4.5.1 want postmaster@ and abuse@ to be reachable, for those above all who are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from mailhost.deliver import Envelope
from mailhost.limits import JudgingLimits
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim import passes
from mailhost.mailauth.dmarc import DmarcStatus, IsPublicSuffix
from mailhost.mailauth.resolver import Resolver
from mailhost.mailauth.results import MethodResult, render
from mailhost.mailauth.spf import Client as SpfClient
from mailhost.mailauth.spf import SpfResult
from mailhost.mailauth.verdict import Disposition, Findings, ReceivePolicy, examine, judge, method_results
from mailhost.outcomes import Reason, Verdict
from mailhost.ports import Metrics
from mailhost.reports.dmarccounts import DmarcCounts, NotCounted, seen
from mailhost.reputation.blocklists import confirmed_name, listings
from mailhost.reputation.known import Case, Known, mail_from
from mailhost.reputation.memory import Digest, Memory
from mailhost.reputation.rates import SenderRates
from mailhost.reputation.sources import Network, client_address, is_false_helo, is_stranger
from mailhost.reputation.weighing import Band, Finding, signals, weigh
from mailhost.routing import ROLES


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of a message: `reason` is OK, or why not. `verdicts` are by tenant, for delivery.

    `proven` is the author's domain where DMARC passed, else empty; `found` what authentication says, if it was asked.
    """

    reason: Reason
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    proven: str = ""
    found: Findings | None = None


UNJUDGED: Final = Ruling(Reason.OK)


class ContentFilter(Protocol):
    """A program that reads mail, such as rspamd."""

    async def opinion(self, envelope: Envelope, content: bytearray, name: str) -> Finding | None:
        """What it says of a message from the host called `name`, None for nothing, or where it does not answer.

        Never raises; cancellable.
        """


class Policies(Protocol):
    """What tenants chose."""

    async def of(self, tenants: Collection[int]) -> Mapping[int, ReceivePolicy]:
        """The policy of each tenant that chose one. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where findings come from. Without a resolver nothing is looked up, and no proof is asked for."""

    memory: Memory
    policies: Policies
    resolver: Resolver | None = None
    is_suffix: IsPublicSuffix = lambda _: False
    block_lists: Sequence[str] = ()
    content_filter: ContentFilter | None = None
    strangers: Sequence[Network] = ()
    dmarc: DmarcCounts = field(default_factory=NotCounted)


class Judge:
    """Rules over messages. `key` is a secret of the cell, `clock` monotonic seconds."""

    def __init__(
        self,
        sources: Sources,
        *,
        hostname: str,
        key: bytes,
        rates: SenderRates,
        metrics: Metrics,
        clock: Callable[[], float],
        limits: JudgingLimits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sources = sources
        self._hostname = hostname
        self._key = key
        self._rates = rates
        self._metrics = metrics
        self._clock = clock
        self._limits = limits or JudgingLimits()
        self._sleep = sleep
        self._waiting = 0

    async def rule(self, envelope: Envelope, content: bytearray, *, now: datetime) -> Ruling:
        """The ruling on a complete message. Raises StoreUnavailable."""
        address = client_address(envelope.client.address)
        if address is None:
            return UNJUDGED
        stranger = is_stranger(address, self._sources.strangers)
        domain = envelope.sender.domain if envelope.sender else ""
        if stranger and not self._rates.allow(address, envelope.client.helo, domain, self._clock()):
            return self._ruled(Reason.SENDER_RATE)
        case = Case(envelope, content, address, stranger, Parts(content), now)
        proof, findings = await asyncio.gather(self._proof(case), self._hearsay(case))
        if stranger:
            findings |= set(_of_proof(proof))
        known = Known(case, proof, self._key)
        recalled = await self._recall(case, known, findings)
        for finding in findings:
            self._metrics.count("sender_findings", finding)
        return await self._weigh(case, proof, findings, known, recalled)

    async def _proof(self, case: Case) -> Findings | None:
        if self._sources.resolver is None:
            return None
        client = SpfClient(case.address, case.envelope.client.helo, self._hostname)
        return await examine(
            case.parts,
            client,
            mail_from(case.envelope.sender),
            self._sources.resolver,
            self._sources.is_suffix,
            now=case.now,
            seconds=self._limits.authentication,
        )

    async def _hearsay(self, case: Case) -> set[Finding]:
        """What others say of the client and its message: block lists, its name, the content filter."""
        if not case.stranger:
            return set()
        at, found = self._sources, set()
        listed, (name, opinion) = await asyncio.gather(
            self._in_time(listings(case.address, at.block_lists, at.resolver)) if at.resolver else _nothing(),
            self._name_and_opinion(case),
        )
        if listed:
            found |= {Finding.LISTED} if listed == 1 else {Finding.LISTED, Finding.LISTED_AGAIN}
        # Only an answer counts: None is a name server that did not give one.
        if name == "":
            found.add(Finding.NO_REVERSE_NAME)
        if opinion:
            found.add(opinion)
        if is_false_helo(case.envelope.client.helo, case.address, {self._hostname.lower()}):
            found.add(Finding.FALSE_HELO)
        return found

    async def _name_and_opinion(self, case: Case) -> tuple[str | None, Finding | None]:
        """The client's name, and what the content filter says, which wants to know the name."""
        at = self._sources
        name = await self._in_time(confirmed_name(case.address, at.resolver)) if at.resolver else None
        if at.content_filter is None:
            return name, None
        return name, await self._in_time(at.content_filter.opinion(case.envelope, case.content, name or ""))

    async def _in_time[T](self, asking: Awaitable[T]) -> T | None:
        try:
            async with asyncio.timeout(self._limits.others):
                return await asking
        except TimeoutError:
            return None

    async def _recall(self, case: Case, known: Known, findings: set[Finding]) -> Mapping[Digest, datetime]:
        """What is remembered of the sender; adds to the findings."""
        if not case.stranger:
            return {}
        memory = self._sources.memory
        if (pairs := known.correspondents()) and await memory.written_to(pairs):
            findings.add(Finding.WRITTEN_TO)
        recalled = await memory.recall([*known.senders, known.waiting], now=case.now)
        if any(digest in recalled for digest in known.senders):
            findings.add(Finding.CAME_BEFORE)
        return recalled

    async def _weigh(
        self,
        case: Case,
        proof: Findings | None,
        findings: set[Finding],
        known: Known,
        recalled: Mapping[Digest, datetime],
    ) -> Ruling:
        band = weigh(findings)
        policies = await self._sources.policies.of(case.tenants)
        each = {
            tenant: _disposition(proof, findings, band, policies.get(tenant) or ReceivePolicy())
            for tenant in case.tenants
        }
        dispositions = {disposition for disposition, _ in each.values()}
        if dispositions == {Disposition.REFUSE} and not _is_for_postmaster(case.envelope):
            asked = all(reason is Reason.FORGED for _, reason in each.values())
            self._count(case, proof, Disposition.REFUSE)
            return self._ruled(Reason.FORGED if asked else Reason.SPAM)
        if Disposition.DEFER in dispositions:
            return self._ruled(Reason.NO_DNS_ANSWER)
        stranger = case.stranger and not findings & {Finding.WRITTEN_TO, Finding.CAME_BEFORE}
        if stranger and band is Band.DOUBTFUL and await self._puts_off(case, known, recalled):
            return self._ruled(Reason.GREYLISTED)
        text = _results(proof, band, findings) if proof or findings else "none"
        proven = proof.dmarc.author_domain if proof and proof.dmarc.status is DmarcStatus.PASS else ""
        ruling = Ruling(
            Reason.OK,
            {tenant: Verdict(text, found is not Disposition.ACCEPT) for tenant, (found, _) in each.items()},
            proven,
            proof,
        )
        if case.stranger and dispositions == {Disposition.ACCEPT}:
            await self._welcome(case, known, recalled, wait=stranger and not proven)
        accepted = Disposition.ACCEPT in dispositions
        self._count(case, proof, Disposition.ACCEPT if accepted else Disposition.JUNK)
        self._metrics.count("smtp_rulings", "accept" if accepted else "junk")
        return ruling

    def _count(self, case: Case, proof: Findings | None, disposition: Disposition) -> None:
        """For the report to the author's domain, where a recipient's domain takes part in that."""
        at, counts = case.envelope, self._sources.dmarc
        if proof is not None and counts.wanted({recipient.address.domain for recipient in at.recipients}):
            domain = at.sender.domain if at.sender else ""
            found = seen(proof, str(case.address), domain, disposition, case.now.astimezone(UTC).date())
            if found is not None:
                counts.observe(found)

    async def _puts_off(self, case: Case, known: Known, recalled: Mapping[Digest, datetime]) -> bool:
        """Greylisting (RFC 6647): whether this stranger has to come again, and since when it has."""
        since = recalled.get(known.waiting)
        if since is None:
            until = case.now + self._limits.comes_back
            # Who cannot be remembered would be put off for ever.
            return await self._sources.memory.remember([known.waiting], since=case.now, until=until)
        return case.now - since < self._limits.put_off

    async def _welcome(self, case: Case, known: Known, recalled: Mapping[Digest, datetime], *, wait: bool) -> None:
        """Remember a sender against whom nothing is held; let one that comes for the first time wait a little."""
        new = [digest for digest in known.senders if digest not in recalled]
        if new:
            # Days are all that is kept of the times, as of every time that could tell when somebody wrote.
            today = case.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            await self._sources.memory.remember(new, since=today, until=today + self._limits.known)
        if wait and self._limits.first_time and self._waiting < self._limits.waiting:
            self._waiting += 1
            try:
                await self._sleep(self._limits.first_time)
            finally:
                self._waiting -= 1

    def _ruled(self, reason: Reason) -> Ruling:
        self._metrics.count("smtp_rulings", reason)
        return Ruling(reason)


async def _nothing() -> None:
    return None


def _of_proof(proof: Findings | None) -> Iterator[Finding]:
    """What authentication says against a sender's reputation."""
    if proof is None:
        return
    if proof.spf.result is SpfResult.FAIL:
        yield Finding.SPF_FAIL
    elif proof.spf.result is SpfResult.SOFTFAIL:
        yield Finding.SPF_SOFTFAIL
    if proof.spf.result is not SpfResult.PASS and not passes(proof.dkim):
        yield Finding.NO_PROOF


_STRICTER: Final = (Disposition.ACCEPT, Disposition.JUNK, Disposition.DEFER, Disposition.REFUSE)


def _disposition(
    proof: Findings | None, findings: Collection[Finding], band: Band, policy: ReceivePolicy
) -> tuple[Disposition, Reason]:
    """What one tenant's policy makes of it: the stricter of what authentication and reputation say."""
    by_band = {Band.SPAM: Disposition.REFUSE if policy.refuse_spam else Disposition.JUNK, Band.JUNK: Disposition.JUNK}
    reputed = by_band.get(band, Disposition.ACCEPT)
    if proof is None:
        return reputed, Reason.SPAM
    authentic = judge(proof, signals(findings), policy).disposition
    if _STRICTER.index(authentic) >= _STRICTER.index(reputed):
        return authentic, Reason.FORGED
    return reputed, Reason.SPAM


def _results(proof: Findings | None, band: Band, findings: Collection[Finding]) -> str:
    """The value of Authentication-Results; the reputation stands in it as an experimental method (RFC 8601 §2.7.7)."""
    reputed = MethodResult("x-reputation", band, reason=" ".join(sorted(findings)))
    return render([*(method_results(proof) if proof else ()), *([reputed] if findings else ())])


def _is_for_postmaster(envelope: Envelope) -> bool:
    return any(recipient.address.split()[0].local.lower() in ROLES for recipient in envelope.recipients)
