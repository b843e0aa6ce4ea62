"""The DNS adapter against a name server of the test's own, over UDP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from mailhost.adapters.lookups import DnsLookups
from mailhost.mailauth.resolver import A, Aaaa, DnsAnswer, DnsFailure, Mx, NoData, NoSuchName, Txt

pytestmark = pytest.mark.journey


class Server(asyncio.DatagramProtocol):
    """Answers from a zone; the AD bit always, since a stranger's resolver could do that too."""

    ZONE = (
        ("other.test.", 60, "IN", "MX", "10 mx.other.test.", "5 ."),
        ("other.test.", 60, "IN", "TXT", '"v=spf1 " "-all"'),
        ("mx.other.test.", 60, "IN", "A", "93.184.215.14"),
        ("alias.test.", 60, "IN", "CNAME", "mx.other.test."),
    )

    def connection_made(self, transport: Any) -> None:
        self.wire = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AD | dns.flags.RA
        question = query.question[0]
        name = str(question.name).lower()
        if name.startswith("broken."):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name.startswith("silent."):
            return
        sets = [dns.rrset.from_text(*row) for row in self.ZONE]
        if name == "alias.test.":
            answer.answer = [sets[3], *([sets[2]] if question.rdtype == sets[2].rdtype else [])]
        else:
            answer.answer = [one for one in sets if str(one.name) == name and one.rdtype == question.rdtype]
            if not answer.answer and not any(str(one.name).endswith(name) for one in sets):
                answer.set_rcode(answer.rcode() or dns.rcode.NXDOMAIN)
        self.wire.sendto(answer.to_wire(), addr)


@pytest.fixture
async def resolver() -> AsyncIterator[DnsLookups]:
    wire, _ = await asyncio.get_running_loop().create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    made = DnsLookups("127.0.0.1", wire.get_extra_info("sockname")[1])
    made._resolver.timeout, made._resolver.lifetime = 0.2, 0.4
    yield made
    wire.close()


async def test_every_kind_of_answer(resolver: DnsLookups) -> None:
    address = A(IPv4Address("93.184.215.14"))
    assert await resolver.lookup("mx.other.test", A) == DnsAnswer((address,), authentic=True)
    assert await resolver.lookup("MX.other.test.", A) == DnsAnswer((address,), authentic=True)
    found = await resolver.lookup("other.test", Mx)
    assert isinstance(found, DnsAnswer)
    assert set(found.records) == {Mx(10, "mx.other.test"), Mx(5, ".")}
    assert await resolver.lookup("other.test", Txt) == DnsAnswer((Txt(b"v=spf1 -all"),), authentic=True)
    assert await resolver.lookup("alias.test", A) == DnsAnswer((address,), True, "mx.other.test")


async def test_three_ways_of_not_finding(resolver: DnsLookups) -> None:
    assert await resolver.lookup("nowhere.test", A) == NoSuchName(authentic=True)
    assert await resolver.lookup("mx.other.test", Aaaa) == NoData(authentic=True)
    assert isinstance(await resolver.lookup("broken.test", A), DnsFailure)
    assert await resolver.lookup("silent.test", A) == DnsFailure("timeout")


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".test", "ümlaut.test"])
async def test_a_name_that_no_query_can_carry_is_asked_of_nobody(name: str) -> None:
    assert await DnsLookups("192.0.2.1", 53).lookup(name, A) == NoSuchName()


async def test_the_ad_bit_counts_over_loopback_only(resolver: DnsLookups) -> None:
    resolver._trusted = DnsLookups("192.0.2.1", 53)._trusted
    found = await resolver.lookup("mx.other.test", A)
    assert isinstance(found, DnsAnswer)
    assert not found.authentic
