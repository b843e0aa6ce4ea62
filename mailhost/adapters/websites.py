"""Web sites that strangers' DNS names: found with the cell's own resolver, and never behind our own firewall.

Whoever publishes a record can make us talk to a host of their choice. So the name is looked up here, addresses that
are not public are passed over, the connection goes to the address that was judged and to no other (no second look-up
in between), the certificate must be for the name, and no redirect is followed. A request says nothing about us.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx2

from mailhost.mailauth.resolver import A, Aaaa, DnsAnswer, Resolver
from mailhost.outbound.mxwalk import is_public

# Addresses of one web site that are tried.
MAX_TRIED: Final = 4


async def addresses(resolver: Resolver, host: str, *, private: bool) -> list[str]:
    """Where a site stands; `private` allows loopback and private addresses, for a laboratory."""
    found: list[str] = []
    for answer in (await resolver.lookup(host, Aaaa), await resolver.lookup(host, A)):
        if isinstance(answer, DnsAnswer):
            found += [str(one.address) for one in answer.records if private or is_public(one.address)]
    return found[:MAX_TRIED]


@asynccontextmanager
async def at_address(
    context: ssl.SSLContext,
    method: str,
    url: httpx2.URL,
    address: str,
    headers: Mapping[str, str],
    *,
    content: bytes | None = None,
    seconds: float,
) -> AsyncIterator[httpx2.Response]:
    """The answer of the site at this very address, its body not read yet. Raises httpx2.TransportError."""
    literal = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    transport = httpx2.AsyncHTTPTransport(verify=context, trust_env=False)
    async with (
        httpx2.AsyncClient(transport=transport, trust_env=False, timeout=seconds) as client,
        client.stream(
            method,
            url.copy_with(host=literal),
            content=content,
            headers={"Host": url.host, "Accept-Encoding": "identity", **headers},
            # The name in the handshake is the one that the certificate is checked against.
            extensions={"sni_hostname": url.host},
            follow_redirects=False,
        ) as response,
    ):
        yield response
