"""What tenants asked for, every version of it, and which facts the cell judges by."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class PolicyVersion(models.Model):
    """One signed version of a tenant's policy; the highest version is in force. Never changed, only succeeded."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell tenant version adopted document", derived="digest signature"
    )

    cell = models.CharField(max_length=8)
    tenant = models.CharField(max_length=40)  # slug
    version = models.PositiveIntegerField()
    adopted = models.DateField()
    document = models.TextField()  # canonical JSON
    digest = models.CharField(max_length=64)  # SHA-256 in hex, as the ledger has it
    signature = models.BinaryField(max_length=64)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["tenant", "version"], name="policy_version_once")]

    def __str__(self) -> str:
        return f"policy {self.version} of {self.tenant}"


class AcceptedFacts(models.Model):
    """The facts bundle this cell accepted last; an older one is never taken (one row)."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="serial accepted", derived="digest")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    serial = models.BigIntegerField()
    digest = models.CharField(max_length=64)
    accepted = models.DateField()

    def __str__(self) -> str:
        return f"facts {self.serial}"
