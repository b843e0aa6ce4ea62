"""Who is hosted here: tenants, their domains, mailboxes and aliases.

Each of these rows carries the id of the cell it belongs to; the database itself refuses a row of another cell
(a CHECK against the database's own setting on PostgreSQL, a trigger on SQLite, both in the first migration), so
that a dump restored into the wrong cell fails by itself.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class Tenant(models.Model):
    """An organisation, firm or family; it lives in exactly one cell."""

    class State(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"
        HELD = "held"  # it is not proven that its data may lie here: nothing new is stored, what is there can be read
        LEAVING = "leaving"  # it will be deleted (`Departure`): nothing new is stored, what is there can be fetched

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell slug name state created young_until")

    cell = models.CharField(max_length=8)
    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=12, choices=State, default=State.ACTIVE)
    created = models.DateField()
    # Until this day a tenant that nobody vouched for may write to fewer people a day; null for all others.
    young_until = models.DateField(null=True)

    def __str__(self) -> str:
        return self.slug


class Suspension(models.Model):
    """Since when a tenant is suspended, and why, in the operator's words: its people read them when they sign in."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="tenant since why")

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True)
    since = models.DateField()
    why = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"suspension of {self.tenant_id}"


class Departure(models.Model):
    """That a tenant is leaving: by whose decision, why, and when it is gone. The row goes with the tenant."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="tenant asked gone_after state_before by_operator why entry")

    tenant = models.OneToOneField(Tenant, on_delete=models.CASCADE, primary_key=True)
    asked = models.DateTimeField()
    gone_after = models.DateTimeField(db_index=True)
    state_before = models.CharField(max_length=12, choices=Tenant.State)
    by_operator = models.BooleanField()
    why = models.CharField(max_length=200, blank=True)
    entry = models.BigIntegerField()  # index in the ledger of the entry that says so

    def __str__(self) -> str:
        return f"departure of {self.tenant_id}"


class Domain(models.Model):
    """A mail domain of a tenant, in A-labels and lower case."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell tenant name verified brought catch_all sends_dmarc_reports sends_tls_reports"
    )

    cell = models.CharField(max_length=8)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    name = models.CharField(max_length=253, unique=True)
    verified = models.DateField(null=True)
    brought = models.DateField(null=True)  # since when it waits for its proof
    catch_all = models.ForeignKey("Mailbox", on_delete=models.SET_NULL, null=True, related_name="+")
    # What arrives here is told, as counts, to the domains of its authors that ask.
    sends_dmarc_reports = models.BooleanField(default=False, db_default=False)
    # How its own mail reached other domains is told, as counts, to those that ask.
    sends_tls_reports = models.BooleanField(default=False, db_default=False)

    def __str__(self) -> str:
        return self.name


class Mailbox(models.Model):
    """One owner's mail. Its address is in normal form; the keyring is opaque to the host."""

    class State(models.TextChoices):
        INVITED = "invited"
        ACTIVE = "active"
        SUSPENDED = "suspended"

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell tenant domain address state invited_at quota_bytes keyring_version uidvalidity_next",
        sealed="keyring",
    )

    cell = models.CharField(max_length=8)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE)
    address = models.CharField(max_length=320, unique=True)
    state = models.CharField(max_length=12, choices=State, default=State.INVITED)
    invited_at = models.DateTimeField()
    quota_bytes = models.BigIntegerField()
    keyring = models.BinaryField(null=True)
    keyring_version = models.PositiveIntegerField(default=0)
    # Each folder takes two values, one for each view; a name used again never gets an old value back.
    uidvalidity_next = models.BigIntegerField()

    def __str__(self) -> str:
        return f"mailbox {self.pk}"


class OwnerLanguage(models.Model):
    """In which language an owner reads the pages: letters of the house are written in it. No row: in English."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox language")

    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, primary_key=True)
    language = models.CharField(max_length=8)

    def __str__(self) -> str:
        return f"language of mailbox {self.mailbox_id}"


class MailboxUsage(models.Model):
    """What a mailbox holds, apart from its row because every delivery writes it."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="mailbox bytes messages")

    mailbox = models.OneToOneField(Mailbox, on_delete=models.CASCADE, primary_key=True)
    bytes = models.BigIntegerField(default=0)
    messages = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"usage of mailbox {self.mailbox_id}"


class Alias(models.Model):
    """Another address of a mailbox; the same address may lead to several."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell domain address mailbox")

    cell = models.CharField(max_length=8)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE)
    address = models.CharField(max_length=320, db_index=True)
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["address", "mailbox"], name="alias_once")]

    def __str__(self) -> str:
        return f"alias {self.pk}"
