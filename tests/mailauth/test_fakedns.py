"""The tests' DNS answers as a real resolver would; a real one is held to the same."""

from ipaddress import IPv4Address

import pytest

from mailhost.mailauth.resolver import (
    A,
    Cname,
    DnsAnswer,
    DnsFailure,
    Mx,
    NoData,
    NoSuchName,
    Resolver,
    Txt,
    askable,
    reverse_name,
)
from tests.fakedns import FakeDns

ADDRESS = A(IPv4Address("192.0.2.1"))


@pytest.fixture
def dns() -> Resolver:
    fake = FakeDns(
        {
            "mail.example.is": [ADDRESS, Txt(b"one"), Txt(b"two")],
            "www.example.is": [Cname("web.example.is.")],
            "web.example.is": [Cname("MAIL.example.is")],
            "loop.example.is": [Cname("loop.example.is")],
            "dangling.example.is": [Cname("gone.demo.test")],
            "signed.example.is": [ADDRESS],
            "half.example.is": [Cname("signed.example.is")],
        }
    )
    fake.fail.update({"slow.example.is", ("mail.example.is", Mx)})
    fake.authentic.add("signed.example.is")
    return fake


async def test_answers(dns: Resolver) -> None:
    assert await dns.lookup("Mail.Example.IS.", A) == DnsAnswer((ADDRESS,))
    assert await dns.lookup("mail.example.is", Txt) == DnsAnswer((Txt(b"one"), Txt(b"two")))


async def test_aliases_are_followed_and_named(dns: Resolver) -> None:
    assert await dns.lookup("www.example.is", A) == DnsAnswer((ADDRESS,), canonical="mail.example.is")
    assert await dns.lookup("www.example.is", Cname) == DnsAnswer((Cname("web.example.is."),))
    assert await dns.lookup("dangling.example.is", A) == NoSuchName()
    assert isinstance(await dns.lookup("loop.example.is", A), DnsFailure)


async def test_nothing_is_told_from_no_such_name(dns: Resolver) -> None:
    assert await dns.lookup("web.example.is", Mx) == DnsFailure("SERVFAIL")
    assert await dns.lookup("signed.example.is", Mx) == NoData(authentic=True)
    # RFC 8020: a name with something below it exists.
    assert await dns.lookup("example.is", A) == NoData()
    assert await dns.lookup("nobody.example.is", A) == NoSuchName()


async def test_failures(dns: Resolver) -> None:
    assert isinstance(await dns.lookup("slow.example.is", A), DnsFailure)
    assert isinstance(await dns.lookup("mail.example.is", Mx), DnsFailure)


async def test_an_answer_is_authentic_only_if_all_of_it_is(dns: Resolver) -> None:
    assert await dns.lookup("signed.example.is", A) == DnsAnswer((ADDRESS,), authentic=True)
    assert await dns.lookup("half.example.is", A) == DnsAnswer((ADDRESS,), canonical="signed.example.is")


@pytest.mark.parametrize("name", ["", ".", "a..b", "a" * 64 + ".is", "é.is", ".".join(["abcdefgh"] * 29)])
async def test_names_no_query_can_carry_do_not_exist(dns: Resolver, name: str) -> None:
    assert not askable(name)
    assert await dns.lookup(name, A) == NoSuchName()


def test_reverse_names() -> None:
    assert reverse_name(IPv4Address("192.0.2.1")) == "1.2.0.192.in-addr.arpa"
