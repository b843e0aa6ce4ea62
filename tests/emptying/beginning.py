"""What the database of every test holds before it begins: the two one-row tables, and nothing else."""

from __future__ import annotations

import sqlite3

from django.conf import settings
from django.db import connection

from mailhost.models import CellIdentity, RouteVersion
from tests import photograph


def fill() -> None:
    """The rows that a prepared cell has."""
    CellIdentity.objects.get_or_create(id=1, defaults={"cell": settings.ENVIRON.cell, "certificate_sha256": ""})
    RouteVersion.objects.get_or_create(id=1)


def empty() -> None:
    """Take every row away from the tables that have some; SQLite only."""
    filled = photograph.filled()
    database: sqlite3.Connection = connection.connection
    for setting in (sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, sqlite3.SQLITE_DBCONFIG_ENABLE_FKEY):
        database.setconfig(setting, False)
    try:
        database.execute("BEGIN")
        for table in filled:
            database.execute(f'DELETE FROM "{table}"')
        database.execute("COMMIT")
    finally:
        for setting in (sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, sqlite3.SQLITE_DBCONFIG_ENABLE_FKEY):
            database.setconfig(setting, True)
