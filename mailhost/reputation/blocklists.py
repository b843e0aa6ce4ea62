"""What the DNS says about a client: block lists (RFC 5782), and whether its reverse name leads back to it.

A block list is a zone: the address backwards in front of it has an A record if it is listed. Lists answer within
127.0.0.0/8; what else comes is a wildcard of whoever bought a dead list's domain. 127.255.255.0/24 is how lists
say that they do not want to be asked (through a public resolver, too often). Such answers, time-outs and failures
count as "not listed": a list that is down must not stop mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Network

from mailhost.mailauth.resolver import A, Aaaa, DnsAnswer, DnsFailure, Ptr, Resolver, reverse_name
from mailhost.reputation.sources import Ip

# RFC 5782 §2.1: listed addresses have A records in this network, conventionally 127.0.0.2.
LISTED = IPv4Network("127.0.0.0/8")
# How the large lists say "you may not ask".
ERRORS = IPv4Network("127.255.255.0/24")
# Reverse names that are looked up, as many as RFC 7208 §4.6.4 allows for "ptr".
MAX_NAMES = 10


async def listings(address: Ip, zones: Sequence[str], resolver: Resolver) -> int:
    """How many of the block lists list the client."""
    # RFC 5782 §2.4: for IPv6 the nibbles are reversed, as under ip6.arpa.
    labels = reverse_name(address).removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    answers = await asyncio.gather(*(resolver.lookup(f"{labels}.{zone}", A) for zone in zones))
    return sum(
        isinstance(answer, DnsAnswer)
        and any(one.address in LISTED and one.address not in ERRORS for one in answer.records)
        for answer in answers
    )


async def confirmed_name(address: Ip, resolver: Resolver) -> str | None:
    """The client's reverse name that leads back to its address (RFC 8601 §3, "iprev"), "" for none; None: no answer."""
    found = await resolver.lookup(reverse_name(address), Ptr)
    if isinstance(found, DnsFailure):
        return None
    if not isinstance(found, DnsAnswer):
        return ""
    names = [one.target for one in found.records[:MAX_NAMES]]
    forwards = await asyncio.gather(*(_leads_to(name, address, resolver) for name in names))
    if True in forwards:
        return names[forwards.index(True)]
    return None if None in forwards else ""


async def _leads_to(name: str, address: Ip, resolver: Resolver) -> bool | None:
    """Whether `name` has this address; None: no answer."""
    found = await resolver.lookup(name, A) if address.version == 4 else await resolver.lookup(name, Aaaa)
    if isinstance(found, DnsFailure):
        return None
    return isinstance(found, DnsAnswer) and any(one.address == address for one in found.records)
