"""Is this the right cell? Asked by every process before it serves, and answered by three witnesses.

The setting `SKERRY_CELL`, the one row of `CellIdentity`, and the cell's certificate beside the key files must
name the same cell, and the row must carry the certificate's fingerprint. On PostgreSQL the database's own
setting is a fourth. A dump restored into the wrong cell, a copied environment file, a wrong keys folder: each
makes one of them disagree, and the process says which and stops. Nothing is repaired here: `prepare` writes each
witness once.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.apps import apps
from django.db import DatabaseError, connection

from mailhost.models import CellIdentity
from webadmin.cell import cellcert
from webadmin.cell.keyfiles import KeyFileDamaged, KeyFilesOpen, check_folder
from webadmin.environ import Environ


class NotPrepared(Exception):
    """The cell has no database or no key files yet; `skerry init` makes them."""


class OldSchema(Exception):
    """The database is older than this program. Upgrading it is a decision: old processes may still be running."""


class WrongCell(Exception):
    """The witnesses disagree; the text names both sides."""


class RestoreUnfinished(Exception):
    """A backup was restored half: the state has to be made safe before anybody serves it."""


def restoring_folder(environ: Environ) -> Path:
    """Where a restore keeps what it has unpacked; it goes with the restore's last step."""
    return environ.cell_dir / "restoring"


def refuse_unfinished(environ: Environ) -> None:
    """Raises RestoreUnfinished."""
    if restoring_folder(environ).exists():
        raise RestoreUnfinished(
            f"a restore of {environ.cell} did not come to its end: empty the database and {environ.blobs}, and run"
            " `skerry backup restore` again"
        )


def check(environ: Environ) -> None:
    """Return when all witnesses agree. Raises NotPrepared, WrongCell, OldSchema, KeyFileDamaged, DatabaseError."""
    row = stored_identity()
    if row is None:
        raise NotPrepared(f"cell {environ.cell} has no database yet; run `skerry init`")
    try:
        certificate = cellcert.read(environ.keys)
    except FileNotFoundError as missing:
        raise NotPrepared(f"{missing.filename} is missing; restore the key files, or run `skerry init`") from None
    check_folder(environ.keys)
    compare(environ.cell, row, certificate)
    compare_database_setting(environ.cell)
    if pending_migrations():
        raise OldSchema("the database is older than this program; stop its processes and run `skerry init`")


def compare(cell: str, row: CellIdentity | None, certificate: cellcert.CellCertificate) -> None:
    """The setting against the certificate and, where there is one, the row. Raises WrongCell."""
    if certificate.cell != cell:
        raise WrongCell(
            f"SKERRY_CELL is {cell} but the certificate in the keys folder is of cell {certificate.cell}: correct"
            " SKERRY_CELL, SKERRY_HOME or SKERRY_KEYS_DIR"
        )
    if row is None:
        return
    if row.cell != cell:
        raise WrongCell(
            f"SKERRY_CELL is {cell} but the database belongs to cell {row.cell}: correct SKERRY_CELL or"
            " SKERRY_DATABASE_URL; a dump of another cell must never be served here"
        )
    if row.certificate_sha256 != certificate.sha256:
        raise WrongCell(
            f"the database of {cell} was made with another certificate than the one in the keys folder: restore"
            " cell.pem and cell.key from the backup that belongs to this database"
        )


def compare_database_setting(cell: str) -> None:
    """PostgreSQL's own idea of which cell it is. Raises WrongCell, NotPrepared."""
    if connection.vendor != "postgresql":
        return
    found = database_setting()
    if not found:
        raise NotPrepared(missing_setting(cell))
    if found != cell:
        raise WrongCell(f"SKERRY_CELL is {cell} but the database's own setting skerry.cell is {found}")


def database_setting() -> str | None:
    """The value of `skerry.cell` in this connection; PostgreSQL only."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('skerry.cell', true)")
        row = cursor.fetchone()
    return str(row[0]) if row and row[0] else None


def set_statement(cell: str) -> str:
    """The statement that gives the database its setting."""
    return f"ALTER DATABASE {connection.ops.quote_name(connection.settings_dict['NAME'])} SET skerry.cell = '{cell}'"


def missing_setting(cell: str) -> str:
    return f"the database does not know its cell; run as its owner: {set_statement(cell)};"


def stored_identity() -> CellIdentity | None:
    """The row, or None where there is no row or no table yet."""
    if CellIdentity._meta.db_table not in connection.introspection.table_names():
        return None
    return CellIdentity.objects.first()


def pending_migrations() -> bool:
    """Whether the schema is older than the code."""
    # Names are enough: importing and linking the migrations would take longer than most commands of an operator.
    if "django_migrations" not in connection.introspection.table_names():
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = set(cursor.fetchall())
    return not applied >= _migrations()


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """App and name of every migration that comes with this program and with what it is built of."""
    folders = [(config.label, Path(config.path, "migrations")) for config in apps.get_app_configs()]
    return frozenset(
        (label, file.stem)
        for label, folder in folders
        if folder.is_dir()
        for file in folder.iterdir()
        if file.suffix == ".py" and not file.name.startswith(("_", "~"))
    )


EXPECTED = (RestoreUnfinished, NotPrepared, WrongCell, OldSchema, KeyFileDamaged, KeyFilesOpen, DatabaseError)


def in_words(error: Exception) -> str:
    """One sentence with its remedy for an expected error; the database's own words are cut to their first line."""
    if not isinstance(error, DatabaseError):
        return str(error)
    reason = str(error.__cause__ or error).strip().partition("\n")[0]
    return f"the database does not answer ({reason}); check SKERRY_DATABASE_URL and free space"
