"""Who may send as whom, and how much a day."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Mailbox, Tenant


class SenderGrant(models.Model):
    """A mailbox may send as an address of its tenant that is not its own."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell mailbox address")

    cell = models.CharField(max_length=8)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, db_index=False)
    address = models.CharField(max_length=320)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "address"], name="granted_once")]

    def __str__(self) -> str:
        return f"grant {self.pk}"


class SendingLimit(models.Model):
    """Recipients a day of one mailbox, or without one of a whole tenant, where they differ from the usual."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="tenant mailbox recipients new")

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, null=True)
    recipients = models.PositiveIntegerField()
    new = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(mailbox=None), name="one_sending_limit_a_tenant"
            )
        ]

    def __str__(self) -> str:
        return f"sending limit {self.pk}"
