"""Keys as the host holds them: public halves, and secrets that it cannot open.

`MailboxKey` is what mail is sealed to. The keyring (on the mailbox) is encrypted under a random keyring key;
`KeyringWrap` holds that key wrapped by something only the owner has. An app password is a keyed hash, and with
session access one more wrap.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Mailbox


class MailboxKey(models.Model):
    """A public identity of a mailbox; the highest serial is the current one."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="mailbox serial recipient signing_key created", derived="log_label"
    )

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    serial = models.PositiveIntegerField()
    recipient = models.TextField()  # age1pq1…
    signing_key = models.BinaryField(max_length=32)  # Ed25519 public key
    created = models.DateField()
    # Where the key log has the address's keys: Argon2id over the address, which takes too long for a page. None: not
    # made yet. It tells who reads this table nothing that the address beside it does not.
    log_label = models.BinaryField(max_length=32, null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "serial"], name="key_serial_once")]

    def __str__(self) -> str:
        return f"key {self.serial} of mailbox {self.mailbox_id}"


class KeyringWrap(models.Model):
    """The keyring key, wrapped for one way of opening it."""

    class Kind(models.TextChoices):
        PASSWORD = "password"  # noqa: S105  # the name of a kind of wrap, not a secret
        RECOVERY = "recovery"
        TENANT = "tenant"

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="mailbox kind salt argon2_ops argon2_memory_kib", sealed="wrap", derived="auth_hash"
    )

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    kind = models.CharField(max_length=10, choices=Kind)
    wrap = models.BinaryField()
    salt = models.BinaryField(max_length=16, null=True)
    argon2_ops = models.PositiveIntegerField(null=True)
    argon2_memory_kib = models.PositiveIntegerField(null=True)
    auth_hash = models.BinaryField(null=True)  # keyed hash of auth_key: proves the password, opens nothing

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["mailbox", "kind"], name="one_wrap_of_a_kind")]

    def __str__(self) -> str:
        return f"{self.kind} wrap of mailbox {self.mailbox_id}"


class AppPassword(models.Model):
    """A password for one mail program: random, scoped, revocable."""

    class Access(models.TextChoices):
        SEALED = "sealed"
        SESSION = "session"

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="mailbox name access created expires revoked", sealed="wrap", derived="secret_hash"
    )

    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)
    name = models.CharField(max_length=60)
    access = models.CharField(max_length=8, choices=Access)
    secret_hash = models.BinaryField(max_length=32, unique=True)
    wrap = models.BinaryField(null=True)
    created = models.DateField()
    expires = models.DateField(null=True)
    revoked = models.DateField(null=True)

    def __str__(self) -> str:
        return f"app password {self.pk} of mailbox {self.mailbox_id}"
