"""What is remembered about the way to other hosts: their domains' policies and how encrypted delivery went.

Whom this cell writes to is nobody's business, so both are known by a keyed hash only; what they say is sealed to a
key outside the database, and both end by themselves.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class StsPolicy(models.Model):
    """A domain's MTA-STS policy as it was fetched."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="kept_until", derived="digest", locked="policy")

    digest = models.BinaryField(max_length=16, unique=True)  # keyed hash of the domain
    kept_until = models.DateTimeField(db_index=True)  # rounded up to the day
    policy = models.BinaryField()

    def __str__(self) -> str:
        return f"policy {self.pk}"


class TlsSessions(models.Model):
    """Sessions of one day that went the same way: same domain, same policy, same host, same result."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="day sessions", derived="digest", locked="detail")

    day = models.DateField()
    digest = models.BinaryField(max_length=16)  # keyed hash of all that the detail says
    sessions = models.PositiveBigIntegerField()
    detail = models.BinaryField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["day", "digest"], name="tls_sessions_once_a_day")]

    def __str__(self) -> str:
        return f"TLS sessions {self.pk}"
