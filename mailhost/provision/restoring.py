"""What must not be as it was, once a backup is back: the cell goes on from an earlier moment and says so.

Clients remember what UIDs meant after that moment, so every folder gets new UIDVALIDITYs (RFC 9051 §2.3.1.1).
What was revoked since would be good again, so every app password is revoked, every session and every token of the
programming interface ends, and no standing consent counts any more. What waited to leave may have left since, so it is
held until a person has looked. Secure links stay, the ended ones too: a reader who waits for a message is not to lose
it, and its author can end the link again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from jurisdiction.models import OperatorSession
from mailhost.models import AppPassword, Consent, Folder, Mailbox, QueueItem

HELD = "restored"  # reason code of an item
# What lets a browser or a program in: tables of the web above, which are not there in every process.
WEB_ENTRANCES = {
    "accounts_websession": "DELETE FROM accounts_websession",
    "api_apitoken": "DELETE FROM api_apitoken",
}


@dataclass(frozen=True, slots=True)
class Changed:
    """How many of each."""

    folders: int
    app_passwords: int
    held: int


def go_on(now: datetime) -> Changed:
    """Make the restored state safe to serve; inside a transaction."""
    folders = sum(_new_uidvalidities(mailbox, now) for mailbox in Mailbox.objects.order_by("pk").iterator())
    in_use = AppPassword.objects.filter(revoked=None)
    passwords = in_use.update(revoked=now.date(), wrap=None)
    held = QueueItem.objects.filter(state=QueueItem.State.WAITING).update(state=QueueItem.State.HELD, reason=HELD)
    Consent.objects.all().delete()
    OperatorSession.objects.filter(closed=None).update(closed=now)
    with connection.cursor() as cursor:
        for table in WEB_ENTRANCES.keys() & set(connection.introspection.table_names(cursor)):
            cursor.execute(WEB_ENTRANCES[table])
    return Changed(folders, passwords, held)


def _new_uidvalidities(mailbox: Mailbox, now: datetime) -> int:
    """Above all that were given since: they begin at the mailbox's first second, and folders are made more slowly."""
    following = max(mailbox.uidvalidity_next, int(now.timestamp()))
    folders = list(Folder.objects.filter(mailbox=mailbox).order_by("pk"))
    for folder in folders:
        folder.uidvalidity_sealed, folder.uidvalidity_session = following, following + 1
        following += 2
    Folder.objects.bulk_update(folders, ["uidvalidity_sealed", "uidvalidity_session"], batch_size=500)
    mailbox.uidvalidity_next = following
    mailbox.save(update_fields=["uidvalidity_next"])
    return len(folders)
