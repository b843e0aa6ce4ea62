"""The resolver of a process, made in one way for all that ask the DNS."""

from __future__ import annotations

import time

from mailhost.adapters.dnscache import KeptLookups
from mailhost.mailauth.resolver import Resolver
from mailhost.wiring.surroundings import Surroundings


def resolver_of(around: Surroundings) -> Resolver | None:
    """The resolver of a process, None where no resolver is configured: then nothing is looked up."""
    if not around.settings.resolver:
        return None
    # dnspython is a tenth of a second and 14 MiB that a process without a resolver need not pay.
    from mailhost.adapters.lookups import DnsLookups  # noqa: PLC0415

    host, _, port = around.settings.resolver.rpartition(":")
    lookups = DnsLookups(host.removeprefix("[").removesuffix("]"), int(port))
    return KeptLookups(lookups, around.metrics, clock=time.monotonic)
