"""The challenge over stored blobs: the answer fits the blobs, costs little, says nothing, and is asked one at a time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jurisdiction.evidence import answer, challenged
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.nearness import SLICE, pool, respond
from webadmin.cell.challenge import PATH, PAUSE, Challenge

NOW = datetime(2026, 11, 21, 14, 35, tzinfo=UTC)
NONCE = b"n" * 32


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    made = FileBlobs(tmp_path / "blobs")
    made.prepare()
    for number in range(40):
        made.write(bytes([number + 1]) * (100 + 1000 * number), NOW - timedelta(hours=2))
    return made


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def inner(_scope: dict[str, Any], _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"inside"})


async def ask(app: Challenge, body: bytes, *, method: str = "POST", path: str = PATH) -> tuple[int, bytes]:
    sent: list[Mapping[str, Any]] = []
    parts = [body[at : at + 16] for at in range(0, len(body), 16)] or [b""]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "path": path, "method": method}, receive, send)
    return int(sent[0]["status"]), b"".join(message.get("body", b"") for message in sent)


def app(blobs: FileBlobs, clock: Clock | None = None) -> Challenge:
    return Challenge(inner, blobs, clock or Clock(), lambda: NOW)


async def test_the_answer_is_the_one_the_cell_computes_afterwards(blobs: FileBlobs) -> None:
    status, body = await ask(app(blobs), NONCE.hex().encode())
    said = json.loads(body)
    assert (status, said["blobs"], said["as_of"]) == (200, 16, "2026-11-21T14:00:00+00:00")
    assert bytes.fromhex(said["answer"]) == respond(NONCE, blobs, pool(blobs, NOW.replace(minute=0)))[0]


async def test_mail_that_came_since_the_hour_changes_nothing(blobs: FileBlobs) -> None:
    clock = Clock()
    served = app(blobs, clock)
    before = await ask(served, NONCE.hex().encode())
    blobs.write(b"new mail" * 1000, NOW)
    clock.seconds = 1000.0
    assert await ask(served, NONCE.hex().encode()) == before


async def test_another_nonce_or_changed_data_is_another_answer(blobs: FileBlobs) -> None:
    _, body = await ask(app(blobs), NONCE.hex().encode())
    _, other = await ask(app(blobs), (b"o" * 32).hex().encode())
    assert json.loads(body)["answer"] != json.loads(other)["answer"]
    names = pool(blobs, NOW)
    path = blobs.path(challenged(NONCE, names)[3])
    content = path.read_bytes()
    status = path.stat()
    path.write_bytes(bytes(len(content)))
    os.utime(path, (status.st_mtime, status.st_mtime))
    _, changed = await ask(app(blobs), NONCE.hex().encode())
    assert json.loads(changed)["answer"] != json.loads(body)["answer"]


async def test_an_empty_store_answers_over_nothing_and_says_so(tmp_path: Path) -> None:
    empty = FileBlobs(tmp_path / "none")
    empty.prepare()
    status, body = await ask(app(empty), NONCE.hex().encode())
    assert (status, json.loads(body)["blobs"]) == (200, 0)
    assert bytes.fromhex(json.loads(body)["answer"]) == answer(NONCE, [])


@pytest.mark.parametrize("body", [b"", b"zz", b"00" * 31, b"00" * 33, b"00" * 5000, b"\xff" * 64])
async def test_what_is_no_nonce_is_refused(blobs: FileBlobs, body: bytes) -> None:
    assert (await ask(app(blobs), body))[0] == 400


async def test_only_post_to_this_path_is_a_challenge(blobs: FileBlobs) -> None:
    assert (await ask(app(blobs), NONCE.hex().encode(), method="GET"))[0] == 400
    assert await ask(app(blobs), b"", path="/") == (299, b"inside")


async def test_nobody_can_keep_the_machine_busy_with_it(blobs: FileBlobs) -> None:
    clock = Clock()
    served = app(blobs, clock)
    nonce = NONCE.hex().encode()
    both = await asyncio.gather(ask(served, nonce), ask(served, nonce))
    assert sorted(status for status, _ in both) == [200, 503]
    assert (await ask(served, nonce))[0] == 503, "and not again at once"
    clock.seconds += PAUSE
    assert (await ask(served, nonce))[0] == 200


async def test_a_blob_that_went_away_is_no_fault(blobs: FileBlobs) -> None:
    clock = Clock()
    served = app(blobs, clock)
    assert (await ask(served, NONCE.hex().encode()))[0] == 200
    for name in challenged(NONCE, pool(blobs, NOW)):
        blobs.remove(name)
    clock.seconds += PAUSE
    assert (await ask(served, NONCE.hex().encode()))[0] == 503
    clock.seconds += PAUSE
    assert (await ask(served, NONCE.hex().encode()))[0] == 200, "the list is read again"


def test_a_challenge_reads_a_page_of_each_blob_however_large(tmp_path: Path) -> None:
    large = FileBlobs(tmp_path / "blobs")
    large.prepare()
    name = large.write(b"x" * 1_000_000, NOW)
    assert respond(NONCE, large, [name]) == (answer(NONCE, [b"x" * SLICE]), 1)
