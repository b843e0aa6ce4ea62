"""The cell's whole database as one file, and back: SQLite's own online copy, PostgreSQL's `pg_dump`.

A dump is taken while the cell runs and is the state of one moment. It is loaded into an empty database only: what is
there is never overwritten. On PostgreSQL the programs get by environment all that the database's URL says of the
connection, how its server is recognised included; arguments, the password among them, every user of the machine sees.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from django.db import connection

from mailhost.adapters.blobs import sync_folder

# A copy in several steps begins anew whenever somebody writes between two of them, so on a busy cell it never ends. In
# one step it reads one moment of the database, and with a write-ahead log nobody waits for it.
ALL_PAGES: Final = -1
PATIENCE: Final = 20.0  # seconds that a copy waits for a lock
# A dump is in the encoding of its database, whatever this program speaks with it.
NOT_FOR_DUMPS: Final = frozenset({"client_encoding"})
# Options without a variable that change neither where a connection goes nor who may read it.
HARMLESS: Final = frozenset(
    {"fallback_application_name", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"}
    | {"tcp_user_timeout"}
)


class CannotDump(Exception):
    """The database could not be copied or filled; the text says why."""


def engine() -> str:
    """`sqlite` or `postgresql`: a dump of one is not loaded into the other."""
    return connection.vendor


def is_empty() -> bool:
    """Whether the database has no tables yet."""
    return not connection.introspection.table_names()


def dump(target: Path) -> None:
    """Copy the database into the file `target`. Raises CannotDump."""
    if connection.vendor == "postgresql":
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")
        return
    copy_sqlite(_path(), target)


def copy_sqlite(path: str, target: Path) -> None:
    """Copy a database file that is in use, as it is at one moment. Raises CannotDump."""
    source = sqlite3.connect(path, timeout=PATIENCE)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy, pages=ALL_PAGES)
        # The copy stands alone: one file, without a log beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as problem:
        raise CannotDump(f"the database could not be copied ({problem})") from None
    finally:
        copy.close()
        source.close()


def load(source: Path) -> None:
    """Fill the empty database from a dump of the same engine. Raises CannotDump."""
    if not is_empty():
        raise CannotDump("the database is not empty; a backup is restored into an empty one and replaces nothing")
    if connection.vendor == "postgresql":
        words = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
        name = str(connection.settings_dict["NAME"])
        connection.close()
        _run("pg_restore", *words, f"--dbname={name}", str(source))
        return
    check(source)
    connection.close()
    path = Path(_path())
    for beside in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        beside.unlink(missing_ok=True)
    with source.open("rb") as dump, path.open("xb") as database:
        path.chmod(0o600)
        shutil.copyfileobj(dump, database, 1 << 20)
        database.flush()
        os.fsync(database.fileno())
    sync_folder(path.parent)


def check(source: Path) -> None:
    """Whether a dump of this engine is whole, as far as its file tells. Raises CannotDump."""
    if connection.vendor == "postgresql":
        _run("pg_restore", "--list", str(source))
        return
    try:
        copy = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        try:
            found = copy.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            copy.close()
    except sqlite3.Error as problem:
        raise CannotDump(f"the backup's database is damaged ({problem})") from None
    if found != ("ok",):
        raise CannotDump("the backup's database is damaged")


def _path() -> str:
    return str(connection.settings_dict["NAME"])


def libpq_environment(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The environment in which PostgreSQL's programs connect as Django does. Raises CannotDump.

    `parameters`: those of Django's connection, with every option that `SKERRY_DATABASE_URL` names.
    """
    # Imported where it is used: on SQLite nobody needs it.
    from psycopg import pq  # noqa: PLC0415

    found = {}
    for option in pq.Conninfo.get_defaults():
        keyword, value = option.keyword.decode("ascii"), parameters.get(option.keyword.decode("ascii"))
        if keyword in NOT_FOR_DUMPS or value in (None, ""):
            continue
        if option.envvar is not None:
            found[option.envvar.decode("ascii")] = str(value)
        elif keyword not in HARMLESS:
            raise CannotDump(f"{keyword} in SKERRY_DATABASE_URL cannot be told to PostgreSQL's programs; leave it out")
    return found


def _run(program: str, *words: str) -> None:
    where = shutil.which(program)
    if where is None:
        raise CannotDump(f"{program} is not installed: apt install postgresql-client")
    environment = libpq_environment(connection.get_connection_params())
    done = subprocess.run(  # noqa: S603  # a program of PostgreSQL's, arguments as a list
        [where, *words],
        env={"PATH": f"{Path(where).parent}:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it does not say why"])[0]
        raise CannotDump(f"{program} failed: {said}")
