"""DNS answers kept in memory for as long as they hold: the resolver that every process of the cell uses.

A message asks a dozen questions, and a correspondent's next message asks the same. The resolver behind it has a
cache too, but a question to it costs half a millisecond of processor. In: a `TimedLookups` (`lookups.DnsLookups`).
Out: `mailauth.resolver.Resolver`. What comes from strangers is bounded: the number of answers kept, the size of each,
how long they are believed, and how many questions are under way together; who finds none free waits, in its own time.

Two who ask the same at once share one question, and neither ends it for the other by going away.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mailhost.mailauth.resolver import (
    A,
    Aaaa,
    Caa,
    Cname,
    DnsAnswer,
    DnsFailure,
    Lookup,
    Mx,
    Ns,
    Ptr,
    Srv,
    Tlsa,
    Txt,
)
from mailhost.ports import Metrics

# What one record takes beside its text: objects and the table's own room.
_RECORD: Final = 200


class TimedLookups(Protocol):
    """The resolver asked; see `lookups.DnsLookups.ask`."""

    async def ask[R: (A, Aaaa, Mx, Txt, Ptr, Cname, Ns, Srv, Tlsa, Caa)](
        self, name: str, kind: type[R]
    ) -> tuple[Lookup[R], float]: ...


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Bounds of the memory. Times in seconds, sizes in octets."""

    # Answers kept: some 4 MiB as they usually are, 64 MiB if strangers make all as large as they may be.
    answers: int = 16_384
    # Larger answers are given, and not kept.
    octets: int = 4096
    # A day's TTL on a withdrawn DKIM key would let forgeries pass for a day.
    longest: float = 3600.0
    # RFC 2308 §5: what was not there is believed for minutes, since it may just be about to be published.
    longest_nothing: float = 300.0
    # Questions under way together: sockets and file descriptors of one process.
    asking: int = 256


class KeptLookups:
    """`clock` is monotonic seconds."""

    def __init__(
        self,
        lookups: TimedLookups,
        metrics: Metrics,
        *,
        clock: Callable[[], float],
        limits: CacheLimits | None = None,
    ) -> None:
        self._lookups = lookups
        self._metrics = metrics
        self._clock = clock
        self._limits = limits or CacheLimits()
        self._kept: OrderedDict[tuple[str, type], tuple[float, Lookup[Any]]] = OrderedDict()
        self._asked: dict[tuple[str, type], asyncio.Task[Lookup[Any]]] = {}
        self._turn = asyncio.Semaphore(self._limits.asking)

    async def lookup[R: (A, Aaaa, Mx, Txt, Ptr, Cname, Ns, Srv, Tlsa, Caa)](
        self, name: str, kind: type[R]
    ) -> Lookup[R]:
        key = (name.lower().removesuffix("."), kind)
        found = self._kept.get(key)
        if found is not None and found[0] > self._clock():
            self._kept.move_to_end(key)
            self._metrics.count("dns_lookups", "kept")
            return found[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key, name, kind))
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, key: tuple[str, type], name: str, kind: type[Any]) -> Lookup[Any]:
        async with self._turn:
            answer, holds = await self._lookups.ask(name, kind)
        if isinstance(answer, DnsAnswer):
            label, holds = "answered", min(holds, self._limits.longest)
        else:
            label = "failed" if isinstance(answer, DnsFailure) else "nothing"
            holds = min(holds, self._limits.longest_nothing)
        self._metrics.count("dns_lookups", label)
        if holds > 0 and len(key[0]) + _octets(answer) <= self._limits.octets:
            self._kept[key] = (self._clock() + holds, answer)
            self._kept.move_to_end(key)
            if len(self._kept) > self._limits.answers:
                self._kept.popitem(last=False)
        return answer


def _octets(answer: Lookup[Any]) -> int:
    """About how much memory an answer takes."""
    if not isinstance(answer, DnsAnswer):
        return _RECORD
    return sum(_RECORD + len(one.text if isinstance(one, Txt) else "") for one in answer.records)
