"""Mail that stays in the cell for its readers to open there, and the consents that let other mail go.

Neither names a correspondent. A secure link's content is sealed to words that the cell has forgotten; its record,
which says for whom it is, to a key that only the page of its reader sends. A consent is a keyed hash that is found
when mail for that reader is about to leave, and the same address sealed to its owner, who wants to read the list.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Mailbox, Tenant


class SecureLink(models.Model):
    """One message for one reader elsewhere (`mailhost.seal.link`)."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell tenant mailbox reference made expires salt parameters opened answers blob",
        sealed="record content",
        derived="token verifier",
    )

    cell = models.CharField(max_length=8)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)  # of the author
    token = models.BinaryField(max_length=16, unique=True)  # keyed hash of what stands in the link
    verifier = models.BinaryField(max_length=32)  # keyed hash of the auth key: proves the words, opens nothing
    salt = models.BinaryField(max_length=16)
    parameters = models.CharField(max_length=40)  # of Argon2id, as text
    reference = models.CharField(max_length=8)  # what author and reader call it by
    made = models.DateField()
    expires = models.DateField(db_index=True)  # the first day on which it is gone
    opened = models.PositiveIntegerField(default=0)
    answers = models.PositiveIntegerField(default=0)
    record = models.BinaryField()
    content = models.BinaryField()  # empty: it is in the file `blob`
    blob = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["mailbox", "made"], name="links_of_mailbox")]

    def __str__(self) -> str:
        return f"secure link {self.pk}"


class LinkChoice(models.Model):
    """What a tenant chose for its secure links; a tenant without a row has the defaults of `LinkRules`."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="tenant days answers attachments")

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True)
    days = models.PositiveSmallIntegerField()
    answers = models.BooleanField(default=True)
    attachments = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"link choice of tenant {self.tenant_id}"


class Consent(models.Model):
    """An owner's consent to readable mail for one reader, as far as the policy leaves that to authors."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox made kept_until", sealed="shown", derived="digest")

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    digest = models.BinaryField(max_length=16, unique=True)  # keyed hash of mailbox and reader
    shown = models.BinaryField()  # the reader's address as an age file to the owner
    made = models.DateField()
    kept_until = models.DateField(db_index=True)  # the last day on which it counts

    def __str__(self) -> str:
        return f"consent {self.pk}"
