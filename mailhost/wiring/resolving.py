"""The resolver of a process, made in one way for all that ask the DNS.

Whoever judges or delivers mail keeps answers as long as they hold. Whoever looks whether somebody has set a record
right asks anew: a person who has just mended it must not be shown what was there before.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mailhost.adapters.dnscache import KeptLookups
from mailhost.mailauth.resolver import Resolver
from mailhost.wiring.surroundings import Surroundings

if TYPE_CHECKING:
    from mailhost.adapters.lookups import DnsLookups


def resolver_of(around: Surroundings) -> Resolver | None:
    """The resolver of a process, None where no resolver is configured: then nothing is looked up."""
    lookups = fresh(around.settings.resolver)
    return None if lookups is None else KeptLookups(lookups, around.metrics, clock=time.monotonic)


def fresh(address: str) -> DnsLookups | None:
    """A resolver that keeps no answer, at a setting's `host:port`; None for no setting."""
    if not address:
        return None
    # dnspython is a tenth of a second and 14 MiB that a process without a resolver need not pay.
    from mailhost.adapters.lookups import DnsLookups  # noqa: PLC0415

    host, _, port = address.rpartition(":")
    return DnsLookups(host.removeprefix("[").removesuffix("]"), int(port))
