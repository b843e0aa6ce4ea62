"""rspamd as the content filter: one HTTP request a message, whose failure is nobody's (`POST /checkv2`).

It must run on this machine with its history, its fuzzy storage and all logging of content off, since it sees mail in
clear (`docs/operations.md`). In: envelope and content. Out: a `Finding`, or None. Large messages are not sent: spam is
small, and the filter would hold a second copy. An answer that is late, long or no JSON counts as none.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import httpx2

from mailhost.deliver import Envelope
from mailhost.ports import Metrics
from mailhost.reputation.weighing import Finding

# Octets of a message that are still worth the filter's time, and of its answer: names and scores of some rules.
MAX_MESSAGE: Final = 2 * 1024 * 1024
MAX_ANSWER: Final = 256 * 1024
# Requests at the same time; rspamd has one worker a core.
AT_ONCE: Final = 16
# Seconds for connecting, and for each read and write; the whole is bounded by the judge.
CONNECTING: Final = 1.0
WAITING: Final = 5.0

# https://docs.rspamd.com: the actions of rspamd, from least to most.
_FINDINGS: Final[Mapping[str, Finding]] = {
    "greylist": Finding.FILTER_DOUBTS,
    "soft reject": Finding.FILTER_DOUBTS,
    "add header": Finding.FILTER_SUSPECTS,
    "rewrite subject": Finding.FILTER_SUSPECTS,
    "quarantine": Finding.FILTER_SUSPECTS,
    "reject": Finding.FILTER_REJECTS,
    "discard": Finding.FILTER_REJECTS,
}


class Rspamd:
    """`reputation.judge.ContentFilter` over rspamd's worker at `url`."""

    def __init__(self, url: str, metrics: Metrics, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._client = httpx2.AsyncClient(
            base_url=url,
            transport=transport,
            timeout=httpx2.Timeout(WAITING, connect=CONNECTING),
            limits=httpx2.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
            trust_env=False,
            follow_redirects=False,
        )
        self._metrics = metrics
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def opinion(self, envelope: Envelope, content: bytearray, name: str) -> Finding | None:
        if len(content) > MAX_MESSAGE:
            self._metrics.count("content_filter", "too_large")
            return None
        try:
            async with self._turn:
                action = await self._ask(_headers(envelope, name), bytes(content))
        except (httpx2.HTTPError, ValueError, TypeError):
            self._metrics.count("content_filter", "failed")
            return None
        self._metrics.count("content_filter", "answered")
        return _FINDINGS.get(action)

    async def _ask(self, headers: dict[str, str], content: bytes) -> str:
        """The action. Raises HTTPError, ValueError."""
        answer = bytearray()
        async with self._client.stream("POST", "/checkv2", content=content, headers=headers) as response:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                answer += piece
                if len(answer) > MAX_ANSWER:
                    raise ValueError("the answer is too long")
        whole = json.loads(answer)
        if not isinstance(whole, dict) or not isinstance(whole.get("action"), str):
            raise TypeError("the answer names no action")
        return str(whole["action"])

    async def close(self) -> None:
        await self._client.aclose()


def _headers(envelope: Envelope, name: str) -> dict[str, str]:
    """What the filter may know beside the message. Recipients are not told: it needs none of them."""
    return {
        "IP": envelope.client.address.removeprefix("::ffff:"),
        "Hostname": quote(name, safe="._-") or "unknown",
        "Helo": quote(envelope.client.helo, safe="[]:._-"),
        "From": quote(str(envelope.sender or ""), safe="@._+-="),
    }
