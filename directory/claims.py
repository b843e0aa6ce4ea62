"""Claims: which cell holds a tenant's slug, which cell serves a domain.

A name belongs to the cell that claimed it first until that cell gives it up. The unique columns decide a race,
not a look before the leap. A domain is kept only as HMAC-SHA256 under a key of the directory
(`<home>/directory/keys/domain-hash.key`): a thief of this database cannot even test a guess. Every function runs
in a process of the directory.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, IntegrityError, connection, transaction

from directory.models import Cell, DomainHome, TenantHome


class Refused(Exception):
    """The directory does not do it; the text says why."""


class Taken(Refused):
    """Another cell holds the name."""


class Unprepared(Refused):
    """The directory has no tables, or does not know the cell that asks."""


def domain_hash(key: bytes, domain: str) -> bytes:
    """32 bytes that stand for a domain (A-labels, lower case)."""
    return hmac.digest(key, domain.encode("ascii"), hashlib.sha256)


def register_cell(name: str, host: str) -> None:
    """Make the cell known, or take note of its new host name."""
    Cell.objects.update_or_create(name=name, defaults={"country": name[:2].upper(), "host": host})


@contextmanager
def _asked_by(cell: str) -> Iterator[None]:
    """Raises Unprepared where there are no tables, or no such cell."""
    try:
        yield
    except DatabaseError:
        if Cell._meta.db_table in connection.introspection.table_names():
            raise
    except Cell.DoesNotExist:
        pass
    else:
        return
    raise Unprepared(f"the directory knows no cell {cell}; run `skerry init` in that cell first")


def _cell(name: str) -> Cell:
    with _asked_by(name):
        return Cell.objects.get(name=name)


def claim_tenant(slug: str, cell: str) -> bool:
    """True when the slug was free, False when this cell held it already. Raises Taken, Unprepared."""
    own = _cell(cell)
    try:
        with transaction.atomic():
            home, fresh = TenantHome.objects.get_or_create(slug=slug, defaults={"cell": own})
    except IntegrityError:
        home, fresh = TenantHome.objects.get(slug=slug), False
    if home.cell_id != own.pk:
        raise Taken(f"tenant {slug!r} lives in another cell; choose another slug")
    return fresh


def release_tenant(slug: str, cell: str) -> None:
    """Give the slug up; one that this cell does not hold stays as it is. Raises Unprepared."""
    with _asked_by(cell):
        TenantHome.objects.filter(slug=slug, cell__name=cell).delete()


def claim_domain(digest: bytes, cell: str) -> bool:
    """As claim_tenant, for a domain's hash. Raises Taken, Unprepared."""
    own = _cell(cell)
    try:
        with transaction.atomic():
            home, fresh = DomainHome.objects.get_or_create(domain_hash=digest, defaults={"cell": own})
    except IntegrityError:
        home, fresh = DomainHome.objects.get(domain_hash=digest), False
    if home.cell_id != own.pk:
        raise Taken("this domain is served by another cell; delete it there first, or move the tenant")
    return fresh


def release_domain(digest: bytes, cell: str) -> None:
    """As release_tenant, for a domain's hash."""
    with _asked_by(cell):
        DomainHome.objects.filter(domain_hash=digest, cell__name=cell).delete()
