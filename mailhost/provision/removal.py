"""Removing a mailbox with all its mail, in steps that a crash may interrupt.

First the mailbox is suspended, so that no delivery and no login starts: the store checks the state inside its
own transaction. Then rows go in batches, places before sealed bytes, each batch in its own transaction, so that
a mailbox of a million messages does not lock the cell. A blob is removed after the row that names it is gone; a
crash in between leaves a file without a row, which the store's sweep takes away. The mailbox's row goes last, so
that the command can simply be given again.
"""

from __future__ import annotations

from typing import Protocol

from django.db import transaction

from mailhost.models import (
    Folder,
    Mailbox,
    MailboxUsage,
    Message,
    QueuedMessage,
    SealedMessage,
    SecureLink,
    Tenant,
    Vanished,
)

BATCH = 500  # rows a transaction: a few milliseconds of other writers' time


class Blobs(Protocol):
    """Where large payloads lie."""

    def remove(self, name: str) -> None:
        """Remove the file if it is there."""


def remove_mailbox(box: Mailbox, *, blobs: Blobs) -> int:
    """Remove the mailbox; the number of messages that went with it."""
    with transaction.atomic():
        # A delivery holds the lock of the usage row until it commits: after this, none is under way.
        MailboxUsage.objects.select_for_update().filter(pk=box.pk).first()
        Mailbox.objects.filter(pk=box.pk).update(state=Mailbox.State.SUSPENDED)
    removed = 0
    while places := list(Message.objects.filter(folder__mailbox=box).values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            Message.objects.filter(pk__in=places).delete()
        removed += len(places)
    while sealed := list(SealedMessage.objects.filter(mailbox=box).values_list("pk", "blob")[:BATCH]):
        with transaction.atomic():
            SealedMessage.objects.filter(pk__in=[pk for pk, _blob in sealed]).delete()
        for _pk, blob in sealed:
            if blob:
                blobs.remove(blob)
    for blob in SecureLink.objects.filter(mailbox=box).exclude(blob="").values_list("blob", flat=True):
        # A link whose file is gone before its row opens nothing, which is what is wanted here.
        blobs.remove(blob)
    with transaction.atomic():
        Vanished.objects.filter(folder__mailbox=box).delete()
        Folder.objects.filter(mailbox=box).delete()
        Mailbox.objects.filter(pk=box.pk).delete()
    return removed


def remove_queued(tenant: Tenant, *, contents: Blobs) -> int:
    """Remove what waits to leave for a tenant, with the files of large contents; how many messages."""
    removed = 0
    while waiting := list(QueuedMessage.objects.filter(tenant=tenant).values_list("pk", "blob")[:BATCH]):
        with transaction.atomic():
            QueuedMessage.objects.filter(pk__in=[pk for pk, _blob in waiting]).delete()
        for _pk, blob in waiting:
            if blob:
                contents.remove(blob)
        removed += len(waiting)
    return removed
