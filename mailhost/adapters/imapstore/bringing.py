"""A mailbox that mail is brought into (`importing.target`): APPEND's own path, and the memory of what is here.

Messages and the hashes they are known by are committed in one transaction, so that a crash can leave neither without
the other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import partial

from mailhost.adapters.database import Cursor, statements
from mailhost.adapters.imapstore.account import DatabaseAccount
from mailhost.adapters.imapstore.answers import imap_answers
from mailhost.adapters.imapstore.sealer import MailboxSealer, SealTo
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.placing import Placed, Placement, place
from mailhost.adapters.workshop import Workshop
from mailhost.imap.store import FolderInfo
from mailhost.importing.target import Arrival, Overtaken
from mailhost.ports import StoreError

# Values of one statement; SQLite takes some 30,000.
_ASKED = 500


class DatabaseTarget:
    """`importing.target.Target`. It has the mailbox's public key only: it can add mail and read none."""

    def __init__(self, shop: Workshop, mailbox_id: int, seal_to: SealTo, *, append_limit: int) -> None:
        self._shop = shop
        self._mailbox = mailbox_id
        sealer = MailboxSealer(shop, mailbox_id, seal_to)
        self._account = DatabaseAccount(shop, mailbox_id, SessionView((), append_limit), sealer)

    async def folders(self) -> Sequence[FolderInfo]:
        return await self._account.folders()

    async def create(self, name: str) -> None:
        await self._account.create(name)

    async def known(self, digests: Collection[bytes], *, keep_until: date | None) -> set[bytes]:
        wanted = list(digests)
        found: set[bytes] = set()
        with imap_answers():
            for start in range(0, len(wanted), _ASKED):
                some = wanted[start : start + _ASKED]
                found |= await self._shop.readers.run(_known, self._mailbox, some)
            if keep_until is not None and found:
                work = partial(_keep, mailbox_id=self._mailbox, digests=found, until=keep_until)
                await self._shop.writer.change(work)
        return found

    async def store(self, name: str, arrivals: Sequence[Arrival], *, keep_until: date, now: datetime) -> None:
        async def commit(placements: Sequence[Placement]) -> Sequence[Placed]:
            digests = [each.digest for each in arrivals]
            return await self._shop.writer.change(
                partial(_store, mailbox_id=self._mailbox, placements=placements, digests=digests, until=keep_until)
            )

        await self._account.store(name, [each.message for each in arrivals], commit, now)


def _known(mailbox_id: int, digests: Sequence[bytes]) -> set[bytes]:
    marks = ", ".join(["%s"] * len(digests))
    with statements() as cursor:
        cursor.execute(
            f"SELECT digest FROM mailhost_broughtin WHERE mailbox_id = %s AND digest IN ({marks})",
            [mailbox_id, *digests],
        )
        return {bytes(row[0]) for row in cursor.fetchall()}


def _keep(cursor: Cursor, mailbox_id: int, digests: Collection[bytes], until: date) -> None:
    """What is still at its source stays known: an import that goes on for months brings nothing twice."""
    cursor.executemany(
        "UPDATE mailhost_broughtin SET kept_until = %s WHERE mailbox_id = %s AND digest = %s AND kept_until < %s",
        [(until, mailbox_id, digest, until) for digest in digests],
    )


def _store(
    cursor: Cursor, mailbox_id: int, placements: Sequence[Placement], digests: Sequence[bytes], until: date
) -> Sequence[Placed]:
    (placed,) = place(cursor, [placements])
    if isinstance(placed, StoreError):
        raise placed
    for digest in digests:
        cursor.execute(
            "INSERT INTO mailhost_broughtin (mailbox_id, digest, kept_until) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [mailbox_id, digest, until],
        )
        if not cursor.rowcount:
            raise Overtaken
    return placed
