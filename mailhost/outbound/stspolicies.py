"""The MTA-STS policy that binds us for a domain: what is cached, renewed when the DNS says that it changed (RFC 8461).

Trust is on first use. A policy that was fetched once binds until its own age ends it, whatever the DNS or the web site
say later, so that nobody can wish it away (RFC 8461 §10.2); that is why it outlives the process, in `PolicyCache`. A
fetch that fails is tried again after some minutes and costs nothing but that: without an older policy the domain counts
as one without (RFC 8461 §3.3), and its report tells it why.

What was found is remembered for a minute in the process, so that a hundred messages for a domain ask the DNS once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from mailhost.mailauth.resolver import DnsFailure, Resolver, Txt
from mailhost.tlspolicy.mtasts import RETRY, BadPolicy, Cached, Policy, Unknown, parse_policy, record_id
from mailhost.tlspolicy.tlsrpt import ResultType

# A change of the DNS record is seen after this long.
REMEMBERED: Final = timedelta(minutes=1)
# Domains in the process's memory; the least recently asked one goes first.
MAX_REMEMBERED: Final = 1000


# What binds, None without a policy, or what was wrong with the one that could not be had.
type Found = Policy | Unknown | ResultType | None


class FetchFailed(Exception):
    """The file could not be had; `result` is the word a report has for it."""

    def __init__(self, result: ResultType) -> None:
        super().__init__(result)
        self.result = result


class PolicyFetcher(Protocol):
    """HTTPS, by the rules of RFC 8461 §3.3."""

    async def fetch(self, domain: str) -> bytes:
        """The file as it is served. Raises FetchFailed."""


class PolicyCache(Protocol):
    """Policies that outlive the process. Raises StoreUnavailable."""

    async def get(self, domain: str) -> Cached | None:
        """What was put, None where nothing was or its age is over."""

    async def put(self, domain: str, cached: Cached) -> None:
        """Keep it until its age is over."""


class StsPolicies:
    """`of` is what `tlsrules.PublishedRules` asks."""

    def __init__(
        self, *, resolver: Resolver, cache: PolicyCache, fetcher: PolicyFetcher, now: Callable[[], datetime]
    ) -> None:
        self._resolver = resolver
        self._cache = cache
        self._fetcher = fetcher
        self._now = now
        self._recent: OrderedDict[str, tuple[datetime, Found]] = OrderedDict()

    async def of(self, domain: str) -> Found:
        """The policy that binds for a domain. Raises StoreUnavailable."""
        now = self._now()
        until, found = self._recent.get(domain, (now, None))
        if now < until:
            self._recent.move_to_end(domain)
            return found
        found, keep = await self._look(domain, now)
        self._recent[domain] = (now + keep, found)
        self._recent.move_to_end(domain)
        if len(self._recent) > MAX_REMEMBERED:
            self._recent.popitem(last=False)
        return found

    async def _look(self, domain: str, now: datetime) -> tuple[Found, timedelta]:
        """What binds, and for how long that is remembered."""
        cached = await self._cache.get(domain)
        if cached is not None and not cached.holds(now):
            cached = None
        answer = await self._resolver.lookup(f"_mta-sts.{domain}", Txt)
        published = record_id(answer)
        if cached is None and isinstance(answer, DnsFailure):
            # RFC 8461 §3.1: without the record there is nothing to fetch, so nothing failed that a report could name;
            # but whoever must know whether there is a policy does not know it.
            return Unknown(), REMEMBERED
        if cached is not None and not cached.is_stale(published, now):
            return cached.policy, REMEMBERED
        if cached is None and published is None:
            return None, REMEMBERED
        try:
            policy = parse_policy(await self._fetcher.fetch(domain))
        except (FetchFailed, BadPolicy) as failed:
            if cached is None:
                return failed.result if isinstance(failed, FetchFailed) else ResultType.STS_POLICY_INVALID, RETRY
            await self._cache.put(domain, cached.tried_in_vain(now))
            return cached.policy, REMEMBERED
        version = published or (cached.id if cached else "")
        await self._cache.put(domain, Cached(policy, version, fetched=now, tried=now))
        return policy, REMEMBERED
