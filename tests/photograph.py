"""What a fixture puts into the database, made once in a process and put there again as rows.

Two tenants, their policies in the ledger and a mailbox with keys are a tenth of a second of a core, and five hundred
tests begin with them. The first test in a process makes them in earnest; after that, wherever the database holds exactly
what it held then, the same rows are written in one go, with the triggers off: what they would do is in the rows.

Only rows are remembered: what a fixture does elsewhere (files, claims in a directory) it has to do each time.
On PostgreSQL everything is made in earnest each time.
"""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.db import connection, transaction

# Table → its rows, each as the SQL literals of its columns.
type Rows = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Taken:
    """What came to be, and what the maker gave back."""

    statements: tuple[str, ...]
    given: object


_ALBUM: dict[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], _Taken] = {}


def once[T](name: str, make: Callable[[], T]) -> T:
    """What `make` gives, with its rows in the database. `name` says what it makes: always the same."""
    if connection.vendor != "sqlite":
        return make()
    before = _everything()
    key = (name, tuple(before.items()))
    if key not in _ALBUM:
        given = make()
        _ALBUM[key] = _Taken(_difference(before, _everything()), copy.deepcopy(given))
        return given
    with transaction.atomic():
        database = connection.connection
        database.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        try:
            for statement in _ALBUM[key].statements:
                database.execute(statement)
        finally:
            database.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, True)
    given_again: T = copy.deepcopy(_ALBUM[key].given)  # type: ignore[assignment]  # what `make` gave under this name
    return given_again


def _everything() -> Rows:
    """Every row there is."""
    return {table: tuple(row for (row,) in connection.connection.execute(_literals(table))) for table in filled()}


def filled() -> list[str]:
    """The tables that hold rows of the product."""
    connection.ensure_connection()
    found = connection.connection.execute(_which_are_filled()).fetchone()
    return [table for table, full in zip(_columns(), found, strict=True) if full]


@cache
def _columns() -> dict[str, tuple[str, ...]]:
    """Table → its columns, for all tables that hold the product's rows."""
    ask = connection.connection.execute
    tables = [
        name
        for (name,) in ask("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        if not name.startswith("sqlite_")
        and name not in {"django_migrations", "django_content_type", "auth_permission"}
    ]
    return {table: tuple(row[1] for row in ask(f'PRAGMA table_info("{table}")')) for table in tables}


@cache
def _which_are_filled() -> str:
    return "SELECT " + ", ".join(f'EXISTS (SELECT 1 FROM "{table}")' for table in _columns())


@cache
def _literals(table: str) -> str:
    row = " || ', ' || ".join(f'quote("{column}")' for column in _columns()[table])
    return f'SELECT {row} FROM "{table}" ORDER BY rowid'


def _difference(before: Rows, after: Rows) -> tuple[str, ...]:
    """Statements that lead from the one to the other."""
    statements = []
    for table in before.keys() | after.keys():
        old, new = before.get(table, ()), after.get(table, ())
        if old != new:
            statements += [f'DELETE FROM "{table}"'] if old else []
            statements += [f'INSERT INTO "{table}" VALUES ' + ", ".join(f"({row})" for row in new)] if new else []
    return tuple(statements)
