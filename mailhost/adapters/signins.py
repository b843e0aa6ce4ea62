"""Keeping sealed notes of sign-ins: from a page in its own transaction, from a daemon through its writer.

A daemon hears of every login, and programs log in all day: what it has noted stands in a small memory, and the same
program from the same country is not written down again for some hours. Nobody's login waits for its note, and one that
cannot be kept costs nobody their login: notes are made a moment later, those of many logins together, because a commit
and three changes of thread cost more than a note does.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from hashlib import blake2b
from typing import Final, NamedTuple

from django.db import transaction

from mailhost.adapters.database import Cursor, Readers, listed, one_of, statements
from mailhost.adapters.writer import Writer
from mailhost.models import Mailbox, MailboxKey, SignIn
from mailhost.ports import StoreFull, StoreUnavailable
from mailhost.signins import AGAIN_AFTER, KEPT, Note, Program, Result, sealed

log = logging.getLogger(__name__)

MEMORY: Final = 50_000  # what one process remembers having noted; the oldest half is forgotten at once
# Notes made in one go: some milliseconds of a thread that seals, and one commit.
TOGETHER: Final = 16
# Seconds in which so many may come; what a crash can cost of notes, and the owner does not look sooner.
GATHER: Final = 1.0

type Country = Callable[[str, date], str]


def keep(box: Mailbox, note: Note) -> bool:
    """Keep a note; False where the mailbox has no key to seal it to."""
    recipient = MailboxKey.objects.filter(mailbox=box).order_by("-serial").values_list("recipient", flat=True).first()
    if recipient is None:
        return False
    file = sealed(note, recipient)
    with transaction.atomic():
        SignIn.objects.create(mailbox=box, day=note.at.date(), note=file)
        oldest = SignIn.objects.filter(mailbox=box).order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 1]
        if oldest:
            SignIn.objects.filter(mailbox=box, pk__lte=oldest[0]).delete()
    return True


class _Heard(NamedTuple):
    """A login: of which mailbox, by what, and from which address; "" where that does not matter."""

    mailbox: int
    program: Program
    source: str


class SignInBook:
    """Notes of one daemon's logins. `country` says where an address is, empty where nobody knows; it may take long."""

    def __init__(
        self, writer: Writer, readers: Readers, *, country: Country | None, now: Callable[[], datetime]
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._country = country
        self._now = now
        self._key = secrets.token_bytes(32)  # no address is kept: what is remembered of one is its keyed hash
        # When the note was made that covers a login of this hash, and of this mailbox, program and country.
        self._covered: dict[bytes, datetime] = {}
        self._noted: dict[tuple[int, Program, str], datetime] = {}
        self._waiting: dict[_Heard, datetime] = {}
        self._enough = asyncio.Event()
        self._hurry = False
        self._writing: asyncio.Task[None] | None = None

    def note(self, mailbox: int, program: Program, source: str = "") -> None:
        """Note a login of the mailbox by this program, soon; `source` is its address, which is not kept."""
        heard, now = _Heard(mailbox, program, source if self._country else ""), self._now()
        last = self._covered.get(self._hash(heard))
        if last is not None and now - last < AGAIN_AFTER:
            return
        if len(self._waiting) < MEMORY:
            self._waiting.setdefault(heard, now)
        if len(self._waiting) >= TOGETHER:
            self._enough.set()
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def settled(self) -> None:
        """Wait until what was heard is kept, or cannot be."""
        if self._writing is not None:
            self._hurry = True
            self._enough.set()
            await self._writing
            self._hurry = False

    def _hash(self, heard: _Heard) -> bytes:
        text = f"{heard.mailbox} {heard.program} {heard.source}"
        return blake2b(text.encode(), digest_size=12, key=self._key).digest()

    async def _write(self) -> None:
        try:
            while self._waiting:
                if len(self._waiting) < TOGETHER and not self._hurry:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._enough.wait(), GATHER)
                self._enough.clear()
                some = dict(itertools.islice(self._waiting.items(), TOGETHER))
                for heard in some:
                    del self._waiting[heard]
                try:
                    await self._keep(some)
                except (StoreFull, StoreUnavailable):
                    continue
                except Exception as error:  # noqa: BLE001  # a fault in some notes must not be the end of notes
                    log.error("notes of sign-ins failed: %s", type(error).__name__)  # noqa: TRY400
        finally:
            self._writing = None

    async def _keep(self, some: dict[_Heard, datetime]) -> None:
        fresh: dict[tuple[int, Program, str], datetime] = {}
        covering: dict[_Heard, tuple[int, Program, str]] = {}
        for heard, country in zip(some, await self._countries(some), strict=True):
            which = covering[heard] = (heard.mailbox, heard.program, country)
            last = self._noted.get(which)
            if last is None or some[heard] - last >= AGAIN_AFTER:
                fresh.setdefault(which, some[heard])
        if fresh:
            recipients = await self._readers.run(_recipients, {mailbox for mailbox, _, _ in fresh})
            rows = await asyncio.to_thread(_sealed, fresh, recipients)
            if rows:
                await self._writer.change(partial(_insert, rows=rows))
        # Only now: what could not be written is tried again at the next login.
        for which, moment in fresh.items():
            _remember(self._noted, which, moment)
        for heard, which in covering.items():
            _remember(self._covered, self._hash(heard), self._noted.get(which, some[heard]))

    async def _countries(self, some: dict[_Heard, datetime]) -> list[str]:
        country = self._country
        if country is None or not any(heard.source for heard in some):
            return [""] * len(some)
        return await asyncio.to_thread(
            lambda: [country(heard.source, moment.date()) if heard.source else "" for heard, moment in some.items()]
        )


def _remember[K](memory: dict[K, datetime], key: K, moment: datetime) -> None:
    if len(memory) >= MEMORY:
        for old in list(itertools.islice(memory, MEMORY // 2)):
            del memory[old]
    memory[key] = moment


def _recipients(mailboxes: set[int]) -> dict[int, str]:
    """The current public keys of those mailboxes that have one."""
    with statements() as cursor:
        cursor.execute(
            f"SELECT mailbox_id, recipient FROM mailhost_mailboxkey WHERE {one_of('mailbox_id')} ORDER BY serial",
            [listed(mailboxes)],
        )
        return dict(cursor.fetchall())


def _sealed(
    fresh: dict[tuple[int, Program, str], datetime], recipients: dict[int, str]
) -> list[tuple[int, str, bytes]]:
    """Rows of notes: mailbox, day, age file. A mailbox without a usable key gets none."""
    rows = []
    for (mailbox, program, country), moment in fresh.items():
        with suppress(KeyError, ValueError):
            file = sealed(Note(moment, program, Result.IN, country), recipients[mailbox])
            rows.append((mailbox, moment.date().isoformat(), file))
    return rows


def _insert(cursor: Cursor, rows: Sequence[tuple[int, str, bytes]]) -> None:
    cursor.execute(
        f"SELECT id FROM mailhost_mailbox WHERE {one_of('id')}", [listed(mailbox for mailbox, _day, _file in rows)]
    )
    there = {found[0] for found in cursor.fetchall()}  # one that is gone by now takes no note, and spoils no other's
    for mailbox, day, file in rows:
        if mailbox in there:
            cursor.execute(
                "INSERT INTO mailhost_signin (mailbox_id, day, note) VALUES (%s, %s, %s)", [mailbox, day, file]
            )
            cursor.execute(
                "DELETE FROM mailhost_signin WHERE mailbox_id = %s AND id <="
                " (SELECT id FROM mailhost_signin WHERE mailbox_id = %s ORDER BY id DESC LIMIT 1 OFFSET %s)",
                [mailbox, mailbox, KEPT],
            )
