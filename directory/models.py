"""The directory, or control plane: which cell holds which tenant and which domain. Nothing about persons.

It knows cell ids and hosts, tenant slugs, and domains as keyed hashes; no address, IP, message or password has
a column here (a test introspects the tables). It answers "which cell?" at signup and refuses a slug or a domain
that another cell already holds.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class Cell(models.Model):
    """A mail host on its own island of law."""

    scope: ClassVar[Scope] = Scope.DIRECTORY
    disclosure: ClassVar[Disclosure] = Disclosure(clear="name country host")

    name = models.CharField(max_length=8, unique=True)
    country = models.CharField(max_length=2)
    host = models.CharField(max_length=253)

    def __str__(self) -> str:
        return self.name


class TenantHome(models.Model):
    """The one cell a tenant lives in."""

    scope: ClassVar[Scope] = Scope.DIRECTORY
    disclosure: ClassVar[Disclosure] = Disclosure(clear="slug cell")

    slug = models.CharField(max_length=40, unique=True)
    cell = models.ForeignKey(Cell, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.slug


class DomainHome(models.Model):
    """The one cell a mail domain is served by; the domain itself is only here as a keyed hash."""

    scope: ClassVar[Scope] = Scope.DIRECTORY
    disclosure: ClassVar[Disclosure] = Disclosure(clear="cell", derived="domain_hash")

    domain_hash = models.BinaryField(max_length=32, unique=True)
    cell = models.ForeignKey(Cell, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return bytes(self.domain_hash).hex()[:12]
