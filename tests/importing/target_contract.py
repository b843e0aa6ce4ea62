"""What every target of an import promises; inherited with a fixture `target` that gives one with default folders."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from mailhost.imap.store import MAX_KEYWORDS, NewMessage, NoSuchFolder, TooMany
from mailhost.importing.target import Arrival, Overtaken, Target

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
UNTIL = date(2026, 12, 22)


def arrival(number: int, *flags: str) -> Arrival:
    return Arrival(NewMessage(b"Subject: %d\r\n\r\nbody\r\n" % number, flags), bytes([number]) * 16)


async def counted(target: Target, name: str) -> int:
    """UIDs given out so far: what the folder's counters say."""
    return next(info.uidnext - 1 for info in await target.folders() if info.name == name)


class TargetContract:
    """The promises."""

    async def test_what_is_stored_is_known(self, target: Target) -> None:
        await target.store("INBOX", [arrival(1), arrival(2)], keep_until=UNTIL, now=NOW)
        digests = [arrival(number).digest for number in (1, 2, 3)]
        assert await target.known(digests, keep_until=None) == set(digests[:2])
        assert await target.known([], keep_until=UNTIL) == set()
        assert await counted(target, "INBOX") == 2

    async def test_what_another_run_has_stored_is_not_stored_again(self, target: Target) -> None:
        await target.store("INBOX", [arrival(1)], keep_until=UNTIL, now=NOW)
        with pytest.raises(Overtaken):
            await target.store("INBOX", [arrival(2), arrival(1)], keep_until=UNTIL, now=NOW)
        assert await target.known([arrival(2).digest], keep_until=None) == set()
        assert await counted(target, "INBOX") == 1

    async def test_what_cannot_be_stored_is_not_remembered(self, target: Target) -> None:
        with pytest.raises(NoSuchFolder):
            await target.store("Nowhere", [arrival(1)], keep_until=UNTIL, now=NOW)
        keywords = [f"k{number}" for number in range(MAX_KEYWORDS + 1)]
        with pytest.raises(TooMany):
            await target.store("INBOX", [arrival(1), arrival(2, *keywords)], keep_until=UNTIL, now=NOW)
        assert await target.known([arrival(1).digest], keep_until=None) == set()
        assert await counted(target, "INBOX") == 0

    async def test_folders_are_made_with_their_parents(self, target: Target) -> None:
        await target.create("Work/2026")
        await target.store("Work/2026", [arrival(1)], keep_until=UNTIL, now=NOW + timedelta(days=1))
        assert {"Work", "Work/2026"} <= {info.name for info in await target.folders()}
