"""Proof of work: a browser computes for a second or two, so that a thousand signups cost somebody an hour.

The server signs a challenge (bits, end, random bytes) and keeps nothing of it. The browser looks for `PARTS` counters
such that SHA-256 of challenge, part and counter (`challenge.part.counter`) begins with enough zero bits; many small
parts instead of one great one make the time the same for everybody. Checking takes `PARTS` hashes. A challenge counts
once: its digest is remembered until it ends (`models.Pass`).

In: a key, the time, random bytes, what a browser sent. Out: a challenge, a digest to remember, or `BadWork`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

PARTS: Final = 16
PARTS_BITS: Final = 4  # log2 of PARTS: what they take off the work of each
LIFETIME: Final = 3600  # seconds: longer than anybody looks at the first page
MAX_TEXT: Final = 1000
_CHALLENGE: Final = re.compile(r"(v1\.([0-9]{1,2})\.([0-9]{1,12})\.[0-9a-f]{32})\.([0-9a-f]{64})")
_COUNTERS: Final = re.compile(r"[0-9]{1,10}(?:,[0-9]{1,10})*")


class BadWork(Exception):
    """The work is missing, wrong, late, or was used before."""


def challenge(bits: int, key: bytes, *, now: float, random_bytes: bytes) -> str:
    """A challenge of about 2^bits hashes. `random_bytes` are 16, fresh for each."""
    body = f"v1.{bits}.{int(now) + LIFETIME}.{random_bytes.hex()}"
    return f"{body}.{_signature(body, key)}"


def check(text: str, counters: str, key: bytes, *, now: float) -> bytes:
    """The challenge's digest, 32 bytes to remember until it has ended. Raises BadWork."""
    if len(text) + len(counters) > MAX_TEXT:
        raise BadWork
    found = _CHALLENGE.fullmatch(text)
    if found is None or not hmac.compare_digest(_signature(found[1], key), found[4]):
        raise BadWork
    if int(found[3]) < now or not _COUNTERS.fullmatch(counters):
        raise BadWork
    tries = counters.split(",")
    if len(tries) != PARTS or not all(is_solved(text, part, int(one), int(found[2])) for part, one in enumerate(tries)):
        raise BadWork
    return hashlib.sha256(text.encode()).digest()


def is_solved(text: str, part: int, counter: int, bits: int) -> bool:
    """Whether one part's hash begins with enough zero bits."""
    digest = hashlib.sha256(f"{text}.{part}.{counter}".encode()).digest()
    return int.from_bytes(digest[:8]) >> (64 - max(0, bits - PARTS_BITS)) == 0


def _signature(body: str, key: bytes) -> str:
    return hmac.digest(key, body.encode(), hashlib.sha256).hex()
