"""Letters and small questions that the contracts of a mail store are written with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from mailhost.imap.store import (
    Account,
    Damaged,
    FlagOp,
    Folder,
    NewMessage,
    Runs,
)

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
type OpenAccount = Callable[[], Awaitable[Account]]


def letter(number: int, body: str = "Good day.") -> bytes:
    """A small message."""
    return (
        f"From: Ben <ben@example.is>\r\nTo: Ada <ada@example.is>\r\nSubject: Letter {number}\r\n"
        f"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <letter-{number}@example.is>\r\n\r\n{body}\r\n"
    ).encode()


async def filled(account: Account, count: int, name: str = "INBOX") -> list[int]:
    """Append this many letters; their UIDs."""
    messages = [NewMessage(letter(number)) for number in range(1, count + 1)]
    return (await account.append(name, messages, now=NOW))[1]


async def flags_of(folder: Folder) -> dict[int, int]:
    """UID → flag word."""
    snapshot = await folder.snapshot(claim_recent=False)
    return dict(zip(snapshot.uids, snapshot.flags, strict=True))


async def add_flags(folder: Folder, uids: Sequence[int], *flags: str) -> None:
    """STORE +FLAGS."""
    await folder.store_flags(uids, FlagOp.ADD, flags, unchanged_since=None, now=NOW)


async def contents_of(folder: Folder, uids: Sequence[int]) -> dict[int, bytes]:
    """UID → message."""
    found = {}
    async for entry in folder.contents(uids):
        assert not isinstance(entry, Damaged)
        found[entry[0]] = bytes(entry[1])
    return found


def uids_of(runs: Runs) -> list[int]:
    """Each UID of these runs."""
    return [uid for first, last in runs for uid in range(first, last + 1)]
