"""Fetching a domain's MTA-STS policy: one HTTPS GET under the rules of RFC 8461 §3.3.

The certificate must be for the policy host, redirects are not followed, the answer is 200 and `text/plain`, has at
most `MAX_POLICY` octets and comes within a minute. The host is found with the cell's own resolver and, like a mail
host, must not be an address behind our own firewall: a domain must not be able to make us talk to our neighbours.
The request says nothing but what it fetches.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import httpx2

from mailhost.adapters.websites import addresses, at_address
from mailhost.mailauth.resolver import Resolver
from mailhost.outbound.stspolicies import FetchFailed
from mailhost.tlspolicy.mtasts import MAX_POLICY, policy_host, policy_url
from mailhost.tlspolicy.tlsrpt import ResultType

# RFC 8461 §3.3 suggests a minute.
TIMEOUT: Final = 60.0


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
                for address in await addresses(self._resolver, policy_host(domain), private=self._private):
                    try:
                        return await self._get(domain, address)
                    except httpx2.TransportError as error:
                        failed = FetchFailed(_result(error))
        except TimeoutError:
            pass
        raise failed from None

    async def _get(self, domain: str, address: str) -> bytes:
        url = httpx2.URL(policy_url(domain)).copy_with(port=self._port)
        async with at_address(
            self._context, "GET", url, address, {"Accept": "text/plain", "User-Agent": "MTA-STS"}, seconds=self._timeout
        ) as response:
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
