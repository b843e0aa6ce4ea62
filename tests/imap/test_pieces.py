"""Large messages that are read in pieces are opened once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from mailhost.imap.limits import Limits
from mailhost.imap.pieces import LARGE, Opened, Pieces
from mailhost.imap.store import Damaged
from tests.imap.dialogue import ADA, PASSWORD, Client, ada_with, make_endpoint, message
from tests.imap.memory import MemoryFolder

BODY = "".join(f"Line {number}.\r\n" for number in range(LARGE // 8))


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """UIDs of the messages that the store was asked to open."""
    asked: list[int] = []
    contents = MemoryFolder.contents

    async def counted(
        self: MemoryFolder, uids: Sequence[int]
    ) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        asked.extend(uids)
        async for entry in contents(self, uids):
            yield entry

    monkeypatch.setattr(MemoryFolder, "contents", counted)
    return asked


async def reader(**options: Any) -> Client:
    client = Client(make_endpoint(ada_with([message(body=BODY), message(body=BODY), message()]), **options))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    await client.ask("x SELECT INBOX")
    return client


async def piece(client: Client, number: int, start: int, length: int = 50_000) -> bytes:
    answer = await client.ask(f"a UID FETCH {number} (BODY.PEEK[TEXT]<{start}.{length}>)")
    assert answer.endswith(b")\r\na OK Fetched\r\n")
    return answer.split(b"}\r\n", 1)[1].removesuffix(b")\r\na OK Fetched\r\n")


async def test_the_pieces_of_a_large_message_cost_one_opening(openings: list[int]) -> None:
    client = await reader()
    pieces = [await piece(client, 1, start) for start in range(0, len(BODY), 50_000)]
    assert b"".join(pieces) == BODY.encode() + b"\r\n"
    assert openings == [1]
    await piece(client, 2, 0)
    await piece(client, 1, 0)
    assert openings == [1, 2, 1]


async def test_one_part_after_the_other_costs_one_opening(openings: list[int]) -> None:
    client = await reader()
    for item in ("BODY.PEEK[1.MIME]", "BODY.PEEK[1]", "BINARY.PEEK[1]", "BINARY.SIZE[1]"):
        assert b"a OK" in await client.ask(f"a UID FETCH 1 ({item})")
    assert openings == [1]


async def test_nothing_is_kept_of_small_messages_or_of_whole_ones(openings: list[int]) -> None:
    client = await reader()
    for _time in range(2):
        await piece(client, 3, 0)
        await client.ask("a UID FETCH 1 (BODY.PEEK[])")
        await client.ask("a UID FETCH 1:2 (BODY.PEEK[]<0.10>)")
    assert openings == [3, 1, 1, 2] * 2


@pytest.mark.parametrize("line", ["a SELECT INBOX", "a UNSELECT"])
async def test_what_was_kept_goes_with_the_folder(openings: list[int], line: str) -> None:
    client = await reader()
    await piece(client, 1, 0)
    await client.ask(line)
    assert not client.connection._endpoint.pieces._kept
    await client.ask("a SELECT INBOX")
    await piece(client, 1, 0)
    assert openings == [1, 1]
    await client.hang_up()
    assert not client.connection._endpoint.pieces._kept


async def test_a_long_pause_of_the_client_forgets_it_and_a_slow_line_does_not(openings: list[int]) -> None:
    client = await reader()
    await piece(client, 1, 0)
    now = client.connection._loop.time
    client.connection.tick(now() + Limits().kept_time - 1)
    await piece(client, 1, 50_000)
    assert openings == [1]
    client.connection.tick(now() + Limits().kept_time + 1)
    await piece(client, 1, 0)
    assert openings == [1, 1]


async def test_no_room_means_opening_again(openings: list[int]) -> None:
    client = await reader(limits=Limits(kept_pieces=LARGE - 1))
    await piece(client, 1, 0)
    await piece(client, 1, 0)
    assert openings == [1, 1]


def test_the_message_used_longest_ago_makes_room() -> None:
    kept = Pieces(3 * LARGE)
    for name in "abc":
        kept.keep(name, Opened(7, bytes(LARGE)))
    assert kept.find("a", 7) is not None
    kept.keep("d", Opened(7, bytes(LARGE + 1)))
    assert [name for name in "abcd" if kept.find(name, 7)] == ["a", "d"]
    assert kept.find("a", 8) is None
    kept.forget("a")
    kept.forget("d")
    assert kept._octets == 0


async def test_header_fields_ask_for_the_head_alone_and_no_head_is_kept_for_the_whole(
    openings: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[int] = []

    async def beginning(
        self: MemoryFolder, uids: Sequence[int]
    ) -> AsyncIterator[tuple[int, bytes | memoryview] | Damaged]:
        heads.extend(uids)
        for uid in uids:
            yield uid, message(body=BODY)[: LARGE + 1000]

    monkeypatch.setattr(MemoryFolder, "heads", beginning, raising=False)
    client = await reader()
    for item in ("BODY.PEEK[HEADER]", "RFC822.HEADER", "BODY.PEEK[HEADER.FIELDS (Subject)]<0.5>"):
        assert b"Subj" in await client.ask(f"a UID FETCH 1 ({item} BODY.PEEK[HEADER.FIELDS.NOT (To)])")
    assert b"* SEARCH 1 2 3\r\n" in await client.ask("a SEARCH OR FROM ben HEADER X-Any y")
    assert (set(heads), openings) == ({1, 2, 3}, [])
    assert await piece(client, 1, 0) == BODY.encode()[:50_000]
    for item in ("BODY.PEEK[1.MIME] BODY.PEEK[HEADER]", "BODY.PEEK[TEXT]<0.10>"):
        await client.ask(f"a UID FETCH 2 ({item})")
    assert openings == [1, 2]
