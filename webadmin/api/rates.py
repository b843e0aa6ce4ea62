"""How fast one token may ask: a bucket that fills steadily and is emptied by requests, one for the whole cell.

In: who, and the moment in seconds. Out: how long to wait, zero for "go on". A bucket is one number, the moment at which
it is full again, and whoever keeps these numbers changes one in one step, so that two processes never give the same
request away. They lie in Redis where the cell has it for its broker, else in a small file that the processes of this
machine share; a bucket that is full is forgotten, so what is kept is bounded by the tokens that were busy lately.

A keeper that does not answer lets requests pass: the limit guards others from one program, and is no door.
"""

from __future__ import annotations

import fcntl
import logging
import os
import struct
from pathlib import Path
from typing import Final, Protocol

from webadmin.environ import Environ

log = logging.getLogger(__name__)

BURST: Final = 120  # requests at once: a page of people to invite, and their app passwords
A_SECOND: Final = 10.0  # requests in the long run: a sixth of a core here, and a tenant of 10,000 is read in a minute
MANY: Final = 1000  # buckets in the file; whose would be full first is forgotten when one more is needed
SLACK: Final = 0.001  # seconds that are no wait: sums of tenths are not exact
AHEAD: Final = 1.0  # seconds by which a process' clock may be ahead of another's
_ROW: Final = struct.Struct("<qd")


class Keeper(Protocol):
    """Who keeps the buckets. Raises OSError where it cannot."""

    def take(self, who: int, now: float, step: float, most: float) -> float:
        """Move the bucket's moment by `step` seconds, unless it were then more than `most` ahead; seconds to wait."""


class Memory:
    """Of this process: for tests, and what the other keepers are held against."""

    def __init__(self) -> None:
        self._full: dict[int, float] = {}

    def take(self, who: int, now: float, step: float, most: float) -> float:
        wait, self._full[who] = taken(self._full.get(who, now), now, step, most)
        return wait


class SharedFile:
    """Of the processes of one machine: rows of a number and a moment, behind a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, who: int, now: float, step: float, most: float) -> float:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            content = os.pread(descriptor, MANY * _ROW.size, 0)
            # What is cut off or ahead of its time is damage, or a clock that was set back: it counts no longer.
            whole = content[: len(content) // _ROW.size * _ROW.size]
            kept = {one: full for one, full in _ROW.iter_unpack(whole) if now < full <= now + most + AHEAD}
            wait, full = taken(kept.pop(who, now), now, step, most)
            latest = sorted(kept.items(), key=lambda row: row[1])[-(MANY - 1) :]
            rows = b"".join(_ROW.pack(*row) for row in [*latest, (who, full)])
            os.pwrite(descriptor, rows, 0)
            os.ftruncate(descriptor, len(rows))
        finally:
            os.close(descriptor)
        return wait


class Buckets:
    """One bucket a token. Safe to use from several threads and processes, as its keeper is."""

    def __init__(self, keeper: Keeper, burst: int = BURST, a_second: float = A_SECOND) -> None:
        self._keeper = keeper
        self._burst = burst
        self._a_second = a_second

    def take(self, who: int, now: float) -> float:
        """Take one out of a bucket at POSIX time `now`; seconds until there is one, when it is empty."""
        step = 1 / self._a_second
        try:
            return self._keeper.take(who, now, step, self._burst * step)
        except OSError as problem:
            log.warning("the interface's rates are not counted", extra={"error": type(problem).__name__})
            return 0.0


def of_cell(environ: Environ) -> Buckets:
    """As the cell's settings have it."""
    if environ.broker_url:
        # Its client is loaded where there is a server for it.
        from webadmin.api.redisrates import InRedis  # noqa: PLC0415

        return Buckets(InRedis(environ.broker_url, environ.cell))
    return Buckets(SharedFile(environ.run / "api-rates"))


def taken(full: float, now: float, step: float, most: float) -> tuple[float, float]:
    """The wait, and the moment at which the bucket is full: a little later, or as it was where somebody has to wait."""
    wanted = max(full, now) + step
    if wanted - now > most + SLACK:
        return wanted - now - most, full
    return 0.0, wanted
