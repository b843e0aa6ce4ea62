"""The content filter's answers, good and bad, without a socket."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from mailhost.adapters.rspamd import MAX_ANSWER, MAX_MESSAGE, Rspamd
from mailhost.deliver import Client, Envelope, Recipient
from mailhost.message.address import parse_address
from mailhost.reputation.weighing import Finding
from tests.fakes import CountedMetrics
from tests.people import ADA

ENVELOPE = Envelope(
    parse_address("cleo@demo.test"),
    Client("::ffff:192.0.2.1", 'mail.demo.test\r\nX: "y', "ESMTPS"),
    recipients=[Recipient(parse_address("ada@example.is"), (ADA,))],
)


class Answering(httpx2.AsyncBaseTransport):
    """Answers with a body and a status, or fails; `asked` keeps the requests."""

    def __init__(self, body: bytes = b"{}", status: int = 200, error: Exception | None = None) -> None:
        self.body, self.status, self.error = body, status, error
        self.asked: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return httpx2.Response(self.status, content=self.body)


async def opinion(transport: Answering, content: bytes = b"x") -> tuple[Finding | None, CountedMetrics]:
    metrics = CountedMetrics()
    filter_ = Rspamd("http://127.0.0.1:11333", metrics, transport)
    try:
        return await filter_.opinion(ENVELOPE, bytearray(content), "mail.demo.test"), metrics
    finally:
        await filter_.close()


@pytest.mark.parametrize(
    ("action", "finding"),
    [
        ("no action", None),
        ("greylist", Finding.FILTER_DOUBTS),
        ("soft reject", Finding.FILTER_DOUBTS),
        ("add header", Finding.FILTER_SUSPECTS),
        ("rewrite subject", Finding.FILTER_SUSPECTS),
        ("reject", Finding.FILTER_REJECTS),
        ("invented tomorrow", None),
    ],
)
async def test_each_action(action: str, finding: Finding | None) -> None:
    found, metrics = await opinion(Answering(json.dumps({"action": action, "score": 3.1}).encode()))
    assert found is finding
    assert metrics.counts == {("content_filter", "answered"): 1}


async def test_it_is_told_the_sender_and_no_recipient() -> None:
    transport = Answering(b'{"action": "no action"}')
    await opinion(transport, b"Subject: x\r\n\r\n")
    (request,) = transport.asked
    assert str(request.url) == "http://127.0.0.1:11333/checkv2"
    assert (request.headers["IP"], request.headers["From"]) == ("192.0.2.1", "cleo@demo.test")
    assert request.headers["Hostname"] == "mail.demo.test"
    assert "\r" not in request.headers["Helo"]
    assert "ada" not in str(request.headers)


@pytest.mark.parametrize(
    "transport",
    [
        Answering(b"<html>"),
        Answering(b"[]"),
        Answering(b'{"action": 3}'),
        Answering(b"\xff\xfe"),
        Answering(b"{" + b" " * MAX_ANSWER + b"}"),
        Answering(status=500),
        Answering(status=302),
        Answering(error=httpx2.ConnectError("refused")),
        Answering(error=httpx2.ReadTimeout("late")),
        Answering(error=httpx2.RemoteProtocolError("garbage")),
    ],
)
async def test_a_filter_that_fails_says_nothing(transport: Any) -> None:
    found, metrics = await opinion(transport)
    assert found is None
    assert metrics.counts == {("content_filter", "failed"): 1}


async def test_a_large_message_is_not_sent() -> None:
    transport = Answering()
    found, _ = await opinion(transport, b"x" * (MAX_MESSAGE + 1))
    assert found is None
    assert transport.asked == []
