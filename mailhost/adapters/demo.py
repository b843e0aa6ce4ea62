"""Recipients of the demo tenant that fail on purpose: temperror@, permerror@, full@ and slow@.

A sender's software can be tried against them without breaking anything. They exist only where the demo is switched
on, only in its domain, and only where no real mailbox has the name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from mailhost.ports import Directory, Found, Simulate

DEMO_DOMAIN: Final = "demo.test"


class FailingRecipients:
    """`ports.Directory` that adds the failing names of one domain to another directory's answers."""

    def __init__(self, inner: Directory, domain: str) -> None:
        self._inner = inner
        self._domain = domain
        self._names = {f"{kind.value}@{domain}": kind for kind in Simulate}

    async def lookup(self, addresses: Collection[str], domains: Collection[str]) -> Found:
        wanted = [name for name in addresses if name in self._names]
        found = await self._inner.lookup(addresses, {*domains, self._domain} if wanted else domains)
        host = found.domains.get(self._domain)
        if not wanted or host is None or not host.postmaster:
            return found
        # Mail to slow@ is delivered in the end, to the mailbox that answers for the domain.
        target = host.postmaster[0]
        extra = {name: (replace(target, simulate=self._names[name]),) for name in wanted if name not in found.addresses}
        return Found({**found.addresses, **extra}, found.domains)
