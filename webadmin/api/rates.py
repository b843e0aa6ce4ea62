"""How fast one token may ask: a bucket that fills steadily and is emptied by requests.

In: who, and the moment in seconds. Out: how long to wait, zero for "go on". Buckets are of this process and forgotten
when full, so the memory is bounded by the tokens that were busy lately; nothing is written down.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

BURST: Final = 120  # requests at once: a page of people to invite, and their app passwords
A_SECOND: Final = 10.0  # requests in the long run: a sixth of a core here, and a tenant of 10,000 is read in a minute
MANY: Final = 1000  # buckets after which full ones are looked for and forgotten


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Buckets:
    """One bucket a token. Safe to use from several threads."""

    def __init__(self, burst: int = BURST, a_second: float = A_SECOND) -> None:
        self._burst = burst
        self._a_second = a_second
        self._buckets: dict[int, _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, who: int, now: float) -> float:
        """Take one out of a bucket; seconds until there is one, when it is empty. `now` never goes back."""
        with self._lock:
            if len(self._buckets) >= MANY:
                self._forget(now)
            bucket = self._buckets.setdefault(who, _Bucket(float(self._burst), now))
            bucket.left = self._filled(bucket, now)
            bucket.at = now
            if bucket.left < 1:
                return (1 - bucket.left) / self._a_second
            bucket.left -= 1
            return 0.0

    def _filled(self, bucket: _Bucket, now: float) -> float:
        return min(float(self._burst), bucket.left + (now - bucket.at) * self._a_second)

    def _forget(self, now: float) -> None:
        full = [who for who, bucket in self._buckets.items() if self._filled(bucket, now) >= self._burst]
        for who in full:
            del self._buckets[who]
