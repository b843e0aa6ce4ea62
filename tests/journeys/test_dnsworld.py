"""The DNS world of the journeys does what they rely on, seen through our own resolver adapter."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from mailhost.adapters.lookups import DnsLookups
from mailhost.mailauth.resolver import (
    A,
    Cname,
    DnsAnswer,
    DnsFailure,
    Lookup,
    Mx,
    NoData,
    NoSuchName,
    Ptr,
    Rdata,
    Tlsa,
    Txt,
    reverse_name,
)
from tests.servers.dnsworld import DnsWorld, Signing, Zone, dns_world

pytestmark = pytest.mark.journey

HERE = IPv4Address("127.0.0.1")
RECORDS: dict[str, list[Rdata]] = {
    "example.is": [Mx(10, "mx.example.is"), Txt(b'v=spf1 "quoted" \\ -all'), Txt(b"x" * 600)],
    "mx.example.is": [A(HERE)],
    "_25._tcp.mx.example.is": [Tlsa(3, 1, 1, bytes(32))],
    "www.example.is": [Cname("mx.example.is")],
    "plain.test": [Mx(5, "mx.plain.test")],
    "broken.test": [Mx(5, "mx.plain.test")],
    "loose.example": [Txt(b"in no zone")],
    reverse_name(HERE): [Ptr("mx.example.is")],
}
ZONES = (
    Zone("example.is"),
    Zone("plain.test", Signing.NONE),
    Zone("broken.test", Signing.BROKEN),
    Zone("127.in-addr.arpa", Signing.NONE),
)


@pytest.fixture(scope="module")
def world() -> Iterator[DnsWorld]:
    with dns_world(RECORDS, ZONES) as made:
        yield made


async def look[R: (A, Cname, Mx, Ptr, Tlsa, Txt)](world: DnsWorld, name: str, kind: type[R]) -> Lookup[R]:
    host, _, port = world.resolver.rpartition(":")
    return await DnsLookups(host, int(port)).lookup(name, kind)


async def test_signed_answers_are_authentic_and_others_are_not(world: DnsWorld) -> None:
    assert await look(world, "example.is", Mx) == DnsAnswer((Mx(10, "mx.example.is"),), authentic=True)
    assert await look(world, "_25._tcp.mx.example.is", Tlsa) == DnsAnswer((Tlsa(3, 1, 1, bytes(32)),), authentic=True)
    assert await look(world, "plain.test", Mx) == DnsAnswer((Mx(5, "mx.plain.test"),))
    assert await look(world, "loose.example", Txt) == DnsAnswer((Txt(b"in no zone"),))
    assert await look(world, reverse_name(HERE), Ptr) == DnsAnswer((Ptr("mx.example.is"),))


async def test_texts_come_back_octet_by_octet(world: DnsWorld) -> None:
    answer = await look(world, "example.is", Txt)
    assert isinstance(answer, DnsAnswer)
    assert {one.text for one in answer.records} == {b'v=spf1 "quoted" \\ -all', b"x" * 600}


async def test_the_ways_of_finding_nothing_are_kept_apart(world: DnsWorld) -> None:
    assert await look(world, "mx.example.is", Mx) == NoData(authentic=True)
    assert isinstance(await look(world, "nobody.example.is", Mx), NoSuchName)
    assert isinstance(await look(world, "nowhere.nothing", Mx), NoSuchName)
    assert isinstance(await look(world, "broken.test", Mx), DnsFailure)


async def test_changes_are_seen_at_once_and_stay_signed(world: DnsWorld) -> None:
    world.put("new.example.is", Txt(b"one"), Mx(1, "mx.example.is"))
    assert await look(world, "new.example.is", Txt) == DnsAnswer((Txt(b"one"),), authentic=True)
    world.put("new.example.is", Txt(b"two"))
    assert await look(world, "new.example.is", Txt) == DnsAnswer((Txt(b"two"),), authentic=True)
    assert isinstance(await look(world, "new.example.is", Mx), DnsAnswer)
    world.drop("new.example.is", Txt)
    assert await look(world, "new.example.is", Txt) == NoData(authentic=True)
    world.drop("new.example.is")
    assert isinstance(await look(world, "new.example.is", Mx), NoSuchName)
    assert await look(world, "www.example.is", A) == DnsAnswer((A(HERE),), authentic=True, canonical="mx.example.is")


async def test_a_name_fails_or_falls_silent_until_healed(world: DnsWorld) -> None:
    world.fail("plain.test")
    assert isinstance(await look(world, "plain.test", Mx), DnsFailure)
    assert isinstance(await look(world, "example.is", Mx), DnsAnswer)
    world.heal("plain.test")
    assert isinstance(await look(world, "plain.test", Mx), DnsAnswer)
    world.fail("example.is")
    assert isinstance(await look(world, "mx.example.is", A), DnsFailure)
    world.heal("example.is")
    assert await look(world, "mx.example.is", A) == DnsAnswer((A(HERE),), authentic=True)


@pytest.mark.slow
async def test_silence_is_a_time_out(world: DnsWorld) -> None:
    world.silence("plain.test")
    assert await look(world, "plain.test", Mx) == DnsFailure("timeout")
    world.heal("plain.test")
    assert isinstance(await look(world, "plain.test", Mx), DnsAnswer)
