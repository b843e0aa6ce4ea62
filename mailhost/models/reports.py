"""Reports: what others reported about the domains hosted here, and what is to be reported to others.

No correspondent stands in these tables. A reported network is one that sent mail in the domain's name, cut so that it
names a provider rather than a machine; the reporter is the organisation that wrote the report.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Domain, Tenant


class ReceivedReport(models.Model):
    """One report about one domain, once however often it came."""

    class Kind(models.TextChoices):
        DMARC = "dmarc"
        TLS = "tls"

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="domain kind day reporter proven", derived="digest")

    domain = models.ForeignKey(Domain, on_delete=models.CASCADE, db_index=False)
    kind = models.CharField(max_length=5, choices=Kind)
    day = models.DateField()
    reporter = models.CharField(max_length=100)  # the organisation, as it calls itself
    proven = models.BooleanField()  # DMARC vouched for the mail that brought it
    digest = models.BinaryField(max_length=16, unique=True)  # of the report's own identifiers

    class Meta:
        indexes: ClassVar = [models.Index(fields=["domain", "day"], name="report_by_domain")]

    def __str__(self) -> str:
        return f"report {self.pk}"


class ReportedMail(models.Model):
    """Messages sent in the domain's name from one network."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="report network disposition aligned_dkim aligned_spf messages")

    report = models.ForeignKey(ReceivedReport, on_delete=models.CASCADE)
    network = models.CharField(max_length=43)
    disposition = models.CharField(max_length=10)
    aligned_dkim = models.BooleanField()
    aligned_spf = models.BooleanField()
    messages = models.BigIntegerField()

    def __str__(self) -> str:
        return f"reported mail {self.pk}"


class ReportedSessions(models.Model):
    """Connections for the domain's mail, by policy and result."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="report policy result sessions")

    report = models.ForeignKey(ReceivedReport, on_delete=models.CASCADE)
    policy = models.CharField(max_length=20)
    result = models.CharField(max_length=40)
    sessions = models.BigIntegerField()

    def __str__(self) -> str:
        return f"reported sessions {self.pk}"


class ReportAddress(models.Model):
    """An address hosted here whose mail is delivered as all mail is, and whose reports are counted besides."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="tenant address")

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE)
    address = models.CharField(max_length=320, unique=True)  # in normal form

    def __str__(self) -> str:
        return f"report address {self.pk}"


class DmarcSeen(models.Model):
    """Messages of one day that went the same way, until the day is reported to the authors' domains."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="day messages", derived="digest", locked="detail")

    day = models.DateField()
    digest = models.BinaryField(max_length=16)  # keyed hash of all that the detail says
    messages = models.PositiveBigIntegerField()
    detail = models.BinaryField()  # a box of the cell's key: sending host, domains, what SPF and DKIM found

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["day", "digest"], name="dmarc_seen_once_a_day")]

    def __str__(self) -> str:
        return f"DMARC outcome {self.pk}"
