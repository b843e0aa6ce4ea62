"""The test database, migrated once for as long as no migration changes.

Running the migrations takes seconds of a core in every worker of every run. The result is kept beside pytest's own
cache, under a name that changes with every migration of ours and with Django's version; workers begin with a copy.
Django still asks whether something is left to migrate. PostgreSQL is always migrated anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from pathlib import Path

import django
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".pytest_cache" / "migrated"


def _kept() -> Path:
    """Where the database of the migrations as they are now is kept."""
    digest = hashlib.sha256(django.get_version().encode())
    for config in apps.get_app_configs():
        folder = Path(config.path) / "migrations"
        if folder.is_relative_to(ROOT):
            for file in sorted(folder.glob("*.py")):
                digest.update(f"{config.label}/{file.name}".encode() + file.read_bytes())
    return FOLDER / f"{digest.hexdigest()}.sqlite3"


def begin_with_a_copy(target: Path) -> bool:
    """Put the kept database there; whether there was one."""
    try:
        shutil.copyfile(_kept(), target)
    except FileNotFoundError:
        return False
    return True


def keep(migrated: sqlite3.Connection) -> None:
    """Keep this database for later runs, in place of what older migrations made."""
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = FOLDER / f"{os.getpid()}.new"
    copy = sqlite3.connect(made)
    try:
        migrated.backup(copy)
    finally:
        copy.close()
    for old in FOLDER.glob("*.sqlite3"):
        old.unlink(missing_ok=True)
    made.replace(_kept())
