"""What was decided about mail that was to leave: one row a tenant, destination and day, for the log and the tenant."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class EgressDecision(models.Model):
    """A decision about one destination. `batch` is the log entry whose root covers it, with its place and its proof.

    The destination is a keyed hash that only this cell can make again; the row goes after some weeks.
    """

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell on public_id tenant mode verdict because policy facts_serial batch position",
        derived="destination proof",
    )

    cell = models.CharField(max_length=8)
    on = models.DateField(db_index=True)
    public_id = models.CharField(max_length=32, unique=True)  # random; queue items and bounces name it
    tenant = models.CharField(max_length=40, db_index=True)
    destination = models.BinaryField(max_length=16)  # keyed hash of the domain
    mode = models.CharField(max_length=5)  # e2e, note, tls, plain
    verdict = models.CharField(max_length=8)
    because = models.CharField(max_length=400)  # reason codes, one space between
    policy = models.CharField(max_length=64)  # digest
    facts_serial = models.BigIntegerField()
    batch = models.BigIntegerField(null=True)
    position = models.PositiveIntegerField(null=True)
    proof = models.BinaryField(default=b"")  # hashes of the way to the batch's root, one behind the other

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["destination", "tenant", "on"], name="egress_by_destination"),
            models.Index(fields=["public_id"], name="egress_unbatched", condition=models.Q(batch__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"egress decision {self.public_id[:8]}: {self.verdict}"
