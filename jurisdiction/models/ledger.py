"""The append-only log as rows: the entries, the tree over them, the signed heads, and other logs we witness.

An entry's bytes are exactly what its hash is over. A node is a complete subtree of RFC 6962 and never changes; with
the nodes any proof is a few look-ups. The head is the one row that appending locks. Nothing here is ever updated but
the head, cosignatures under a checkpoint, and the memory of a witness.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class LedgerHead(models.Model):
    """One row: the name and key of the log, its size, and the roots of its complete subtrees (the frontier)."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell origin public_key size", derived="peaks")

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    cell = models.CharField(max_length=8)
    origin = models.CharField(max_length=300)
    public_key = models.CharField(max_length=400)  # name+id+base64
    size = models.BigIntegerField(default=0)
    peaks = models.BinaryField(default=b"")

    def __str__(self) -> str:
        return f"ledger {self.origin} of {self.size}"


class LedgerEntry(models.Model):
    """A leaf. `id` is its index. `subject` is the keyed hash it is about, so that a tenant finds its own."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell kind leaf", derived="subject")

    id = models.BigIntegerField(primary_key=True)
    cell = models.CharField(max_length=8)
    kind = models.CharField(max_length=20)
    subject = models.CharField(max_length=64, blank=True, db_index=True)
    leaf = models.BinaryField()

    def __str__(self) -> str:
        return f"entry {self.pk} ({self.kind})"


class LedgerNode(models.Model):
    """The hash of a complete subtree: leaves position·2^level to (position+1)·2^level."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="level position", derived="digest")

    level = models.PositiveSmallIntegerField()
    position = models.BigIntegerField()
    digest = models.BinaryField(max_length=32)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["level", "position"], name="ledger_node_once")]

    def __str__(self) -> str:
        return f"node {self.level}/{self.position}"


class CheckpointRow(models.Model):
    """A signed head. `note` carries the log's signature and every cosignature that has come."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="size made note", derived="root")

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField(max_length=32)
    made = models.DateTimeField()
    note = models.TextField()

    def __str__(self) -> str:
        return f"checkpoint of {self.size}"


class WitnessedLog(models.Model):
    """What this cell, as a witness, has cosigned last of another cell's log."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="origin size seen", derived="root")

    origin = models.CharField(max_length=300, unique=True)
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    seen = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.origin} at {self.size}"
