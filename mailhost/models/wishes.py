"""What an owner wants done with mail that arrives: filters, forwards, the answer while away.

The host has to read them at the moment of a delivery, so they cannot be sealed to the owner. They are sealed to a key
file of the cell that is in no backup: a stolen table names no correspondent, and the machine itself reads them.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Mailbox


class OwnerWishes(models.Model):
    """All wishes of one mailbox, as one locked text. The row stays when there are none, so that no version returns."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell mailbox version in_force", locked="text")

    cell = models.CharField(max_length=8)
    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, primary_key=True)
    version = models.PositiveIntegerField()
    in_force = models.BooleanField()
    text = models.BinaryField()  # `mailhost.rules.text`, padded, in a box of the cell's key for wishes

    def __str__(self) -> str:
        return f"wishes of mailbox {self.mailbox_id}"


class ForwardAgreement(models.Model):
    """That an address elsewhere takes what a mailbox forwards to it, was asked, or wants none (see `agreements`)."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="mailbox agreed ended expires asked letters", derived="digest token newer"
    )

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    digest = models.BinaryField(max_length=16, unique=True)  # keyed hash of mailbox and reader
    token = models.BinaryField(max_length=16, unique=True, null=True)  # keyed hash of what stands in the link
    # The same of a letter of which it is not known whether it left; until then both links count.
    newer = models.BinaryField(max_length=16, unique=True, null=True)
    agreed = models.DateField(null=True)
    ended = models.DateField(null=True)
    expires = models.DateField(db_index=True)  # the last day of the link, and of the row, while nobody has agreed
    asked = models.DateTimeField(null=True)  # the full hour after the last letter
    letters = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"forward agreement {self.pk}"


class WishCount(models.Model):
    """How often something was done with an owner's mail on one day, or why it was not; rows go after a month."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox day what messages")

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, db_index=False)
    day = models.DateField()
    what = models.CharField(max_length=40)  # a reason code, never of whom
    messages = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "day", "what"], name="counted_once_a_day")]

    def __str__(self) -> str:
        return f"{self.what} of mailbox {self.mailbox_id} on {self.day}"
