"""What a hosted domain proves itself with: DKIM keys, and what the DNS said about its records when last asked.

Private keys are age files to the cell's domain key, which is a file outside the database: a dump signs nothing.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope
from mailhost.models.tenancy import Domain


class DkimKey(models.Model):
    """One selector of a domain that is not empty; its life is `mailhost.mailauth.selectors`."""

    class State(models.TextChoices):
        PUBLISHED = "published"
        SIGNING = "signing"
        RETIRED = "retired"

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(
        clear="cell domain selector state algorithm since record", locked="private"
    )

    cell = models.CharField(max_length=8)
    domain = models.ForeignKey(Domain, on_delete=models.CASCADE)
    selector = models.CharField(max_length=8)
    state = models.CharField(max_length=10, choices=State)
    algorithm = models.CharField(max_length=20)  # as in a= of a signature
    since = models.DateField()  # day of the last step
    record = models.TextField()  # the TXT record to publish
    private = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["domain", "selector"], name="selector_once")]

    def __str__(self) -> str:
        return f"{self.selector} of domain {self.domain_id}"


class DomainCheck(models.Model):
    """The state of a domain's DNS records when they were last looked up."""

    scope: ClassVar[Scope] = Scope.CELL
    # What is in the public DNS about the domain, and nothing of anybody who writes to it.
    disclosure: ClassVar[Disclosure] = Disclosure(clear="domain checked due problems results")

    domain = models.OneToOneField(Domain, on_delete=models.CASCADE, primary_key=True)
    checked = models.DateTimeField()
    due = models.DateTimeField(db_index=True)
    problems = models.PositiveIntegerField()
    results = models.JSONField()  # list of `mailhost.provision.domaindns.Line` as objects

    def __str__(self) -> str:
        return f"check of domain {self.domain_id}"
