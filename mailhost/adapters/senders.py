"""The cell's memory of senders, and its tenants' choices, in the database (`reputation.memory`, `reputation.judge`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

from mailhost.adapters.database import Cursor, Readers, read_moment, statements, stored
from mailhost.adapters.writer import Writer
from mailhost.mailauth.verdict import ReceivePolicy
from mailhost.reputation.memory import Digest

# Rows of the memory, by the distance of its newest and oldest id: a bot net with a million addresses must not fill
# the disk. Above it strangers are not put off any more, which is the milder failure.
MAX_ROWS: Final = 2_000_000
# Seconds for which a tenant's choice is believed: as long as a route.
CHOICE_HOLDS: Final = 30.0


class DatabaseMemory:
    """`reputation.memory.Memory` over the cell's database."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def written_to(self, digests: Mapping[Digest, int]) -> bool:
        return await self._readers.run(_written_to, dict(digests))

    async def recall(self, digests: Collection[Digest], *, now: datetime) -> Mapping[Digest, datetime]:
        return await self._readers.run(_recall, tuple(digests), now)

    async def remember(self, digests: Collection[Digest], *, since: datetime, until: datetime) -> bool:
        def work(cursor: Cursor) -> bool:
            cursor.execute("DELETE FROM mailhost_seensender WHERE kept_until < %s", [stored(since)])
            cursor.execute("SELECT COALESCE(MAX(id) - MIN(id), 0) FROM mailhost_seensender")
            if int(cursor.fetchone()[0]) > MAX_ROWS:
                return False
            cursor.executemany(
                "INSERT INTO mailhost_seensender (digest, since, kept_until) VALUES (%s, %s, %s)"
                " ON CONFLICT (digest) DO UPDATE SET kept_until = excluded.kept_until",
                [(digest, stored(since), stored(until)) for digest in sorted(digests)],
            )
            return True

        return await self._writer.change(work)


def _written_to(digests: dict[Digest, int]) -> bool:
    with statements() as cursor:
        for digest, mailbox in digests.items():
            cursor.execute("SELECT 1 FROM mailhost_writtento WHERE mailbox_id = %s AND digest = %s", [mailbox, digest])
            if cursor.fetchone():
                return True
    return False


def _recall(digests: tuple[Digest, ...], now: datetime) -> dict[Digest, datetime]:
    found = {}
    with statements() as cursor:
        for digest in digests:
            cursor.execute(
                "SELECT since FROM mailhost_seensender WHERE digest = %s AND kept_until > %s", [digest, stored(now)]
            )
            if row := cursor.fetchone():
                found[digest] = read_moment(row[0])
    return found


class DatabaseChoices:
    """`reputation.judge.Policies` over the cell's database; `clock` is monotonic seconds."""

    def __init__(self, readers: Readers, clock: Callable[[], float]) -> None:
        self._readers = readers
        self._clock = clock
        self._read: dict[int, ReceivePolicy] = {}
        self._until = 0.0

    async def of(self, tenants: Collection[int]) -> Mapping[int, ReceivePolicy]:
        # Few tenants choose anything, so all choices are read at once and the usual answer costs nothing.
        if self._clock() >= self._until:
            self._read = await self._readers.run(_choices)
            self._until = self._clock() + CHOICE_HOLDS
        return {tenant: self._read[tenant] for tenant in tenants if tenant in self._read}


def _choices() -> dict[int, ReceivePolicy]:
    with statements() as cursor:
        cursor.execute(
            "SELECT tenant_id, refuse_when_asked, refuse_spam, trusted_sealers FROM mailhost_receivingchoice"
        )
        return {
            tenant: ReceivePolicy(bool(asked), bool(spam), frozenset(sealers.split()))
            for tenant, asked, spam, sealers in cursor.fetchall()
        }
