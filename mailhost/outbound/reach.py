"""Reaching a host of a destination: the rules are asked, hosts tried in turn, and each session is counted.

In: the domain, the targets of its MX walk, what its mail needs of TLS, whose mail it is. Out: a `Link` that keeps what
is required, or `Unreachable` with the reason of the last host that was tried. A policy that is only being tried out
never stops mail: its failure is counted, and the host is connected to again without it (RFC 8461 §5.2).

Whether a failure is for good: a broken policy heals or expires, so it never is (RFC 8461 §5.1, RFC 7672 §2.1.2). Only
the author's own demand is (REQUIRETLS): RFC 8689 §4.2.1 wants it answered at once when no host can keep it. A host that
cannot be asked at present, or cannot encrypt at present, has not answered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from mailhost.outbound.mxwalk import Target
from mailhost.outbound.tlsrules import TlsRules
from mailhost.outbound.transport import ConnectionFailed, Link, MailTransport
from mailhost.outbox import TlsNeed
from mailhost.ports import Metrics
from mailhost.reports.tlscounts import NotCounted, Session, TlsCounts
from mailhost.tlspolicy.requirement import Barred, Policy
from mailhost.tlspolicy.tlsrpt import ResultType


class Unreachable(Exception):
    """No host could be reached as required. `permanent`: it makes no sense to try again."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent


class Reach:
    """What dispatch needs to get a connection."""

    def __init__(
        self,
        *,
        transport: MailTransport,
        rules: TlsRules,
        counts: TlsCounts,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._transport = transport
        self._rules = rules
        self._counts = counts
        self._metrics = metrics
        self._now = now

    async def connect(self, domain: str, targets: Sequence[Target], need: TlsNeed, authors: Collection[str]) -> Link:
        """A connection to the first host that can be had, in clear only where none encrypts; `authors` are the domains
        whose mail it is for.

        Raises Unreachable, StoreUnavailable.
        """
        reason, only_tls = "unreachable", True
        counts = self._counts if self._counts.wanted(authors) else NotCounted()
        clear: Target | None = None
        for target in targets:
            try:
                link = await self._try(domain, target, need, counts)
            except ConnectionFailed as failed:
                reason = failed.reason
                only_tls = only_tls and failed.result is not None and not failed.passing
                self._metrics.count("queue_connections", reason)
                continue
            # To this very machine there is no wire to read along.
            if link.secure or target.loopback or len(targets) == 1:
                self._metrics.count("queue_connections", "tls" if link.secure else "clear")
                return link
            # Nearly no mail may go over it, and another host of the domain may encrypt (RFC 7435 §3).
            clear = clear or target
            await link.close()
        if clear is not None:
            try:
                return await self._try(domain, clear, need, NotCounted())
            except ConnectionFailed as failed:
                reason, only_tls = failed.reason, False
        permanent = need is TlsNeed.REQUIRED and only_tls
        # The author asked for it, so the notice speaks of what he asked, not of a policy of the domain.
        if permanent and not reason.startswith("requiretls"):
            reason = "requiretls_no_tls"
        raise Unreachable(reason, permanent=permanent)

    async def _try(self, domain: str, target: Target, need: TlsNeed, counts: TlsCounts) -> Link:
        def count(policy: Policy, result: ResultType | None) -> None:
            counts.observe(Session(self._now().astimezone(UTC).date(), domain, policy, target.name, result))

        found = await self._rules.of(domain, target, need)
        if isinstance(found, Barred):
            count(found.policy, found.result)
            raise ConnectionFailed(found.reason, result=found.result, passing=found.passing)
        try:
            link = await self._transport.connect(target, found)
        except ConnectionFailed as failed:
            if failed.result is None:
                raise
            count(found.policy, failed.result)
            if found.enforced:
                raise
            return await self._transport.connect(target, found.relaxed())
        count(found.policy, found.complaint or _clear(link))
        if need is TlsNeed.REQUIRED and not link.requiretls:
            # RFC 8689 §4.2.1: the host must promise the same for its own way on.
            await link.close()
            raise ConnectionFailed("requiretls_unsupported", result=ResultType.OTHER)
        return link


def _clear(link: Link) -> ResultType | None:
    return None if link.secure else ResultType.STARTTLS_NOT_SUPPORTED
