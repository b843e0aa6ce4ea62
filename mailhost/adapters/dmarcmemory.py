"""What DMARC made of yesterday's and today's mail, in the database until it is reported (`dmarccounts.DmarcCounts`).

A row says in clear how often something happened on a day, and in a box of the cell's key what: the address that sent
it, the author's domain, how it was signed. It goes when the day is reported, at the latest after `KEPT`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any, Final

from mailhost.adapters.database import Cursor, Readers, statements
from mailhost.adapters.writer import Writer
from mailhost.mailauth.reports import AuthResult, Row
from mailhost.reports.dmarccounts import Published, Seen
from mailhost.seal import CannotOpen, CellBox

# Different ways a message can go that are kept apart between two writes; the rest of a flood is not counted.
MAX_KINDS: Final = 10_000
# Rows of one day; a report has room for as many.
MAX_ROWS: Final = 100_000
# Where reports cannot be sent, nothing is kept for longer than this.
KEPT: Final = timedelta(days=2)


class DatabaseDmarcCounts:
    """Counted in memory, written by `flush`; a crash loses what was not written. `key` is a secret of the cell."""

    def __init__(self, writer: Writer, readers: Readers, *, key: bytes) -> None:
        self._writer = writer
        self._readers = readers
        self._key = key
        self._box = CellBox(key, "dmarc-counts")
        self._domains: frozenset[str] = frozenset()
        self._counted: Counter[Seen] = Counter()

    def wanted(self, domains: Collection[str]) -> bool:
        return not self._domains.isdisjoint(domains)

    def observe(self, seen: Seen) -> None:
        if seen in self._counted or len(self._counted) < MAX_KINDS:
            self._counted[seen] += 1

    async def look(self) -> None:
        """Learn which domains are counted for. Raises StoreUnavailable."""
        self._domains = frozenset(await self._readers.run(_domains))

    async def flush(self) -> None:
        """Write down what was counted since the last time. Raises StoreUnavailable; then it is written next time."""
        counted, self._counted = self._counted, Counter()
        rows = [self._sealed(one, count) for one, count in counted.items()]
        if not rows:
            return
        oldest = (max(one.day for one in counted) - KEPT).isoformat()

        def work(cursor: Cursor) -> None:
            cursor.execute("DELETE FROM mailhost_dmarcseen WHERE day < %s", [oldest])
            cursor.execute("SELECT COUNT(*) FROM mailhost_dmarcseen")
            room = MAX_ROWS - int(cursor.fetchone()[0])
            cursor.executemany(
                "INSERT INTO mailhost_dmarcseen (day, digest, messages, detail) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (day, digest) DO UPDATE SET messages = mailhost_dmarcseen.messages + excluded.messages",
                rows[: max(room, 0)],
            )

        try:
            await self._writer.change(work)
        except BaseException:
            self._counted += counted
            raise

    def _sealed(self, seen: Seen, count: int) -> tuple[str, bytes, int, bytes]:
        day = seen.day.isoformat()
        detail = json.dumps({"published": asdict(seen.published), "row": asdict(seen.row)}, sort_keys=True).encode()
        digest = blake2b(detail, key=self._key, digest_size=16, person=b"dmarc-seen").digest()
        return day, digest, count, self._box.seal(detail, day.encode())

    async def before(self, day: date) -> Sequence[tuple[Seen, int]]:
        """What was counted on days before this one."""
        found = []
        for at, messages, sealed in await self._readers.run(_rows, day.isoformat()):
            try:
                values = json.loads(self._box.open(sealed, str(at).encode()))
            except CannotOpen:
                continue
            found.append(
                (Seen(date.fromisoformat(str(at)), Published(**values["published"]), _row(values["row"])), messages)
            )
        return found

    async def forget(self, day: date) -> None:
        """Remove what was counted on days before this one."""
        until = day.isoformat()
        await self._writer.change(
            lambda cursor: cursor.execute("DELETE FROM mailhost_dmarcseen WHERE day < %s", [until])
        )


def _row(values: dict[str, Any]) -> Row:
    results = tuple(AuthResult(**one) for one in values.pop("results"))
    return Row(**{**values, "reasons": tuple(values["reasons"]), "results": results})


def _domains() -> list[str]:
    with statements() as cursor:
        cursor.execute(
            "SELECT name FROM mailhost_domain WHERE sends_dmarc_reports = %s AND verified IS NOT NULL", [True]
        )
        return [row[0] for row in cursor.fetchall()]


def _rows(day: str) -> list[Any]:
    with statements() as cursor:
        cursor.execute("SELECT day, messages, detail FROM mailhost_dmarcseen WHERE day < %s ORDER BY id", [day])
        return cursor.fetchall()
