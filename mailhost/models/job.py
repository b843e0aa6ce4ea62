"""Background work as rows: a row is the truth, a message on the broker only a wake-up.

A job says which cell it is for and under which policy it was published; the worker that takes it compares both with
its own before it does anything. What does not fit is dead: it stays as a row for a person to look at and is never
run. A job names what it is about by ids and slugs, never by an address, and carries no mail.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class Job(models.Model):
    """One piece of work. Life: waiting, running, done or dead; running goes back to waiting when its worker dies."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        DEAD = "dead"

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell kind tenant about policy state attempts due claimed_until reason"
    )

    cell = models.CharField(max_length=8)
    kind = models.CharField(max_length=40)
    tenant = models.CharField(max_length=40, blank=True)  # slug; empty for work of the cell itself
    about = models.BigIntegerField(null=True)  # id of the row it is about
    policy = models.CharField(max_length=64, blank=True)  # digest of the tenant's policy when it was published
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True)  # why it is dead, as codes

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state", "due"], name="job_by_state")]

    def __str__(self) -> str:
        return f"job {self.pk} ({self.kind})"
