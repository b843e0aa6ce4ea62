"""Fetching MTA-STS policies over real TLS on loopback: what a web site may answer, and what becomes of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import pytest
import trustme

from mailhost.adapters.policyfetch import HttpsFetcher
from mailhost.mailauth.resolver import A
from mailhost.outbound.stspolicies import FetchFailed
from mailhost.tlspolicy.mtasts import MAX_POLICY
from mailhost.tlspolicy.tlsrpt import ResultType
from tests.fakedns import FakeDns

pytestmark = pytest.mark.journey

FILE = b"version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"


class Site:
    """A web site that says `answer` to whatever it is asked; `heard` is what it was asked."""

    def __init__(self, answer: bytes, name: str = "mta-sts.other.test", *, slow: bool = False) -> None:
        self.answer = answer
        self.heard = b""
        self.slow = slow
        self.authority = trustme.CA()
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(name).configure_cert(self.tls)
        self.private = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard = await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        if self.slow:
            await asyncio.sleep(5)
        writer.close()

    @asynccontextmanager
    async def fetcher(self, *, trusts: bool = True, seconds: float = 60.0) -> AsyncIterator[HttpsFetcher]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.tls)
        context = ssl.create_default_context()
        if trusts:
            self.authority.configure_trust(context)
        dns = FakeDns({"mta-sts.other.test": [A(IPv4Address("127.0.0.1"))]})
        port = server.sockets[0].getsockname()[1]
        try:
            yield HttpsFetcher(dns, private=self.private, context=context, port=port, timeout=seconds)
        finally:
            server.close()


async def failed(site: Site, *, trusts: bool = True, seconds: float = 60.0) -> ResultType:
    async with site.fetcher(trusts=trusts, seconds=seconds) as fetcher:
        with pytest.raises(FetchFailed) as found:
            await fetcher.fetch("other.test")
    return found.value.result


async def test_the_file_comes_as_it_is_and_the_question_says_nothing_else() -> None:
    site = Site(OK + FILE)
    async with site.fetcher() as fetcher:
        assert await fetcher.fetch("other.test") == FILE
    assert site.heard.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
    assert b"Host: mta-sts.other.test\r\n" in site.heard
    assert b"python" not in site.heard.lower()
    assert b"gzip" not in site.heard


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n",
        OK.replace(b"text/plain", b"text/html") + FILE,
        b"220 mx.other.test ESMTP\r\n",
        b"",
    ],
)
async def test_what_is_no_policy_file_is_not_taken(answer: bytes) -> None:
    assert await failed(Site(answer)) is ResultType.STS_POLICY_FETCH_ERROR


async def test_the_certificate_must_be_for_the_policy_host() -> None:
    assert await failed(Site(OK + FILE, "other.test")) is ResultType.STS_WEBPKI_INVALID
    assert await failed(Site(OK + FILE), trusts=False) is ResultType.STS_WEBPKI_INVALID


async def test_a_file_without_end_is_cut_off() -> None:
    assert await failed(Site(OK + b"mx: a.test\n" * MAX_POLICY)) is ResultType.STS_POLICY_INVALID


async def test_a_site_that_never_finishes_is_left() -> None:
    assert await failed(Site(OK, slow=True), seconds=0.3) is ResultType.STS_POLICY_FETCH_ERROR


async def test_a_site_behind_our_own_firewall_is_not_called() -> None:
    site = Site(OK + FILE)
    site.private = False
    assert await failed(site) is ResultType.STS_POLICY_FETCH_ERROR
    assert site.heard == b""
