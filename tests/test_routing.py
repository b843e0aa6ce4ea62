"""Routing: what rows mean, and a cache that asks once and forgets on time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mailhost.message.address import Address, parse_address
from mailhost.ports import Found, StoreUnavailable
from mailhost.routing import (
    CacheLimits,
    DomainSuspended,
    NoSuchRecipient,
    NotLocal,
    RouteCache,
    Routes,
    names_to_look_up,
    resolve,
)
from tests.fakes import MemoryDirectory
from tests.people import ADA, BEN, EXAMPLE_IS

ROWS = {"ada@example.is": (ADA,), "crew@example.is": (ADA, BEN), "ada+odd@example.is": (BEN,)}


def answer(text: str, **domain: object) -> object:
    hosted = replace(EXAMPLE_IS, **domain)  # type: ignore[arg-type]
    return resolve(parse_address(text), Found(ROWS, {"example.is": hosted}))


@pytest.mark.parametrize(
    ("address", "routes"),
    [
        ("ada@example.is", (ADA,)),
        ("ADA@Example.IS", (ADA,)),
        ("ada+bills@example.is", (ADA,)),
        ("ada+@example.is", (ADA,)),
        ("ada+odd@example.is", (BEN,)),
        ("ada+odd+more@example.is", (ADA,)),
        ("crew@example.is", (ADA, BEN)),
        ("crew+x@example.is", (ADA, BEN)),
        ("postmaster@example.is", (ADA,)),
        ("Abuse@example.is", (ADA,)),
        ("abuse+spam@example.is", (ADA,)),
    ],
)
def test_names_that_lead_somewhere(address: str, routes: tuple[object, ...]) -> None:
    assert answer(address) == Routes(routes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address", ["nobody@example.is", "+ada@example.is", "ad@example.is", "ada.@example.is".replace(".@", "_@")]
)
def test_names_that_lead_nowhere(address: str) -> None:
    assert answer(address) == NoSuchRecipient()


def test_the_domain_is_asked_first() -> None:
    assert answer("ada@example.org") == NotLocal()
    assert answer("ada@sub.example.is") == NotLocal()
    assert answer("ada@example.is", suspended=True, catch_all=(BEN,)) == DomainSuspended()
    assert resolve(Address("ada", "[192.0.2.1]"), Found(ROWS, {})) == NotLocal()


def test_a_catch_all_comes_last() -> None:
    assert answer("nobody@example.is", catch_all=(BEN,)) == Routes((BEN,), named=False)
    assert answer("ada@example.is", catch_all=(BEN,)) == Routes((ADA,))
    assert answer("postmaster@example.is", catch_all=(BEN,)) == Routes((ADA,))
    assert answer("postmaster@example.is", catch_all=(BEN,), postmaster=()) == Routes((BEN,), named=False)
    assert answer("postmaster@example.is", postmaster=()) == NoSuchRecipient()


def test_names_to_look_up() -> None:
    assert names_to_look_up(Address("Ada+Bills", "example.is")) == ("ada+bills@example.is", "ada@example.is")
    assert names_to_look_up(Address("+x", "example.is")) == ("+x@example.is",)


class Scene:
    """A cache over a directory that counts its questions."""

    def __init__(self, limits: CacheLimits | None = None) -> None:
        self.time = 0.0
        self.directory = MemoryDirectory([EXAMPLE_IS], ROWS)
        self.cache = RouteCache(self.directory, lambda: self.time, limits)

    async def ask(self, text: str) -> object:
        return await self.cache.resolve(parse_address(text))

    @property
    def lookups(self) -> int:
        return len(self.directory.lookups)


async def test_a_name_is_asked_for_once_until_it_is_old() -> None:
    scene = Scene()
    for moment in (0, 29):
        scene.time = moment
        assert await scene.ask("ada@example.is") == Routes((ADA,))
    assert scene.lookups == 1
    scene.time = 31
    await scene.ask("ada@example.is")
    assert scene.lookups == 2


async def test_unknown_names_are_soon_asked_for_again() -> None:
    scene = Scene()
    assert await scene.ask("new@example.is") == NoSuchRecipient()
    scene.directory.addresses["new@example.is"] = (BEN,)
    assert await scene.ask("new@example.is") == NoSuchRecipient()
    scene.time = 6
    assert await scene.ask("new@example.is") == Routes((BEN,))


async def test_misses_at_the_same_time_share_queries() -> None:
    scene = Scene()
    names = [f"n{number}@example.is" for number in range(50)] + ["ada@example.is"] * 50
    answers = await asyncio.gather(*(scene.ask(name) for name in names))
    assert answers == [NoSuchRecipient()] * 50 + [Routes((ADA,))] * 50
    assert scene.lookups <= 2


async def test_a_batch_is_bounded() -> None:
    scene = Scene(CacheLimits(batch=10))
    await asyncio.gather(*(scene.ask(f"n{number}+x@example.is") for number in range(95)))
    assert scene.lookups == 10
    assert max(len(names) for names, _ in scene.directory.lookups) == 20


async def test_flush_forgets_and_an_answer_from_before_it_is_not_kept() -> None:
    scene = Scene()
    asking = asyncio.create_task(scene.ask("ada@example.is"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert scene.lookups == 1
    scene.cache.flush()
    scene.directory.addresses["ada@example.is"] = (BEN,)
    await asking
    assert await scene.ask("ada@example.is") == Routes((BEN,))


async def test_one_mailbox_can_be_forgotten() -> None:
    scene = Scene()
    for name in ("ada@example.is", "crew@example.is", "ada+odd@example.is"):
        await scene.ask(name)
    scene.cache.forget([ADA.mailbox_id])
    before = scene.lookups
    await scene.ask("ada+odd@example.is")
    assert scene.lookups == before
    await scene.ask("crew@example.is")
    assert scene.lookups == before + 1


async def test_a_dictionary_attack_pushes_out_no_real_route() -> None:
    scene = Scene(CacheLimits(unnamed=10))
    scene.directory.domains["example.is"] = replace(EXAMPLE_IS, catch_all=(BEN,))
    await scene.ask("ada@example.is")
    for number in range(100):
        await scene.ask(f"guess{number}@example.is")
    assert len(scene.cache._unnamed) == 10
    before = scene.lookups
    await scene.ask("ada@example.is")
    assert scene.lookups == before


async def test_real_routes_are_bounded_too() -> None:
    scene = Scene(CacheLimits(named=10))
    for number in range(30):
        await scene.ask(f"ada+{number}@example.is")
    assert len(scene.cache._named) == 10


async def test_everybody_who_waits_hears_of_a_failure_and_the_next_question_is_asked_anew() -> None:
    scene = Scene()
    scene.directory.error = StoreUnavailable()
    answers = await asyncio.gather(*(scene.ask("ada@example.is") for _ in range(3)), return_exceptions=True)
    assert [type(found) for found in answers] == [StoreUnavailable] * 3
    scene.directory.error = None
    assert await scene.ask("ada@example.is") == Routes((ADA,))


async def test_a_session_that_goes_away_takes_no_answer_from_others() -> None:
    scene = Scene()
    first = asyncio.create_task(scene.ask("ada@example.is"))
    second = asyncio.create_task(scene.ask("ada@example.is"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == Routes((ADA,))
