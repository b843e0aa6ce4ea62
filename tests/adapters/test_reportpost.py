"""Reports handed to web sites over real TLS on loopback: whom we talk to, what we say, and what counts as taken."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import pytest
import trustme

from mailhost.adapters.reportpost import ReportPoster
from mailhost.mailauth.resolver import A
from tests.fakedns import FakeDns

pytestmark = pytest.mark.journey

TAKEN = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SITE = "https://reports.test/v1/tls?d=other.test"


class Site:
    """A web site that says `answer`; `heard` is what it was sent, `asked` what the policy was asked."""

    def __init__(self, answer: bytes = TAKEN, name: str = "reports.test", *, allowed: bool = True) -> None:
        self.answer = answer
        self.heard = b""
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.allowed = allowed
        self.private = True
        self.patience = 20.0 if answer else 0.5
        self.authority = trustme.CA()
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(name).configure_cert(self.tls)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(6)
        writer.write(self.answer)
        if not self.answer:
            await reader.read()  # until the client has had enough
        writer.close()

    async def may(self, host: str, addresses: Sequence[str]) -> bool:
        self.asked.append((host, tuple(addresses)))
        return self.allowed

    @asynccontextmanager
    async def poster(self) -> AsyncIterator[ReportPoster]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=self.tls)
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        dns = FakeDns({"reports.test": [A(IPv4Address("127.0.0.1"))]})
        port = server.sockets[0].getsockname()[1]
        try:
            yield ReportPoster(
                dns, private=self.private, context=context, may=self.may, port=port, timeout=self.patience
            )
        finally:
            server.close()


async def posted(site: Site, url: str = SITE) -> bool:
    async with site.poster() as poster:
        return await poster.post(url, b"packed")


async def test_a_report_is_one_post_that_says_nothing_about_us() -> None:
    site = Site()
    assert await posted(site)
    assert site.heard.startswith(b"POST /v1/tls?d=other.test HTTP/1.1\r\n")
    assert site.heard.endswith(b"\r\n\r\npacked")
    for line in (b"Host: reports.test\r\n", b"Content-Type: application/tlsrpt+gzip\r\n"):
        assert line in site.heard
    assert b"python" not in site.heard.lower()
    assert site.asked == [("reports.test", ("127.0.0.1",))]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://inside.test/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
        b"220 mx.other.test ESMTP\r\n",
        b"",
    ],
    ids=["moved", "failing", "no web site", "silent"],
)
async def test_a_site_that_does_not_take_it_is_left(answer: bytes) -> None:
    assert not await posted(Site(answer))


async def test_where_the_policy_denies_the_place_nobody_is_called() -> None:
    site = Site(allowed=False)
    assert not await posted(site)
    assert site.heard == b""


async def test_a_site_behind_our_own_firewall_is_not_even_asked_about() -> None:
    site = Site()
    site.private = False
    assert not await posted(site)
    assert (site.heard, site.asked) == (b"", [])


async def test_the_certificate_must_be_for_the_site() -> None:
    site = Site(name="other.test")
    assert not await posted(site)
    assert site.heard == b""
