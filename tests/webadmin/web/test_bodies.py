"""What is too large never reaches an application, and a few large ones do not fill the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from webadmin.web.bodies import LARGE_TOGETHER, MAX_ANSWER, MAX_FORM, Bodies

ANSWER = "/l/token/answer"


class Inner:
    """An application that reads what it gets."""

    def __init__(self) -> None:
        self.read = 0
        self.gone = False
        self.wait: asyncio.Event | None = None

    async def __call__(self, _scope: dict[str, Any], receive: Any, send: Any) -> None:
        if self.wait is not None:
            await self.wait.wait()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone = True
                return
            self.read += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def ask(app: Bodies, path: str, size: int, *, says: bytes | None = b"", kind: str = "http") -> int:
    """The status, 0 where nobody answers; `says` is what Content-Length has, the truth unless told."""
    sent: list[Mapping[str, Any]] = []
    pieces = [min(65536, size - at) for at in range(0, size, 65536)] or [0]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": bytes(pieces.pop(0)), "more_body": bool(pieces)}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    headers = [] if says is None else [(b"content-length", says or str(size).encode())]
    await app({"type": kind, "path": path, "headers": headers}, receive, send)
    return int(sent[0]["status"]) if sent else 0


@pytest.mark.parametrize(("path", "most"), [("/signup/", MAX_FORM), (ANSWER, MAX_ANSWER), ("/l/a/b/answer", MAX_FORM)])
async def test_as_much_as_is_allowed_and_no_more(path: str, most: int) -> None:
    inner = Inner()
    assert await ask(Bodies(inner), path, most) == 200
    assert inner.read == most
    inner = Inner()
    assert await ask(Bodies(inner), path, most + 1) == 413
    assert inner.read == 0


async def test_who_says_nothing_or_too_little_is_cut_off() -> None:
    for says in (None, b"10"):
        inner = Inner()
        assert await ask(Bodies(inner), "/signup/", MAX_FORM + 1, says=says) == 0
        assert inner.gone
        assert inner.read <= MAX_FORM


@pytest.mark.parametrize("says", [b"-1", b"+5", b"1e3", b"9" * 30, "٣".encode()])
async def test_a_length_that_is_none_is_refused(says: bytes) -> None:
    assert await ask(Bodies(Inner()), "/", 5, says=says) == 413


async def test_only_a_few_large_ones_at_a_time_and_small_ones_always() -> None:
    inner = Inner()
    inner.wait = asyncio.Event()
    app = Bodies(inner)
    busy = [asyncio.create_task(ask(app, ANSWER, 10)) for _ in range(LARGE_TOGETHER)]
    await asyncio.sleep(0)
    assert await ask(app, ANSWER, 10) == 503
    inner.wait.set()
    assert await asyncio.gather(*busy) == [200] * LARGE_TOGETHER
    assert await ask(app, ANSWER, 10) == 200
    assert await ask(app, "/signup/", 10) == 200


async def test_what_is_no_request_is_none_of_its_business() -> None:
    assert await ask(Bodies(Inner()), "/", 0, kind="lifespan") == 200


async def test_a_large_one_that_never_ends_gives_its_place_back() -> None:
    inner, begun = Inner(), [{"type": "http.request", "body": b"x", "more_body": True}]

    async def receive() -> Mapping[str, Any]:
        return begun.pop() if begun else await asyncio.Future()

    async def send(_message: Mapping[str, Any]) -> None:
        pytest.fail("nobody is there to be answered")

    app = Bodies(inner, large_within=0.01)
    scope = {"type": "http", "path": ANSWER, "headers": [(b"content-length", b"10")]}
    await asyncio.wait_for(app(scope, receive, send), 5)
    assert inner.gone
    assert [await ask(app, ANSWER, 10) for _ in range(LARGE_TOGETHER)] == [200] * LARGE_TOGETHER


async def test_the_time_is_the_bodys_and_not_the_answers() -> None:
    seen: list[str] = []
    left: asyncio.Event = asyncio.Event()

    async def slow(_scope: dict[str, Any], receive: Any, _send: Any) -> None:
        seen.append((await receive())["type"])
        seen.append((await receive())["type"])

    async def receive() -> Mapping[str, Any]:
        if not seen:
            return {"type": "http.request", "body": b"x", "more_body": False}
        await left.wait()
        return {"type": "http.left"}

    async def send(_message: Mapping[str, Any]) -> None: ...

    asyncio.get_running_loop().call_later(0.05, left.set)
    scope = {"type": "http", "path": ANSWER, "headers": [(b"content-length", b"1")]}
    await Bodies(slow, large_within=0.01)(scope, receive, send)
    assert seen == ["http.request", "http.left"]
