"""Accounts, their sessions and second factors, and the little that is remembered about failed sign-ins.

Nothing here says from where or with what somebody came: no IP address, no browser's name. Times are days or hours. A
session's row has the hash of the key that the browser holds, so that a copy of the table signs nobody in; what
guards a second factor is either useless without a key file or public by nature.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models import Mailbox, Tenant

MAX_NAME: Final = 64  # of an operator; the width of the operators' column in the tenants' log
MAX_WORDS: Final = 60  # what somebody calls a browser or a key of theirs


class Accounts(BaseUserManager["Account"]):
    """Accounts by their name; mailbox owners have none and are found by their mailbox."""

    def get_by_natural_key(self, username: str | None) -> Account:
        return self.get(name=username)


class Account(AbstractBaseUser):
    """Somebody who signs in. Exactly one of `name` (an operator) and `mailbox` (its owner) is there."""

    class Role(models.TextChoices):
        NONE = "none"
        ADMIN = "admin"
        OWNER = "owner"

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell name mailbox role is_active created", derived="password")

    cell = models.CharField(max_length=8)
    name = models.CharField(max_length=MAX_NAME, unique=True, null=True)  # noqa: DJ001  # an owner has none: NULLs are not equal
    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, null=True)
    role = models.CharField(max_length=5, choices=Role, default=Role.NONE)  # in the mailbox's tenant
    is_active = models.BooleanField(default=True)
    created = models.DateField()
    password = models.CharField(max_length=128)  # Argon2 of an operator's password; of others a mark that fits none
    last_login = None  # a session says when it was last used, to the hour; nothing else does

    objects: ClassVar[Accounts] = Accounts()
    USERNAME_FIELD = "name"

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(name__isnull=False, mailbox__isnull=True, role="none")
                | models.Q(name__isnull=True, mailbox__isnull=False),
                name="operator_or_owner",
            )
        ]

    def __str__(self) -> str:
        return self.name or f"account {self.pk}"

    @property
    def is_operator(self) -> bool:
        return self.name is not None

    @property
    def shown_name(self) -> str:
        """What the pages call the account: to its own holder only."""
        return self.name or (self.mailbox.address if self.mailbox else "")

    @property
    def tenant(self) -> Tenant | None:
        return self.mailbox.tenant if self.mailbox else None

    @property
    def runs_tenant(self) -> bool:
        return self.role != self.Role.NONE

    @property
    def needs_second_factor(self) -> bool:
        """Whether a password alone opens nothing but the page that asks for the second factor."""
        return self.is_operator or self.runs_tenant

    # Django's admin asks these four; `web.access` has decided before that only operators come there.
    @property
    def is_staff(self) -> bool:
        return self.is_operator

    @property
    def is_superuser(self) -> bool:
        return False

    def has_perm(self, permission: str, _row: object = None) -> bool:
        """Operators may look at rows; changing them is for the console's own pages and the command line."""
        return self.is_active and self.is_operator and ".view_" in permission

    def has_module_perms(self, _label: str) -> bool:
        return self.is_active and self.is_operator


class WebSession(AbstractBaseSession):
    """One browser that is signed in, or about to be. `session_key` is a SHA-256: the browser holds what it is of."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell account created used words session_data expire_date", derived="session_key"
    )

    session_key = models.CharField(max_length=64, primary_key=True)
    cell = models.CharField(max_length=8)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True)
    created = models.DateTimeField()  # to the hour, like the next and the end
    used = models.DateTimeField()
    words = models.CharField(max_length=MAX_WORDS, blank=True)  # what its holder calls this browser

    objects: ClassVar[BaseSessionManager[WebSession]] = BaseSessionManager()  # type: ignore[assignment]  # Self

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        verbose_name = "session"
        verbose_name_plural = "sessions"

    def __str__(self) -> str:
        return f"session of account {self.account_id}"


class Passkey(models.Model):
    """A public key whose secret an authenticator keeps (WebAuthn)."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="account words credential_id public_key sign_count created used"
    )

    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    words = models.CharField(max_length=MAX_WORDS)
    credential_id = models.BinaryField(max_length=1023, unique=True)
    public_key = models.BinaryField(max_length=1023)
    sign_count = models.BigIntegerField(default=0)
    created = models.DateField()
    used = models.DateField(null=True)

    def __str__(self) -> str:
        return f"passkey {self.pk} of account {self.account_id}"


class Authenticator(models.Model):
    """A program that makes six digits from a shared secret (TOTP). The secret is encrypted under `factor.key`."""

    scope: ClassVar[Scope] = Scope.CELL
    # The host must know the secret to check a code, so it is clear whatever the column holds.
    disclosure: ClassVar[Disclosure] = Disclosure(clear="account secret last_step created")

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True)
    secret = models.BinaryField(max_length=128)
    last_step = models.BigIntegerField(default=0)  # a code counts once: later ones must be of a later step
    created = models.DateField()

    def __str__(self) -> str:
        return f"authenticator of account {self.account_id}"


class RecoveryCode(models.Model):
    """A way back in when every other second factor is lost; counts once."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="account used", derived="digest")

    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    digest = models.BinaryField(max_length=32, unique=True)  # keyed hash of account and code
    used = models.DateField(null=True)

    def __str__(self) -> str:
        return f"recovery code of account {self.account_id}"


class Failures(models.Model):
    """How often signing in failed under one name: from strangers' browsers, or from one known one. Forgets itself."""

    KEPT: ClassVar[timedelta] = timedelta(days=1)

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="count wait_until forget_at", derived="digest")

    digest = models.BinaryField(max_length=32, primary_key=True)  # keyed hash of the name, or of name and browser
    count = models.PositiveIntegerField(default=0)
    wait_until = models.DateTimeField()
    forget_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} failures"


class SentForm(models.Model):
    """A form that was sent and done, so that sending it again does nothing. Forgets itself."""

    KEPT: ClassVar[timedelta] = timedelta(days=1)

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="location forget_at", derived="digest")

    digest = models.BinaryField(max_length=32, primary_key=True)  # of the form's token and its sender
    location = models.CharField(max_length=300)  # where its sender was led
    forget_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return "a form that was sent"
