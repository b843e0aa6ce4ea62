"""How much mail one source may bring in a while: by address, by greeting, by the sender's domain.

Connections are counted at the door (`smtp.floor`); this counts messages, whoever opens how many connections. Sources
are known by a hash whose key lives as long as the process, and a flood of sources forgives instead of blocking
(`limits.Rate`). Each process counts for itself, so a host with four of them takes four times as much.
"""

from __future__ import annotations

import hashlib

from mailhost.limits import Rate, RateLimits, source_hash
from mailhost.reputation.sources import Ip


class SenderRates:
    """`key` is 16 to 64 random bytes."""

    def __init__(self, limits: RateLimits, key: bytes) -> None:
        self._key = key
        self._addresses = Rate(limits.address, limits.window)
        self._helos = Rate(limits.helo, limits.window)
        self._domains = Rate(limits.domain, limits.window)

    def allow(self, address: Ip, helo: str, domain: str, now: float) -> bool:
        """Count one message at monotonic time `now`; False when one of its sources had enough.

        `domain` is that of the envelope sender; the null sender counts by address and greeting alone.
        """
        # What one address has sent too much of must not use up the names that it takes, which are somebody else's.
        return (
            self._addresses.allow(source_hash(str(address), self._key), now)
            and self._helos.allow(self._hash(helo.lower()), now)
            and (not domain or self._domains.allow(self._hash(domain), now))
        )

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=8).digest()
