"""What outlives the process about other domains' TLS: their MTA-STS policies, and how sessions went.

Rows are found by a keyed hash and sealed to a key that is made from the cell's own secret, so the tables alone name
nobody. A policy goes when its age is over, a day's sessions when its reports are written.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, Final

from mailhost.adapters.database import Cursor, Readers, rounded, statements, stored
from mailhost.adapters.writer import Writer
from mailhost.reports.tlscounts import Session
from mailhost.seal import CannotOpen, HybridIdentity
from mailhost.seal.age import decrypt, encrypt
from mailhost.tlspolicy.mtasts import Cached, Mode, Policy
from mailhost.tlspolicy.requirement import Policy as Applied
from mailhost.tlspolicy.tlsrpt import PolicyType, ResultType

# Different ways a session can go that are kept apart between two writes; the rest of a flood is not counted.
MAX_KINDS: Final = 10_000


class _Safe:
    """Digests and seals with a key of its own, made from the cell's secret."""

    def __init__(self, key: bytes, purpose: bytes) -> None:
        self._key = key
        self._purpose = purpose
        self._identity = HybridIdentity(hashlib.blake2b(purpose, key=key, digest_size=32, person=b"seal").digest())

    def digest(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, key=self._key, digest_size=16, person=self._purpose).digest()

    def seal(self, values: dict[str, Any]) -> bytes:
        return encrypt([self._identity.recipient], json.dumps(values).encode())

    def open(self, data: Any) -> Any:
        """Raises CannotOpen."""
        return json.loads(decrypt([self._identity], bytes(data)))


class DatabasePolicyCache:
    """`stspolicies.PolicyCache`. `key` is the cell's secret."""

    def __init__(self, writer: Writer, readers: Readers, *, key: bytes) -> None:
        self._writer = writer
        self._readers = readers
        self._safe = _Safe(key, b"sts-policy")

    async def get(self, domain: str) -> Cached | None:
        row = await self._readers.run(_policy, self._safe.digest(domain.encode()))
        if row is None:
            return None
        try:
            values = self._safe.open(row)
        except CannotOpen:
            return None
        return Cached(
            Policy(Mode(values["mode"]), tuple(values["hosts"]), timedelta(seconds=values["max_age"])),
            values["id"],
            datetime.fromisoformat(values["fetched"]),
            datetime.fromisoformat(values["tried"]),
        )

    async def put(self, domain: str, cached: Cached) -> None:
        policy = cached.policy
        sealed = self._safe.seal(
            {
                "mode": policy.mode,
                "hosts": policy.hosts,
                "max_age": policy.max_age.total_seconds(),
                "id": cached.id,
                "fetched": cached.fetched.isoformat(),
                "tried": cached.tried.isoformat(),
            }
        )
        digest = self._safe.digest(domain.encode())
        # Rounded up to the day, so that the row does not tell when somebody wrote there.
        until = stored(rounded(cached.fetched + policy.max_age).replace(hour=0) + timedelta(days=1))

        def work(cursor: Cursor) -> None:
            cursor.execute(
                "INSERT INTO mailhost_stspolicy (digest, kept_until, policy) VALUES (%s, %s, %s)"
                " ON CONFLICT (digest) DO UPDATE SET kept_until = excluded.kept_until, policy = excluded.policy",
                [digest, until, sealed],
            )

        await self._writer.change(work)

    async def sweep(self, *, now: datetime) -> None:
        """Forget what no longer binds."""
        moment = stored(now)
        await self._writer.change(
            lambda cursor: cursor.execute("DELETE FROM mailhost_stspolicy WHERE kept_until < %s", [moment])
        )


class DatabaseTlsCounts:
    """`tlscounts.TlsCounts`: counted in memory, written by `flush`. A crash loses what was not written.

    `everyone`: the whole cell reports, whatever its domains say.
    """

    def __init__(self, writer: Writer, readers: Readers, *, key: bytes, everyone: bool = False) -> None:
        self._writer = writer
        self._readers = readers
        self._safe = _Safe(key, b"tls-sessions")
        self._everyone = everyone
        self._domains: frozenset[str] = frozenset()
        self._counted: Counter[Session] = Counter()

    def wanted(self, authors: Collection[str]) -> bool:
        return self._everyone or not self._domains.isdisjoint(authors)

    async def look(self) -> None:
        """Learn whose sessions are counted. Raises StoreUnavailable."""
        self._domains = frozenset(await self._readers.run(_reporting))

    def observe(self, session: Session) -> None:
        if session in self._counted or len(self._counted) < MAX_KINDS:
            self._counted[session] += 1

    async def flush(self) -> None:
        """Write down what was counted since the last time. Raises StoreUnavailable; then it is written next time."""
        counted, self._counted = self._counted, Counter()
        rows = []
        for session, count in counted.items():
            detail = _detail(session)
            digest = self._safe.digest(json.dumps(detail, sort_keys=True).encode())
            rows.append((session.day.isoformat(), digest, count, self._safe.seal(detail)))
        if not rows:
            return

        def work(cursor: Cursor) -> None:
            cursor.executemany(
                "INSERT INTO mailhost_tlssessions (day, digest, sessions, detail) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (day, digest) DO UPDATE SET sessions = mailhost_tlssessions.sessions + excluded.sessions",
                rows,
            )

        try:
            await self._writer.change(work)
        except BaseException:
            self._counted += counted
            raise

    async def before(self, day: date) -> Sequence[tuple[Session, int]]:
        """What was counted on days before this one."""
        found = []
        for at, sessions, sealed in await self._readers.run(_sessions, day.isoformat()):
            try:
                values = self._safe.open(sealed)
            except CannotOpen:
                continue
            policy = values["policy"]
            found.append(
                (
                    Session(
                        date.fromisoformat(str(at)),
                        values["domain"],
                        Applied(PolicyType(policy["type"]), tuple(policy["lines"]), tuple(policy["hosts"])),
                        values["host"],
                        ResultType(values["result"]) if values["result"] else None,
                    ),
                    sessions,
                )
            )
        return found

    async def forget(self, day: date) -> None:
        """Remove what was counted on days before this one."""
        until = day.isoformat()
        await self._writer.change(
            lambda cursor: cursor.execute("DELETE FROM mailhost_tlssessions WHERE day < %s", [until])
        )


def _detail(session: Session) -> dict[str, Any]:
    return {
        "domain": session.domain,
        "policy": asdict(session.policy),
        "host": session.host,
        "result": session.result,
    }


def _policy(digest: bytes) -> Any:
    with statements() as cursor:
        cursor.execute("SELECT policy FROM mailhost_stspolicy WHERE digest = %s", [digest])
        row = cursor.fetchone()
    return row[0] if row else None


def _reporting() -> list[str]:
    with statements() as cursor:
        cursor.execute("SELECT name FROM mailhost_domain WHERE sends_tls_reports = %s AND verified IS NOT NULL", [True])
        return [row[0] for row in cursor.fetchall()]


def _sessions(day: str) -> list[Any]:
    with statements() as cursor:
        cursor.execute("SELECT day, sessions, detail FROM mailhost_tlssessions WHERE day < %s ORDER BY id", [day])
        return cursor.fetchall()
