"""What was decided and why, for the tenant to read: codes, never a correspondent."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class DecisionRecord(models.Model):
    """One answer of `decide` that something was done or refused on. `tenant` is empty where the cell itself asked."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell on point question tenant asset verdict because facts policy facts_serial expires"
    )

    cell = models.CharField(max_length=8)
    on = models.DateField()
    point = models.PositiveSmallIntegerField()  # number of the enforcement point
    question = models.CharField(max_length=12)  # place, egress, operator, legal, law_change
    tenant = models.CharField(max_length=40, blank=True, db_index=True)
    asset = models.CharField(max_length=40)  # kind of what was placed or done
    verdict = models.CharField(max_length=8)
    because = models.TextField()  # reason codes, one space between
    facts = models.TextField(blank=True)  # ids of facts
    policy = models.CharField(max_length=64)  # digest
    facts_serial = models.BigIntegerField()
    expires = models.DateField(null=True)

    def __str__(self) -> str:
        return f"{self.verdict} {self.asset} ({self.because})"
