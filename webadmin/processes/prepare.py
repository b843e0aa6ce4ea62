"""Preparing a cell: everything that must exist before its first process serves, made once and in a safe order.

Folders, key files, the cell's certificate and the one for TLS, the schema of the cell's database and (in a child
process) of the directory's, and last the `CellIdentity` row that ties them together. Each step leaves alone what
exists, so that the same call serves a first start, an upgrade and a start after a crash; a lock keeps two of
them apart. It refuses to adopt a database that belongs to another cell.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from mailhost.models import CellIdentity, Tenant
from mailhost.provision import completing
from mailhost.provision.claims import DirectoryUnreachable
from webadmin.cell import cellcert, identity, notarial, scopes, tls
from webadmin.cell.control import DirectoryProcess
from webadmin.cell.keyfiles import read_or_make
from webadmin.environ import Environ

# What each key is for stands where it is used; all are 32 random bytes.
KEY_FILES = (
    "django.key",
    "app-password.key",
    "fake-salt.key",
    "correspondent.key",
    "domains.key",
    "factor.key",
    "wishes.key",
    "api-token.key",
    *notarial.KEY_FILES,
)


def prepare(environ: Environ, *, now: datetime, again: bool = False) -> None:
    """Make what is missing. `again`: this is a restart, and the directory is asked only when it has to learn something.

    Raises NotPrepared, WrongCell, KeyFileDamaged, Undeclared, DirectoryUnreachable, NoCertificate, DatabaseError.
    """
    _make_folders(environ)
    with _alone(environ.run / "prepare.lock"):
        for name in KEY_FILES:
            read_or_make(environ.keys / name)
        certificate = cellcert.read_or_make(environ.keys, environ.cell, now)
        identity.compare(environ.cell, identity.stored_identity(), certificate)
        give_database_its_setting(environ.cell)
        # Before anything is written: a wrong row would keep the right cell out.
        identity.compare_database_setting(environ.cell)
        if identity.pending_migrations():
            # Once for each change of a table: without one there is nothing new to find.
            scopes.refuse_undeclared()
            call_command("migrate", verbosity=0, interactive=False)
        claims = DirectoryProcess(environ)
        (claims.prepare_unless_heard if again else claims.prepare)()
        _write_identity(environ.cell, certificate)
        completing.complete(notarial.notary(environ, today=now.date()), now)
        tls.prepare(environ, now=now)
    identity.check(environ)


def ensure(environ: Environ, *, now: datetime) -> None:
    """Prepare a cell that is not; the door of every command that a person types. Raises as `prepare`, and OldSchema."""
    identity.refuse_unfinished(environ)
    try:
        identity.check(environ)
    except identity.NotPrepared:
        prepare(environ, now=now)


def _make_folders(environ: Environ) -> None:
    for folder in (environ.home, environ.cell_dir, environ.run, environ.blobs):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; a holder that dies lets go of it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def give_database_its_setting(cell: str) -> None:
    """On PostgreSQL, set `skerry.cell` where it is unset and we may; else say the statement. Raises NotPrepared."""
    if connection.vendor != "postgresql" or identity.database_setting() is not None:
        return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(identity.set_statement(cell))
    except DatabaseError:
        raise identity.NotPrepared(identity.missing_setting(cell)) from None
    # The setting reaches new connections only.
    connection.close()


def _write_identity(cell: str, certificate: cellcert.CellCertificate) -> None:
    with transaction.atomic():
        if identity.stored_identity() is not None:
            return
        if Tenant.objects.exists():
            raise identity.WrongCell(
                "the database holds tenants but does not say which cell it belongs to; restore it from a whole backup"
            )
        CellIdentity.objects.create(id=1, cell=cell, certificate_sha256=certificate.sha256)


EXPECTED = (
    *identity.EXPECTED,
    *notarial.EXPECTED,
    scopes.Undeclared,
    DirectoryUnreachable,
    tls.NoCertificate,
)
