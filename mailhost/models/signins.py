"""Sign-ins to a mailbox, sealed to its owner: the host counts them and reads none."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Mailbox


class SignIn(models.Model):
    """One sign-in, as an age file that only the owner opens; the oldest go when there are too many."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox day", sealed="note")

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    day = models.DateField()
    note = models.BinaryField()

    def __str__(self) -> str:
        return f"sign-in {self.pk} of mailbox {self.mailbox_id}"
