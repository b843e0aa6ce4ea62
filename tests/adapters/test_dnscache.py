"""Answers kept while they hold, questions shared, and bounds on both."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address
from typing import Any

import pytest

from mailhost.adapters.dnscache import CacheLimits, KeptLookups
from mailhost.adapters.suffixes import is_public_suffix
from mailhost.mailauth.resolver import A, DnsAnswer, DnsFailure, Lookup, NoData, NoSuchName, Txt
from tests.fakes import CountedMetrics

FOUND = DnsAnswer((A(IPv4Address("192.0.2.1")),))


class Source:
    """Answers what is set, and counts questions; `gate` holds them up."""

    def __init__(self, answer: Lookup[Any] = FOUND, holds: float = 60.0) -> None:
        self.answer, self.holds = answer, holds
        self.asked: list[str] = []
        self.gate: asyncio.Event | None = None

    async def ask(self, name: str, kind: type[Any]) -> tuple[Lookup[Any], float]:
        self.asked.append(name)
        if self.gate is not None:
            await self.gate.wait()
        return self.answer, self.holds


class Scene:
    def __init__(self, source: Source, **limits: Any) -> None:
        self.source = source
        self.clock = 0.0
        self.metrics = CountedMetrics()
        self.resolver = KeptLookups(source, self.metrics, clock=lambda: self.clock, limits=CacheLimits(**limits))

    async def asks(self, name: str, kind: type[Any] = A) -> bool:
        """Whether a lookup asks the source."""
        before = len(self.source.asked)
        assert await self.resolver.lookup(name, kind) == self.source.answer
        return len(self.source.asked) > before


@pytest.mark.parametrize(
    ("answer", "holds", "kept"),
    [
        (FOUND, 60.0, 60.0),
        (FOUND, 90_000.0, 3600.0),
        (NoData(), 90_000.0, 300.0),
        (NoSuchName(), 30.0, 30.0),
        (DnsFailure("timeout"), 5.0, 5.0),
    ],
)
async def test_an_answer_is_kept_as_long_as_it_holds(answer: Lookup[Any], holds: float, kept: float) -> None:
    scene = Scene(Source(answer, holds))
    assert await scene.asks("Example.is.")
    scene.clock = kept - 0.1
    assert not await scene.asks("example.IS")
    scene.clock = kept
    assert await scene.asks("example.is")


async def test_what_does_not_hold_is_asked_again() -> None:
    scene = Scene(Source(holds=0.0))
    assert await scene.asks("example.is")
    assert await scene.asks("example.is")


async def test_types_are_kept_apart() -> None:
    scene = Scene(Source())
    assert await scene.asks("example.is", A)
    assert await scene.asks("example.is", Txt)


async def test_the_least_used_answer_goes_first() -> None:
    scene = Scene(Source(), answers=2)
    for name in ("one.test", "two.test", "one.test", "three.test"):
        await scene.asks(name)
    assert not await scene.asks("one.test")
    assert await scene.asks("two.test")


async def test_a_large_answer_is_given_and_not_kept() -> None:
    scene = Scene(Source(DnsAnswer((Txt(b"x" * 5000),))))
    assert await scene.asks("example.is", Txt)
    assert await scene.asks("example.is", Txt)


async def test_who_asks_the_same_shares_the_question_and_may_leave() -> None:
    scene = Scene(Source())
    scene.source.gate = asyncio.Event()
    first, second = (asyncio.create_task(scene.resolver.lookup("example.is", A)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    scene.source.gate.set()
    assert await second == FOUND
    assert len(scene.source.asked) == 1
    assert not await scene.asks("example.is")


async def test_no_more_questions_together_than_allowed() -> None:
    scene = Scene(Source(), asking=2)
    scene.source.gate = asyncio.Event()
    tasks = [asyncio.create_task(scene.resolver.lookup(f"{n}.test", A)) for n in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(scene.source.asked) == 2
    scene.source.gate.set()
    await asyncio.gather(*tasks)
    assert len(scene.source.asked) == 5


async def test_lookups_are_counted_without_a_name() -> None:
    scene = Scene(Source())
    await scene.asks("example.is")
    await scene.asks("example.is")
    assert scene.metrics.counts == {("dns_lookups", "answered"): 1, ("dns_lookups", "kept"): 1}


@pytest.mark.parametrize(
    ("domain", "public"),
    [("is", True), ("co.uk", True), ("example.is", False), ("bar.test", False), ("test", False), ("", False)],
)
def test_public_suffixes(domain: str, public: bool) -> None:
    assert is_public_suffix(domain) is public
