"""Mail that leaves the cell, while it waits (`mailhost.outbox` has the life of an item), and what was sent today.

Content and envelopes are boxes of the queue key of their day; with the key gone the row is noise. What stands
in clear says that a mailbox sent something in some hour and how often it was tried, never to whom.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Mailbox, Tenant


class QueuedMessage(models.Model):
    """The content of one message, once for all its destinations."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell tenant mailbox opaque_id queued blob", locked="content")

    cell = models.CharField(max_length=8)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    opaque_id = models.CharField(max_length=32, unique=True)
    queued = models.DateTimeField()  # rounded down to the hour; its date names the key
    content = models.BinaryField()  # empty: it is in the file `blob`
    blob = models.CharField(max_length=32, blank=True)

    def __str__(self) -> str:
        return f"queued message {self.pk}"


class QueueDestination(models.Model):
    """A domain with mail waiting for it; who holds the claim works on its items."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell due failures claimed_until", derived="digest")

    cell = models.CharField(max_length=8)
    digest = models.BinaryField(max_length=16, unique=True)  # keyed hash of the domain
    due = models.DateTimeField(db_index=True)
    failures = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"queue destination {self.pk}"


class QueueItem(models.Model):
    """One destination's share of a message."""

    class State(models.TextChoices):
        WAITING = "waiting"
        HELD = "held"

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell message destination state attempts due queued told reason", locked="envelope"
    )

    cell = models.CharField(max_length=8)
    message = models.ForeignKey(QueuedMessage, on_delete=models.CASCADE)
    destination = models.ForeignKey(QueueDestination, on_delete=models.PROTECT, db_index=False)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due = models.DateTimeField()
    queued = models.DateTimeField()  # rounded down to the hour
    told = models.BooleanField(default=False)
    reason = models.CharField(max_length=60, blank=True)  # of the last attempt, as a code
    envelope = models.BinaryField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["destination", "state", "due"], name="queue_by_destination"),
            models.Index(fields=["queued"], name="queue_by_age"),
            models.Index(fields=["queued"], name="queue_untold", condition=models.Q(told=False)),
        ]

    def __str__(self) -> str:
        return f"queue item {self.pk}"


class SentToday(models.Model):
    """How many recipients a mailbox wrote to on one day; rows of past days are removed."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="tenant mailbox day recipients new")

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, db_index=False)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    day = models.DateField()
    recipients = models.PositiveIntegerField()
    new = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "day"], name="sent_once_a_day")]
        indexes: ClassVar = [models.Index(fields=["tenant", "day"], name="sent_by_tenant")]

    def __str__(self) -> str:
        return f"sent by mailbox {self.mailbox_id} on {self.day}"


class WrittenTo(models.Model):
    """Somebody a mailbox has written to, as a keyed hash that only this cell can make again."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox kept_until", derived="digest")

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, db_index=False)
    digest = models.BinaryField(max_length=16)  # keyed hash of mailbox and recipient
    kept_until = models.DateField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "digest"], name="written_to_once")]

    def __str__(self) -> str:
        return f"correspondent {self.pk}"
