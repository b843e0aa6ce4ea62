"""The walk from a domain to the addresses of its mail hosts, and everything a zone may do to mislead it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from mailhost.mailauth.resolver import A, Aaaa, Cname, Mx, Txt
from mailhost.outbound.mxwalk import (
    MAX_ADDRESSES,
    MAX_EXCHANGERS,
    UNKNOWN_HOST,
    Later,
    NoMail,
    Target,
    Targets,
    Walk,
    by_relay,
    is_public,
    walk,
)
from tests.fakedns import FakeDns

ONE, TWO = A(IPv4Address("93.184.215.14")), A(IPv4Address("93.184.215.15"))


async def test_exchangers_come_by_preference_and_ipv6_first() -> None:
    dns = FakeDns(
        {
            "other.test": [Mx(20, "b.other.test"), Mx(10, "A.other.test.")],
            "a.other.test": [ONE, Aaaa(IPv6Address("2606:2800:21f::1"))],
            "b.other.test": [TWO],
        }
    )
    assert await walk(dns, "other.test", private=False) == Targets(
        (
            Target("a.other.test", "2606:2800:21f::1"),
            Target("a.other.test", "93.184.215.14"),
            Target("b.other.test", "93.184.215.15"),
        )
    )


async def test_equal_preferences_are_shuffled_and_only_those() -> None:
    dns = FakeDns({"other.test": [Mx(5, "z.test"), Mx(10, "a.test"), Mx(10, "b.test")]})
    for name in ("z.test", "a.test", "b.test"):
        dns.add(name, ONE)
    found = await walk(dns, "other.test", private=False, shuffle=lambda group: group.reverse())
    assert isinstance(found, Targets)
    assert [target.name for target in found.targets] == ["z.test", "b.test", "a.test"]


async def test_without_mx_the_domain_itself_is_the_host() -> None:
    assert await walk(FakeDns({"other.test": [ONE]}), "other.test", private=False) == Targets(
        (Target("other.test", "93.184.215.14"),)
    )


@pytest.mark.parametrize(
    ("zone", "result"),
    [
        ({"other.test": [Mx(0, ".")]}, NoMail("null_mx")),
        ({}, NoMail("no_such_domain")),
        ({"other.test": [Txt(b"nothing")]}, NoMail("no_address")),
        ({"other.test": [Mx(10, "gone.test")]}, NoMail("no_address")),
        ({"other.test": [Mx(10, "mx.test")], "mx.test": [A(IPv4Address("127.0.0.1"))]}, NoMail("private_target")),
        ({"other.test": [Mx(10, "loop.test")], "loop.test": [Cname("loop.test")]}, Later("dns_failed")),
        ({"other.test": [Mx(10, "alias.test")], "alias.test": [Cname("mx.test")], "mx.test": [ONE]}, Targets((Target("alias.test", "93.184.215.14", canonical="mx.test"),))),
    ],
)  # fmt: skip
async def test_what_a_zone_may_say(zone: dict[str, list[object]], result: object) -> None:
    assert await walk(FakeDns(zone), "other.test", private=False) == result  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "result"),
    [
        ([Mx(10, "mx.test"), Mx(20, "Us.test."), Mx(30, "later.test")], Targets((Target("mx.test", "93.184.215.14"),))),
        ([Mx(10, "us.test"), Mx(10, "mx.test")], NoMail("points_here")),
        ([ONE], Targets((Target("other.test", "93.184.215.14"),))),
    ],
)
async def test_a_host_in_the_list_passes_mail_to_better_ones_only(zone: list[Mx | A], result: object) -> None:
    dns = FakeDns({"other.test": zone, "mx.test": [ONE], "us.test": [ONE], "later.test": [ONE]})
    assert await walk(dns, "other.test", private=False, own="us.test") == result
    assert await walk(dns, "us.test", private=False, own="us.test") == NoMail("points_here")


@pytest.mark.parametrize(
    "domain", ["[192.0.2.1]", "[IPv6:2001:db8::1]", "under_score.test", "two..dots.test", "-x.test"]
)
async def test_what_is_no_name_leads_nowhere(domain: str) -> None:
    assert await walk(FakeDns({}), domain, private=False) == NoMail("no_such_domain")


async def test_a_failure_never_becomes_a_bounce() -> None:
    dns = FakeDns({"other.test": [Mx(10, "mx.test")]})
    dns.fail.add("mx.test")
    assert await walk(dns, "other.test", private=False) == Later("dns_failed")
    dns.fail.add("other.test")
    assert await walk(dns, "other.test", private=False) == Later("dns_failed")


async def test_one_broken_exchanger_does_not_hide_the_others() -> None:
    dns = FakeDns({"other.test": [Mx(1, "bad.test"), Mx(2, "good.test")], "good.test": [ONE]})
    dns.fail.add("bad.test")
    assert isinstance(await walk(dns, "other.test", private=False), Targets)


async def test_a_zone_of_many_hosts_is_bounded() -> None:
    dns = FakeDns({"other.test": [Mx(n, f"mx{n}.test") for n in range(100)]})
    for n in range(100):
        dns.add(f"mx{n}.test", *[A(IPv4Address(f"93.184.{n}.{m}")) for m in range(50)])
    found = await walk(dns, "other.test", private=False)
    assert isinstance(found, Targets)
    assert len(found.targets) == MAX_ADDRESSES
    assert len({name for name, _ in dns.asked}) == 1 + MAX_EXCHANGERS


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.1.1", "0.0.0.0", "224.0.0.1", "100.64.0.1", "::1", "::",
     "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
     "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::1", "2002:a00:1::"],
)  # fmt: skip
def test_addresses_that_are_no_other_host(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1", "64:ff9b::5db8:d70e", "2002:5db8:d70e::1"])
def test_addresses_that_may_be_another_host(address: str) -> None:
    assert is_public(ip_address(address))


RELAY, HOST = Target("relay.test", "93.184.215.99", 587), Target("mx.other.test", "93.184.215.14")


def test_the_hosts_behind_a_relay_are_known_and_not_called() -> None:
    assert by_relay((RELAY,), Targets((HOST,))) == Targets((RELAY,), beyond=(HOST,))
    assert by_relay((RELAY,), Targets((RELAY, HOST))) == Targets((RELAY,), beyond=(HOST,))
    assert by_relay((RELAY,), Targets(())) == Targets((RELAY,)), "in a laboratory there are none"


@pytest.mark.parametrize("reason", ["no_such_domain", "no_address", "private_target"])
def test_a_domain_that_only_the_relay_knows_leads_to_nobody_knows_where(reason: str) -> None:
    assert by_relay((RELAY,), NoMail(reason)) == Targets((RELAY,), beyond=(UNKNOWN_HOST,))
    assert not is_public(ip_address(UNKNOWN_HOST.address))


@pytest.mark.parametrize("said", [NoMail("null_mx"), NoMail("points_here"), Later("dns_failed")])
def test_what_a_domain_says_of_itself_holds_over_a_relay_too(said: Walk) -> None:
    assert by_relay((RELAY,), said) == said


async def test_a_laboratory_may_allow_them() -> None:
    found = await walk(FakeDns({"other.test": [A(IPv4Address("127.0.0.1"))]}), "other.test", private=True)
    assert isinstance(found, Targets)
    assert found.targets[0].loopback


async def test_a_path_is_signed_only_from_the_domain_to_the_address() -> None:
    dns = FakeDns({"other.test": [Mx(5, "a.test"), Mx(10, "b.test")], "a.test": [ONE], "b.test": [TWO]})
    for signed, expected in (
        (set(), [False, False]),
        ({"other.test"}, [False, False]),
        ({"a.test", "b.test"}, [False, False]),
        ({"other.test", "b.test"}, [False, True]),
    ):
        dns.authentic = signed
        found = await walk(dns, "other.test", private=False)
        assert isinstance(found, Targets)
        assert [target.signed for target in found.targets] == expected
    dns = FakeDns({"other.test": [ONE]})
    dns.authentic = {"other.test"}
    assert await walk(dns, "other.test", private=False) == Targets(
        (Target("other.test", "93.184.215.14", signed=True),)
    )
