"""`POST /evidence/challenge`: the cell answers over its stored blobs while somebody elsewhere counts milliseconds.

Answered before Django, because each millisecond that is spent here reads as a hundred kilometres. One challenge at a
time and none again within `PAUSE`, a few pages of the disk each: nobody can keep the machine busy with it. The body
is a nonce in hex; the reply is JSON with the answer in hex, the number of blobs it is over, and the hour before which
they were stored: mail that came since is left out, so that the answer can be checked later.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from jurisdiction.evidence import NONCE_BYTES
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.nearness import pool, respond

type Message = Mapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

PATH: Final = "/evidence/challenge"
PAUSE: Final = 0.02  # seconds between two challenges; a measurement takes some dozens
REFRESH: Final = 60.0  # seconds for which the list of blobs is good


class Challenge:
    """An ASGI application in front of another."""

    def __init__(
        self,
        inner: App,
        blobs: FileBlobs,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._inner = inner
        self._blobs = blobs
        self._clock = clock
        self._now = now
        self._names: list[str] = []
        self._as_of = datetime.min.replace(tzinfo=UTC)
        self._listed = self._answered = float("-inf")
        self._busy = False

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._answer(scope, receive, send)
        else:
            await self._inner(scope, receive, send)

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        nonce = await _nonce(receive) if scope["method"] == "POST" else None
        if nonce is None:
            await _reply(send, 400, {"error": f"POST a nonce: {NONCE_BYTES} bytes in hex"})
        elif self._busy or self._clock() - self._answered < PAUSE:
            await _reply(send, 503, {"error": "busy; ask again"})
        else:
            self._busy = True
            try:
                digest, count = await asyncio.to_thread(self._respond, nonce)
            except OSError:
                await _reply(send, 503, {"error": "a blob went away; ask again"})
            else:
                about = {"answer": digest.hex(), "blobs": count, "as_of": self._as_of.isoformat()}
                await _reply(send, 200, about)
            finally:
                self._busy, self._answered = False, self._clock()

    def _respond(self, nonce: bytes) -> tuple[bytes, int]:
        if self._clock() - self._listed > REFRESH:
            self._as_of = self._now().replace(minute=0, second=0, microsecond=0)
            self._names = pool(self._blobs, self._as_of)
            self._listed = self._clock()
        try:
            return respond(nonce, self._blobs, self._names)
        except OSError:
            self._listed = float("-inf")  # the list is older than a sweep
            raise


async def _nonce(receive: Receive) -> bytes | None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False) and message["type"] == "http.request"
        if len(body) > 2 * NONCE_BYTES + 2:
            return None
    try:
        nonce = bytes.fromhex(body.decode("ascii").strip())
    except ValueError:
        return None
    return nonce if len(nonce) == NONCE_BYTES else None


async def _reply(send: Send, status: int, value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
