"""Operators at work: who, from which country, why, until when, with whom, and what was done. Tenants read it."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class OperatorSession(models.Model):
    """A stated reason to act, from a stated country, that ends by itself. `tenant` empty: any that allows it."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell public_id operator country reason tenant opened expires closed second second_at"
    )

    cell = models.CharField(max_length=8)
    public_id = models.CharField(max_length=32, unique=True)  # as the ledger has it
    operator = models.CharField(max_length=64)
    country = models.CharField(max_length=2)
    reason = models.CharField(max_length=200)
    tenant = models.CharField(max_length=40, blank=True)
    opened = models.DateTimeField()
    expires = models.DateTimeField()
    closed = models.DateTimeField(null=True)
    second = models.CharField(max_length=64, blank=True)  # who agreed to dangerous acts
    second_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"session {self.public_id[:8]}"


class OperatorAct(models.Model):
    """One thing that was done, or refused, to one tenant."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell session tenant act at refused")

    cell = models.CharField(max_length=8)
    session = models.ForeignKey(OperatorSession, on_delete=models.PROTECT)
    tenant = models.CharField(max_length=40, db_index=True)
    act = models.CharField(max_length=60)
    at = models.DateTimeField()
    refused = models.CharField(max_length=200, blank=True)  # reason codes; empty when it was done

    def __str__(self) -> str:
        return f"{self.act} of {self.tenant}"


class Proposal(models.Model):
    """A dangerous act that was proposed and waits: for another operator, or in a cell with one, for its hour."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        WITHDRAWN = "withdrawn"

    KEPT: ClassVar[timedelta] = timedelta(days=731)

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="session tenant kind about why at from_then_alone expires state second settled act"
    )

    session = models.ForeignKey(OperatorSession, on_delete=models.PROTECT)  # of whoever proposed it
    tenant = models.CharField(max_length=40, blank=True, db_index=True)
    kind = models.CharField(max_length=40)  # a code of the console's table of grave acts
    about = models.CharField(max_length=64, blank=True)  # a number or a slug
    why = models.CharField(max_length=200)
    at = models.DateTimeField()
    from_then_alone = models.DateTimeField(null=True)  # where there is one operator: when they may do it themselves
    expires = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    second = models.CharField(max_length=64, blank=True)
    settled = models.DateTimeField(null=True)
    act = models.OneToOneField(OperatorAct, on_delete=models.SET_NULL, null=True)  # as the tenant reads it

    def __str__(self) -> str:
        return f"proposal {self.pk}: {self.kind}"
