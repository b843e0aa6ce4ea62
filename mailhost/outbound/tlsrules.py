"""What a host of a domain must show before it gets mail: DANE before MTA-STS before whatever TLS there is.

In: the domain, one target of its MX walk, what its mail needs, the DNS, the domain's MTA-STS policy. Out: a
`Requirement` the connection keeps, or `Barred`. RFC 8461 §2 lets neither protocol weaken the other: DANE, where it
applies to the host, decides about the connection, and an enforced MTA-STS policy still decides which hosts there are.

REQUIRETLS (RFC 8689 §4.2.1) asks for more than the domain may: a verified certificate of a host whose name is itself
beyond doubt, by DNSSEC or by MTA-STS. `TLS-Required: No` (RFC 8689 §5) asks for less: the author wants the message to
arrive even where the receiving domain's TLS is broken, so policies do not stop it.

An attacker who can break the DNS must not gain by it: where the answer about TLSA fails, the host is passed over.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from mailhost.mailauth.resolver import DnsAnswer, Lookup, Resolver, Tlsa
from mailhost.outbound.mxwalk import Target
from mailhost.outbox import TlsNeed
from mailhost.tlspolicy import mtasts
from mailhost.tlspolicy.dane import Demand, demand, usable
from mailhost.tlspolicy.requirement import Barred, Check, Policy, Requirement
from mailhost.tlspolicy.tlsrpt import PolicyType, ResultType


class TlsRules(Protocol):
    """The port; what dispatch asks before it connects."""

    async def of(self, domain: str, target: Target, need: TlsNeed) -> Requirement | Barred:
        """What mail of this need for `domain` asks of one host. Raises StoreUnavailable."""


class NoRules:
    """For a relay that takes everything: its operator, not the recipients' domains, says how to reach it."""

    async def of(self, _domain: str, target: Target, need: TlsNeed) -> Requirement | Barred:
        if need is TlsNeed.REQUIRED:
            # RFC 8689 §4.2.1: the name is the operator's word, and the certificate must be for it.
            return Requirement(target.name, tls=True, check=Check.AUTHORITIES, names=(target.name,))
        return Requirement(target.name)


class PublishedRules:
    """What domains publish. `sts` gives a domain's MTA-STS policy as `stspolicies.StsPolicies.of` does."""

    def __init__(
        self, resolver: Resolver, sts: Callable[[str], Awaitable[mtasts.Policy | mtasts.Unknown | ResultType | None]]
    ) -> None:
        self._resolver = resolver
        self._sts = sts

    async def of(self, domain: str, target: Target, need: TlsNeed) -> Requirement | Barred:
        if need is TlsNeed.NONE:
            return Requirement(target.name)
        by_dane = await self._dane(domain, target)
        if isinstance(by_dane, Barred):
            return by_dane
        policy = await self._sts(domain)
        found: Requirement | Barred
        if isinstance(policy, ResultType):
            # RFC 8461 §3.3: as if there were none, and the domain hears of it.
            found = by_dane or Requirement(target.name, policy=Policy(PolicyType.STS), complaint=policy)
        elif policy is None or isinstance(policy, mtasts.Unknown) or policy.mode is mtasts.Mode.NONE:
            found = by_dane or Requirement(target.name)
        else:
            found = _under(policy, target, by_dane)
        if need is TlsNeed.REQUIRED and isinstance(found, Requirement):
            return _strict(found, target, unknown=isinstance(policy, mtasts.Unknown))
        return found

    async def _dane(self, domain: str, target: Target) -> Requirement | Barred | None:
        if not target.signed:
            return None
        # RFC 7672 §2.2.3: the name behind an alias first, then the name itself.
        for name in dict.fromkeys((target.canonical or target.name, target.name)):
            answer = await self._resolver.lookup(f"_{target.port}._tcp.{name}", Tlsa)
            match demand(answer, signed_path=True):
                case Demand.MATCH:
                    records = usable(_records(answer))
                    names = tuple(dict.fromkeys((name, target.name, domain)))
                    return Requirement(
                        name, tls=True, check=Check.DANE, names=names, records=records, policy=_tlsa(answer, target)
                    )
                case Demand.TLS:
                    # RFC 7672 §2.2: somebody there means TLS, though what he published is of no use.
                    return Requirement(name, tls=True, policy=_tlsa(answer, target))
                case Demand.UNKNOWN:
                    return Barred("dane_unknown", ResultType.DNSSEC_INVALID, Policy(PolicyType.TLSA), passing=True)
        return None


def _records(answer: Lookup[Tlsa]) -> tuple[Tlsa, ...]:
    return answer.records if isinstance(answer, DnsAnswer) else ()


def _tlsa(answer: Lookup[Tlsa], target: Target) -> Policy:
    lines = tuple(f"{one.usage} {one.selector} {one.matching} {one.data.hex()}" for one in usable(_records(answer)))
    return Policy(PolicyType.TLSA, lines[:10], (target.name,))


def _under(policy: mtasts.Policy, target: Target, by_dane: Requirement | None) -> Requirement | Barred:
    """What MTA-STS makes of a host (RFC 8461 §5)."""
    enforced = policy.mode is mtasts.Mode.ENFORCE
    lines = tuple(mtasts.write_policy(policy).decode("ascii").splitlines())
    named = Policy(PolicyType.STS, lines, policy.hosts)
    if not policy.allows(target.name):
        if enforced:
            return Barred("sts_host_not_listed", ResultType.VALIDATION_FAILURE, named)
        # RFC 8461 §5.2: only tried out, so the complaint goes into the report and the mail to the host.
        return by_dane or Requirement(
            target.name, enforced=False, policy=named, complaint=ResultType.VALIDATION_FAILURE
        )
    if by_dane is not None and (by_dane.check is Check.DANE or not enforced):
        return by_dane
    # Signed records of which none is usable vouch for nobody: the policy's certificate is asked for all the same.
    return Requirement(
        target.name, tls=True, check=Check.AUTHORITIES, names=(target.name,), enforced=enforced, policy=named
    )


def _strict(found: Requirement, target: Target, *, unknown: bool) -> Requirement | Barred:
    """REQUIRETLS, RFC 8689 §4.2.1: the host's name and its certificate must both be beyond doubt.

    `unknown`: whether the domain has an MTA-STS policy could not be found out.
    """
    by_sts = found.policy.type is PolicyType.STS and found.complaint is None
    if not (target.signed or by_sts):
        if unknown or found.complaint is ResultType.STS_POLICY_FETCH_ERROR:
            # The domain may well have a policy: it could not be asked.
            result = found.complaint or ResultType.VALIDATION_FAILURE
            return Barred("sts_unknown", result, found.policy, passing=True)
        return Barred("requiretls_unproven", ResultType.VALIDATION_FAILURE, found.policy)
    if found.check is Check.DANE:
        return found
    return Requirement(target.name, tls=True, check=Check.AUTHORITIES, names=(target.name,), policy=found.policy)
