"""Keeping sealed notes of sign-ins: from a page in its own transaction, from a daemon through its writer.

A daemon hears of every login, and programs log in all day: what it has noted stands in a small memory, and the same
program from the same country is not written down again for some hours. A note that cannot be kept costs nobody their
login.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from typing import Final

from django.db import transaction

from mailhost.adapters.database import Cursor, Readers, statements
from mailhost.adapters.writer import Writer
from mailhost.models import Mailbox, MailboxKey, SignIn
from mailhost.ports import StoreFull, StoreUnavailable
from mailhost.signins import AGAIN_AFTER, KEPT, Note, Program, Result, sealed

MEMORY: Final = 50_000  # what one process remembers having noted; the oldest half is forgotten at once

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


class SignInBook:
    """Notes of one daemon's logins. `country` says where an address is, empty where nobody knows."""

    def __init__(
        self, writer: Writer, readers: Readers, *, country: Country | None, now: Callable[[], datetime]
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._country = country
        self._now = now
        self._noted: dict[tuple[int, Program, str], datetime] = {}

    async def note(self, mailbox: int, program: Program, source: str = "") -> None:
        """Note a login of the mailbox by this program; `source` is its address, which is not kept."""
        with suppress(StoreFull, StoreUnavailable):
            now = self._now()
            country = await asyncio.to_thread(self._country, source, now.date()) if self._country and source else ""
            which = (mailbox, program, country)
            last = self._noted.get(which)
            if last is not None and now - last < AGAIN_AFTER:
                return
            if len(self._noted) >= MEMORY:
                self._noted = dict(list(self._noted.items())[MEMORY // 2 :])
            self._noted[which] = now
            recipient = await self._readers.run(_recipient, mailbox)
            if recipient:
                file = await asyncio.to_thread(sealed, Note(now, program, Result.IN, country), recipient)
                await self._writer.change(partial(_keep, mailbox=mailbox, day=now.date().isoformat(), file=file))


def _recipient(mailbox: int) -> str:
    with statements() as cursor:
        cursor.execute(
            "SELECT recipient FROM mailhost_mailboxkey WHERE mailbox_id = %s ORDER BY serial DESC LIMIT 1", [mailbox]
        )
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def _keep(cursor: Cursor, mailbox: int, day: str, file: bytes) -> None:
    cursor.execute("INSERT INTO mailhost_signin (mailbox_id, day, note) VALUES (%s, %s, %s)", [mailbox, day, file])
    cursor.execute(
        "DELETE FROM mailhost_signin WHERE mailbox_id = %s AND id <="
        " (SELECT id FROM mailhost_signin WHERE mailbox_id = %s ORDER BY id DESC LIMIT 1 OFFSET %s)",
        [mailbox, mailbox, KEPT],
    )
