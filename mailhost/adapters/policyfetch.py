"""Fetching a domain's MTA-STS policy: one HTTPS GET under the rules of RFC 8461 §3.3.

The certificate must be for the policy host, redirects are not followed, the answer is 200 and `text/plain`, has at
most `MAX_POLICY` octets and comes within a minute. The host is found with the cell's own resolver and, like a mail
host, must not be an address behind our own firewall: a domain must not be able to make us talk to our neighbours.
The request says nothing but what it fetches.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from typing import Final

import httpx2

from mailhost.mailauth.resolver import A, Aaaa, DnsAnswer, Resolver
from mailhost.mxwalk import is_public
from mailhost.stspolicies import FetchFailed
from mailhost.tlspolicy.mtasts import MAX_POLICY, policy_host, policy_url
from mailhost.tlspolicy.tlsrpt import ResultType

# RFC 8461 §3.3 suggests a minute.
TIMEOUT: Final = 60.0
# Addresses of the web site that are tried.
MAX_TRIED: Final = 4


class HttpsFetcher:
    """`stspolicies.PolicyFetcher`. `private` allows loopback and private addresses, for a laboratory."""

    def __init__(
        self, resolver: Resolver, *, private: bool, context: ssl.SSLContext, port: int = 443, timeout: float = TIMEOUT
    ) -> None:
        self._resolver = resolver
        self._private = private
        self._context = context
        self._port = port
        self._timeout = timeout

    async def fetch(self, domain: str) -> bytes:
        failed = FetchFailed(ResultType.STS_POLICY_FETCH_ERROR)
        try:
            async with asyncio.timeout(self._timeout):
                for address in await self._addresses(policy_host(domain)):
                    try:
                        return await self._get(domain, address)
                    except httpx2.TransportError as error:
                        failed = FetchFailed(_result(error))
        except TimeoutError:
            pass
        raise failed from None

    async def _addresses(self, host: str) -> list[str]:
        found: list[str] = []
        for answer in (await self._resolver.lookup(host, Aaaa), await self._resolver.lookup(host, A)):
            if isinstance(answer, DnsAnswer):
                found += [str(one.address) for one in answer.records if self._private or is_public(one.address)]
        return found[:MAX_TRIED]

    async def _get(self, domain: str, address: str) -> bytes:
        url = httpx2.URL(policy_url(domain))
        literal = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
        transport = httpx2.AsyncHTTPTransport(verify=self._context, trust_env=False)
        async with (
            httpx2.AsyncClient(transport=transport, trust_env=False, timeout=self._timeout) as client,
            client.stream(
                "GET",
                url.copy_with(host=literal, port=self._port),
                headers={
                    "Host": url.host,
                    "Accept": "text/plain",
                    "Accept-Encoding": "identity",
                    "User-Agent": "MTA-STS",
                },
                # The name in the handshake is the one that the certificate is checked against.
                extensions={"sni_hostname": url.host},
                follow_redirects=False,
            ) as response,
        ):
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if response.status_code != httpx2.codes.OK or kind != "text/plain":
                raise FetchFailed(ResultType.STS_POLICY_FETCH_ERROR)
            content = b""
            # Raw: a small packed answer must not become a large one here.
            async for part in response.aiter_raw():
                content += part
                if len(content) > MAX_POLICY:
                    raise FetchFailed(ResultType.STS_POLICY_INVALID)
            return content


def _result(error: Exception) -> ResultType:
    """Whether the certificate was the trouble: RFC 8460 §4.3.2.2 has a word of its own for that."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return ResultType.STS_WEBPKI_INVALID
        cause = cause.__cause__ or cause.__context__
    return ResultType.STS_POLICY_FETCH_ERROR
