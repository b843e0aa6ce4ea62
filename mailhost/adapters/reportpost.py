"""Handing a TLS report to a web site (RFC 8460 §5.4): one POST, and what it answers is not read.

The site is named by the domain that the report is about, so everything in `websites` holds, and the policy of whoever
reports is asked about the site's place before a word is said. A report that no site takes is gone: it is statistics,
and the domain may name an address for mail beside the site.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import httpx2

from mailhost.adapters.websites import addresses, at_address
from mailhost.mailauth.resolver import Resolver

# Seconds for all addresses of a site together.
TIMEOUT: Final = 30.0

type May = Callable[[str, Sequence[str]], Awaitable[bool]]


class ReportPoster:
    """`may` says whether a report may go to a host at these addresses."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        private: bool,
        context: ssl.SSLContext,
        may: May,
        port: int = 443,
        timeout: float = TIMEOUT,
    ) -> None:
        self._resolver = resolver
        self._private = private
        self._context = context
        self._may = may
        self._port = port
        self._timeout = timeout

    async def post(self, site: str, packed: bytes) -> bool:
        """Whether the site took the report; `site` is one of `tlsrpt.report_sites`. Raises StoreUnavailable."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(httpx2.URL(site).copy_with(port=self._port), packed)
        except (TimeoutError, httpx2.InvalidURL):
            return False

    async def _post(self, url: httpx2.URL, packed: bytes) -> bool:
        found = await addresses(self._resolver, url.host, private=self._private)
        if not found or not await self._may(url.host, found):
            return False
        headers = {"Content-Type": "application/tlsrpt+gzip", "User-Agent": "TLS-RPT"}
        for address in found:
            try:
                async with at_address(
                    self._context, "POST", url, address, headers, content=packed, seconds=self._timeout
                ) as response:
                    # RFC 8460 §5.4: success is 200 or 201; sites in use also say 202 and 204.
                    return response.is_success
            except httpx2.TransportError:
                continue
        return False
