"""What is remembered of those who write to the cell, and what its tenants want done with doubtful mail.

Nobody who writes is named here: a `SeenSender` is a digest that only the cell can make again, and of times the day
(while a stranger is put off, the minute, for a day at most).
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Tenant


class SeenSender(models.Model):
    """A sender that came before, or one that was told to come again."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="since kept_until", derived="digest")

    digest = models.BinaryField(max_length=16, unique=True)  # keyed hash, see mailhost.reputation.memory
    since = models.DateTimeField()
    kept_until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"seen sender {self.pk}"


class ReceivingChoice(models.Model):
    """What a tenant chose for mail that arrives; a tenant without a row has the defaults of `ReceivePolicy`."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="tenant refuse_when_asked refuse_spam trusted_sealers")

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True)
    refuse_when_asked = models.BooleanField(default=False)
    refuse_spam = models.BooleanField(default=True)
    trusted_sealers = models.TextField(blank=True)  # domains of forwarders the tenant trusts, one a line

    def __str__(self) -> str:
        return f"receiving choice of tenant {self.tenant_id}"
