"""pyspf, an implementation that shares nothing with ours, judges generated policies as we do."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mailhost.mailauth.resolver import A, Aaaa, Mx, Ptr, Rdata, Txt
from mailhost.mailauth.spf import Client, check
from tests.fakedns import FakeDns
from tests.mailauth.oracles import pyspf

NOW = datetime(2025, 1, 2, 10, 0, tzinfo=UTC)
NAMES = ["example.is", "demo.test", "mail.example.is", "_spf.demo.test", "nobody.test"]
IP4 = ["192.0.2.1", "192.0.2.77", "198.51.100.9"]
IP6 = ["2001:db8::1", "2001:db8:1::7"]

_NAME = st.sampled_from([*NAMES, "%{d}", "%{l}.users.example.is", "%{ir}.rbl.test"])
_TERM = st.one_of(
    st.sampled_from(["a", "mx", "ptr", "a/24", "mx//32", "a:mail.example.is/28//64", "ip4:192.0.2.0/26", "bad:term"]),
    st.sampled_from(["ip6:2001:db8::/48", "ip4:198.51.100.9", "ip4:1.2.3", "ip6:::1", "exp=why.test"]),
    st.builds("{}:{}".format, st.sampled_from(["a", "mx", "include", "exists", "ptr"]), _NAME),
    st.builds("redirect={}".format, _NAME),
)
_SIGN = st.sampled_from(["", "-", "~", "?", "+"])
_RECORD = st.builds(
    lambda terms, end: " ".join(["v=spf1", *terms, *end]),
    st.lists(st.builds(lambda sign, term: term if "=" in term else sign + term, _SIGN, _TERM), max_size=4),
    st.sampled_from([[], ["-all"], ["~all"], ["?all"]]),
)
_RECORDS: st.SearchStrategy[list[Rdata]] = st.lists(
    st.one_of(
        st.sampled_from(IP4).map(lambda ip: A(IPv4Address(ip))),
        st.sampled_from(IP6).map(lambda ip: Aaaa(IPv6Address(ip))),
        st.sampled_from(NAMES).map(lambda name: Mx(10, name)),
    ),
    max_size=3,
    unique=True,
)


def _zone(policies: dict[str, str], records: dict[str, list[Rdata]], reverse: str) -> FakeDns:
    dns = FakeDns(records)
    for name, text in policies.items():
        dns.add(name, Txt(text.encode()))
    for ip in (*IP4, *IP6):
        dns.add(ip_address(ip).reverse_pointer, Ptr(reverse))
    return dns


ZONES = st.builds(
    _zone,
    st.dictionaries(st.sampled_from(NAMES[:4]), _RECORD, max_size=4),
    st.dictionaries(st.sampled_from(NAMES[:4]), _RECORDS, max_size=4),
    st.sampled_from(NAMES),
)


def theirs(dns: FakeDns, ip: str) -> str:
    def lookup(name: str, kind: str, *_: Any) -> Iterator[tuple[tuple[str, str], Any]]:
        for record in dns.zone.get(name.lower().removesuffix("."), []):
            match record:
                case A(address) if kind == "A":
                    yield (name, kind), str(address)
                case Aaaa(address) if kind == "AAAA":
                    yield (name, kind), address.packed
                case Mx(preference, exchange) if kind == "MX":
                    yield (name, kind), (preference, exchange)
                case Txt(text) if kind == "TXT":
                    yield (name, kind), (text,)
                case Ptr(target) if kind == "PTR":
                    yield (name, kind), target

    query = pyspf.query(i=ip, s="ada@example.is", h="mail.example.is", strict=True)
    before = pyspf.DNSLookup, pyspf.MAX_VOID_LOOKUPS
    pyspf.DNSLookup, pyspf.MAX_VOID_LOOKUPS = lookup, 1000
    try:
        return str(query.check()[0])
    finally:
        pyspf.DNSLookup, pyspf.MAX_VOID_LOOKUPS = before


@pytest.mark.slow  # two judges of many records
@settings(max_examples=200, deadline=None)
@given(ZONES, st.sampled_from([*IP4, *IP6]))
def test_pyspf_comes_to_the_same_result(dns: FakeDns, ip: str) -> None:
    client = Client(ip_address(ip), "mail.example.is")
    ours = asyncio.run(check(client, "ada@example.is", dns, now=NOW))
    # pyspf counts the names of ptr against the policy as well; RFC 7208 §4.6.4 leaves that open.
    assume("have no records" not in ours.problem)
    assert ours.result == theirs(dns, ip), ours
