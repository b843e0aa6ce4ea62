"""Tokens, and POSTs that were answered. A copy of these tables opens nothing and tells no answer.

A token is 128 random bits that only its holder has: here stands a keyed hash. The answer to a POST may hold an address
or a new app password, so it is kept in a box whose key is made from the token itself.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models import Tenant


class ApiToken(models.Model):
    """A program that may act for a tenant, or for an operator. Exactly one of `tenant` and `operator` is there."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell tenant operator name rights created expires used", derived="digest"
    )

    cell = models.CharField(max_length=8)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, null=True)
    operator = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=60)  # its maker's own words
    digest = models.BinaryField(max_length=32, unique=True)  # keyed hash of the token
    rights = models.CharField(max_length=400)
    created = models.DateField()
    expires = models.DateField()  # from this day on it is refused
    used = models.DateField(null=True)  # the last day

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(tenant__isnull=False, operator="")
                | (models.Q(tenant__isnull=True) & ~models.Q(operator="")),
                name="of_tenant_or_operator",
            )
        ]

    def __str__(self) -> str:
        return f"token {self.pk}"


class AnsweredPost(models.Model):
    """A POST with an idempotency key: under way, or answered. Forgets itself."""

    KEPT: ClassVar[timedelta] = timedelta(days=1)

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="status forget_at", derived="digest asked", sealed="answer")

    digest = models.BinaryField(max_length=32, primary_key=True)  # of the token and the key its holder chose
    asked = models.BinaryField(max_length=32)  # keyed, of address and body: one key for two requests is a mistake
    status = models.PositiveSmallIntegerField(default=0)  # 0: under way
    answer = models.BinaryField(default=b"")  # in a box under a key from the token, which this cell does not keep
    forget_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return "a POST that was answered"
