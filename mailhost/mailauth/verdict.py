"""What SPF, DKIM, ARC and DMARC add up to: accept, Junk, later, or no (RFC 9989 §5.4, RFC 7208 §8, RFC 8601).

`examine` asks all four about one message and gives `Findings`. `judge` turns findings, what else is known about the
sender and the recipient's policy into a `Judgement`: a disposition, the reasons for it, and the words for
Authentication-Results. Acting on it is someone else's job.

`RULES` is the whole policy, first match wins. Three lines of it need their reason:

* A domain that asks for rejection gets Junk. RFC 9989 §7.4 forbids to refuse for that alone, since mailing lists
  break signatures of honest mail. Something else must speak against the sender, or the recipient's tenant asks.
* No answer from the DNS means 451: a forger must not win by attacking a name server. Only an answer that could have
  changed the outcome counts; mail that passes anyway is not held up.
* p=none changes nothing (RFC 9989 §5.4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailhost.mailauth import arc, dkim, dmarc, spf
from mailhost.mailauth.arc import ArcResult, ArcStatus
from mailhost.mailauth.canonicalization import Parts
from mailhost.mailauth.dkim import DkimResult, DkimStatus
from mailhost.mailauth.dmarc import DmarcResult, DmarcStatus, IsPublicSuffix, NoAuthor
from mailhost.mailauth.dmarc_record import Policy
from mailhost.mailauth.resolver import Resolver
from mailhost.mailauth.results import BadResults, MethodResult, parse, render
from mailhost.mailauth.spf import Client, Identity, SpfOutcome, SpfResult
from mailhost.message.headers import Headers
from mailhost.outcomes import Verdict

# RFC 7208 §4.6.4: a check should have at least 20 seconds. The four share them.
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What the four protocols say about one message."""

    spf: SpfOutcome
    dkim: tuple[DkimResult, ...]
    arc: ArcResult
    dmarc: DmarcResult


async def examine(
    parts: Parts,
    client: Client,
    sender: str,
    resolver: Resolver,
    is_suffix: IsPublicSuffix,
    *,
    now: datetime,
    seconds: float = SECONDS,
) -> Findings:
    """Ask all four about a message as it came in. `sender` is the envelope sender, "" for the null sender.

    All is over after `seconds`; what has not answered by then is a temperror.
    """
    end = asyncio.get_running_loop().time() + seconds
    by_spf, by_dkim, chain = await asyncio.gather(
        _by(end, spf.check(client, sender, resolver, now=now), _late_spf(client, sender)),
        _by(end, dkim.verify(parts, resolver, now=now), [DkimResult(DkimStatus.TEMPERROR, problem="too slow")]),
        _by(end, arc.verify(parts, resolver, now=now), ArcResult(ArcStatus.FAIL, problem="too slow")),
    )
    try:
        author = dmarc.author_domain(Headers(parts.block))
    except NoAuthor as nobody:
        return Findings(by_spf, tuple(by_dkim), chain, DmarcResult(DmarcStatus.PERMERROR, problem=str(nobody)))
    policy = await _by(
        end,
        dmarc.evaluate(author, by_spf, by_dkim, resolver, is_suffix),
        DmarcResult(DmarcStatus.TEMPERROR, author, problem="too slow"),
    )
    return Findings(by_spf, tuple(by_dkim), chain, policy)


def _late_spf(client: Client, sender: str) -> SpfOutcome:
    domain, identity = (sender.rpartition("@")[2], Identity.MAIL_FROM) if sender else (client.helo, Identity.HELO)
    return SpfOutcome(SpfResult.TEMPERROR, domain, identity, problem="too slow")


async def _by[T](end: float, asking: Coroutine[object, object, T], late: T) -> T:
    try:
        async with asyncio.timeout_at(end):
            return await asking
    except TimeoutError:
        return late


class Disposition(StrEnum):
    """What becomes of the message."""

    ACCEPT = "accept"
    JUNK = "junk"
    DEFER = "defer"  # 451
    REFUSE = "refuse"  # 550


class Because(StrEnum):
    """The reason; the value is also the label of the metric."""

    DMARC_PASS = "dmarc_pass"  # noqa: S105  a reason, not a password
    NO_ANSWER_FOR_DMARC = "no_answer_for_dmarc"
    VOUCHED_BY_FORWARDER = "vouched_by_forwarder"
    REJECT_ASKED_AND_TENANT_AGREES = "reject_asked_and_tenant_agrees"
    REJECT_ASKED_AND_MORE = "reject_asked_and_more"
    REJECT_ASKED = "reject_asked"
    QUARANTINE_ASKED = "quarantine_asked"
    NO_ANSWER_FOR_SPF = "no_answer_for_spf"
    NO_ONE_AUTHOR = "no_one_author"
    SPF_FAIL = "spf_fail"
    NOTHING_AGAINST = "nothing_against"


class Signal(StrEnum):
    """What else speaks against a sender ("other knowledge and analysis", RFC 9989 §7.4), found elsewhere."""

    LISTED = "listed"  # in a DNS block list
    NO_REVERSE_NAME = "no_reverse_name"
    FALSE_HELO = "false_helo"  # claims to be us, or an address that is not its own
    SPAM = "spam"  # a content filter is sure


@dataclass(frozen=True, slots=True)
class ReceivePolicy:
    """What a tenant chose.

    `refuse_when_asked`: refuse what fails DMARC under p=reject. We differ from RFC 9989 §7.4 where an owner asks us
    to; the default follows it. `refuse_spam`: refuse what is certainly spam instead of sealing it into Junk.
    `trusted_sealers`: domains whose ARC claims are believed.
    """

    refuse_when_asked: bool = False
    refuse_spam: bool = True
    trusted_sealers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Judgement:
    """A disposition and its reason; `signals` are those that weighed in."""

    disposition: Disposition
    because: Because
    results: str = "none"
    signals: tuple[Signal, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The judgement of a message that is accepted, as delivery takes it."""
        return Verdict(self.results, self.disposition is Disposition.JUNK)


@dataclass(frozen=True, slots=True)
class _Case:
    found: Findings
    signals: tuple[Signal, ...]
    policy: ReceivePolicy

    @property
    def failed(self) -> bool:
        return self.found.dmarc.status is DmarcStatus.FAIL

    def rests_on_spf(self, result: SpfResult) -> bool:
        """RFC 7208 §8.4, for domains without DMARC; a valid signature shows that mail was forwarded, not forged."""
        return self.found.spf.result is result and not dkim.passes(self.found.dkim) and not self.failed

    @property
    def missed(self) -> bool:
        """The DNS did not say what the domain asks for, and the message may be one that it asks about."""
        found = self.found.dmarc
        return found.status is DmarcStatus.TEMPERROR and not (found.aligned_spf or found.aligned_dkim)

    def asks(self, policy: Policy) -> bool:
        return self.failed and self.found.dmarc.policy is policy


@dataclass(frozen=True, slots=True)
class _Rule:
    because: Because
    disposition: Disposition
    applies: Callable[[_Case], bool]


RULES: tuple[_Rule, ...] = (
    _Rule(Because.DMARC_PASS, Disposition.ACCEPT, lambda case: case.found.dmarc.status is DmarcStatus.PASS),
    _Rule(Because.NO_ANSWER_FOR_DMARC, Disposition.DEFER, lambda case: case.missed),
    _Rule(
        Because.VOUCHED_BY_FORWARDER,
        Disposition.ACCEPT,
        lambda case: case.failed and vouched(case.found, case.policy.trusted_sealers),
    ),
    _Rule(
        Because.REJECT_ASKED_AND_TENANT_AGREES,
        Disposition.REFUSE,
        lambda case: case.asks(Policy.REJECT) and case.policy.refuse_when_asked,
    ),
    _Rule(
        Because.REJECT_ASKED_AND_MORE,
        Disposition.REFUSE,
        lambda case: case.asks(Policy.REJECT) and bool(case.signals),
    ),
    _Rule(Because.REJECT_ASKED, Disposition.JUNK, lambda case: case.asks(Policy.REJECT)),
    _Rule(Because.QUARANTINE_ASKED, Disposition.JUNK, lambda case: case.asks(Policy.QUARANTINE)),
    # RFC 9989 §11.5: a From that names two domains, or none, shows each reader another author.
    _Rule(Because.NO_ONE_AUTHOR, Disposition.JUNK, lambda case: case.found.dmarc.status is DmarcStatus.PERMERROR),
    _Rule(Because.NO_ANSWER_FOR_SPF, Disposition.DEFER, lambda case: case.rests_on_spf(SpfResult.TEMPERROR)),
    _Rule(Because.SPF_FAIL, Disposition.JUNK, lambda case: case.rests_on_spf(SpfResult.FAIL)),
    _Rule(Because.NOTHING_AGAINST, Disposition.ACCEPT, lambda _: True),
)


def judge(found: Findings, signals: Collection[Signal] = (), policy: ReceivePolicy | None = None) -> Judgement:
    """The first rule that applies."""
    case = _Case(found, tuple(sorted(set(signals))), policy or ReceivePolicy())
    rule = next(rule for rule in RULES if rule.applies(case))
    weighed = case.signals if rule.because is Because.REJECT_ASKED_AND_MORE else ()
    return Judgement(rule.disposition, rule.because, render(list(method_results(found))), weighed)


def vouched(found: Findings, trusted: Collection[str]) -> bool:
    """Whether a trusted forwarder saw DMARC pass, and everyone who sealed after it is trusted as well.

    A chain says nothing about the body from a sealer on whom we do not trust: it can put any old chain in front of a
    new message (RFC 8617 §9.3).
    """
    if found.arc.status is not ArcStatus.PASS:
        return False
    for sealer, claim in zip(reversed(found.arc.sealers), reversed(found.arc.claims), strict=True):
        if sealer not in trusted:
            return False
        if _saw_pass(claim, found.dmarc.author_domain):
            return True
    return False


def _saw_pass(claim: str, author: str) -> bool:
    try:
        results = parse(claim).results
    except BadResults:
        return False
    return any(
        one.method == "dmarc" and one.result == "pass" and one.get("header.from").lower() == author for one in results
    )


def method_results(found: Findings) -> Iterable[MethodResult]:
    """The findings as Authentication-Results shows them (RFC 8601 §2.7, RFC 8617 §6, RFC 9989 §9.1)."""
    yield MethodResult(
        "spf",
        found.spf.result,
        ((f"smtp.{found.spf.identity}", found.spf.domain),) if found.spf.domain else (),
        found.spf.problem,
    )
    if not found.dkim:
        yield MethodResult("dkim", "none")
    for one in found.dkim:
        yield MethodResult("dkim", one.status, tuple(_dkim_properties(one)), one.problem)
    if found.arc.status is not ArcStatus.NONE:
        oldest = (("header.oldest-pass", str(found.arc.oldest_pass)),) if found.arc.status is ArcStatus.PASS else ()
        # We differ from RFC 8617 §6: no smtp.remote-ip, since addresses of clients are not kept.
        yield MethodResult("arc", found.arc.status, oldest, found.arc.problem)
    result = found.dmarc
    properties = [("header.from", result.author_domain)] if result.author_domain else []
    if result.status is DmarcStatus.FAIL:
        properties.append(("policy.dmarc", result.policy))
    yield MethodResult("dmarc", result.status, tuple(properties), result.problem)


def _dkim_properties(one: DkimResult) -> Iterable[tuple[str, str]]:
    for name, value in (
        ("header.d", one.domain),
        ("header.s", one.selector),
        ("header.a", one.algorithm),
        ("header.i", one.identity),
        ("header.b", one.b_prefix),
    ):
        if value:
            yield name, value
