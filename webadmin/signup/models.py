"""What signup remembers: vouchers, who may ask for names for now, and names that are not given twice.

No address, no IP, no person: a name is a keyed hash of its look-alike form (`names.skeleton`), so that the table tells
nobody who tried to sign up, or who was here before.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class Voucher(models.Model):
    """An operator vouches for whoever shows the code: no proof of work, no hold on their mail."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="note uses_left expires created", derived="digest")

    digest = models.BinaryField(max_length=32, unique=True)  # keyed hash of the code
    note = models.CharField(max_length=60, blank=True)  # the operator's own words
    uses_left = models.PositiveIntegerField()
    expires = models.DateField()
    created = models.DateField()

    def __str__(self) -> str:
        return f"voucher {self.pk}"


class Pass(models.Model):
    """A proof of work or a voucher that was shown, and how many names were asked for with it. Forgets itself."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="asked forget_at", derived="digest")

    digest = models.BinaryField(max_length=32, primary_key=True)
    asked = models.PositiveIntegerField(default=0)
    forget_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"a pass that asked {self.asked} times"


class HeldName(models.Model):
    """A local part of the shared domain: reserved by a signup under way, or given for good, also when it is gone."""

    RESERVED: ClassVar[timedelta] = timedelta(days=1)

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="until", derived="digest holder")

    digest = models.BinaryField(max_length=32, primary_key=True)  # keyed hash of the name's skeleton
    holder = models.BinaryField(max_length=32, null=True)  # hash of the signup's number; null when it is given
    until = models.DateTimeField(null=True, db_index=True)  # end of a reservation; null when it is given

    def __str__(self) -> str:
        return "a name that is held"
