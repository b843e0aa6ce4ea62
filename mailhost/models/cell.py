"""Two tables of one row each: which cell this database belongs to, and the version of its routes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class CellIdentity(models.Model):
    """Written once, when the database is made; compared with SKERRY_CELL and the cell's certificate at each start."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell certificate_sha256")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    cell = models.CharField(max_length=8)
    certificate_sha256 = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(id=1), name="one_cell_identity")]

    def __str__(self) -> str:
        return self.cell


class RouteVersion(models.Model):
    """Raised by triggers on the routing tables and by nothing else; route caches compare it."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="version")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=1)

    def __str__(self) -> str:
        return str(self.version)


class LostAnswer(models.Model):
    """A delivery that was stored while its sender went away before the 250; it swallows one retry."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="kept_until", derived="digest")

    digest = models.BinaryField(max_length=32, unique=True)  # keyed hash of envelope sender, mailbox and content
    kept_until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"lost answer {self.pk}"
