"""How much a request may bring, checked before any of it is kept.

Django keeps a whole body, and what is large it writes to a temporary file: no file of ours may hold what somebody
wrote. So bodies stay in memory (`FILE_UPLOAD_MAX_MEMORY_SIZE` is as large as the largest that is let through), and here
stands how large that is: a form's size everywhere, more only where files are taken, and of those only a few at a time.
A body that says it is larger is refused before it is read (RFC 9110 §15.5.14); one that grows larger is cut off, and so
is a large one that does not end in time: a telephone that lost its network would keep everybody else's place.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

type Message = Mapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

MIB: Final = 1024 * 1024
# The largest form: a policy, a registration, a long answer without files.
MAX_FORM: Final = MIB
# Answers with files. A message of this size in base64 still fits into what other hosts take.
MAX_ANSWER: Final = 16 * MIB
# In memory at the same time, each several times over while it is sealed.
LARGE_TOGETHER: Final = 4
# Seconds in which a large one is here: the largest at half a megabit a second.
LARGE_WITHIN: Final = 300.0
_TAKES_FILES: Final = re.compile(r"/l/[^/]+/answer")


class Bodies:
    """An ASGI application in front of another."""

    def __init__(self, inner: App, *, large_within: float = LARGE_WITHIN) -> None:
        self._inner = inner
        self._large_within = large_within
        self._large = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        most = MAX_ANSWER if _TAKES_FILES.fullmatch(scope["path"]) else MAX_FORM
        said = _length(scope)
        if said is None or said > most:
            await _refuse(send, 413)
        elif most == MAX_FORM:
            await self._inner(scope, _at_most(receive, most), send)
        elif self._large >= LARGE_TOGETHER:
            await _refuse(send, 503)
        else:
            self._large += 1
            try:
                await self._inner(scope, _in_time(_at_most(receive, most), self._large_within), send)
            finally:
                self._large -= 1


def _length(scope: Message) -> int | None:
    """What the request says of its body's length, 0 where it says nothing; None for nonsense."""
    found = [value for name, value in scope["headers"] if name == b"content-length"]
    if not found:
        return 0
    return int(found[0]) if len(found) == 1 and found[0].isdigit() and len(found[0]) < 20 else None


def _at_most(receive: Receive, most: int) -> Receive:
    left = most

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        # To the application this is a client that went away: it stops reading and answers nobody.
        return message if left >= 0 else {"type": "http.disconnect"}

    return counted


def _in_time(receive: Receive, seconds: float) -> Receive:
    end: float | None = asyncio.get_running_loop().time() + seconds

    async def timed() -> Message:
        nonlocal end
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        # Behind the body's end an application only waits for its client to go away.
        if not message.get("more_body", False):
            end = None
        return message

    return timed


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    if status == 503:
        headers.append((b"retry-after", b"10"))
    words = (
        b"Too much at once; try again in a moment.\n" if status == 503 else b"This is larger than what is taken here.\n"
    )
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})
