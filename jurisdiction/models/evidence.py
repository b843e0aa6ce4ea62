"""What shows that the machines are where they are said to be, what follows from it, and what stopped fitting."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class EvidenceItem(models.Model):
    """One piece of evidence about a node. `supports` is empty when it speaks against the declared country."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell node kind supports taken_on summary", derived="digest")

    cell = models.CharField(max_length=8)
    node = models.CharField(max_length=64)
    kind = models.CharField(max_length=20)
    supports = models.CharField(max_length=2, blank=True)
    taken_on = models.DateField()
    digest = models.CharField(max_length=64)  # of the whole document, which the ledger has as well
    summary = models.TextField()  # JSON: verdicts and milliseconds, no address of anybody

    class Meta:
        indexes: ClassVar = [models.Index(fields=["node", "kind"], name="evidence_by_node")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.node}"


class LeaseRow(models.Model):
    """Permission for one kind of a tenant's data in this cell; it ends by itself."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell tenant kind grade decided_on expires")

    cell = models.CharField(max_length=8)
    tenant = models.CharField(max_length=40)
    kind = models.CharField(max_length=20)
    grade = models.CharField(max_length=1)
    decided_on = models.DateField()
    expires = models.DateField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "kind"], name="one_lease_of_a_kind")]

    def __str__(self) -> str:
        return f"lease of {self.tenant} for {self.kind} until {self.expires}"


class Incident(models.Model):
    """A decision or its evidence drifted: while it is open, no new data of that kind is taken for that tenant."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell tenant kind opened closed reason")

    cell = models.CharField(max_length=8)
    tenant = models.CharField(max_length=40, db_index=True)
    kind = models.CharField(max_length=20)
    opened = models.DateField()
    closed = models.DateField(null=True)
    reason = models.TextField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "kind"], name="one_open_incident", condition=models.Q(closed__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"incident of {self.tenant}: {self.kind}"
