"""A cell's PostgreSQL database made by `infra/postgresql/cell.sql`: it knows its cell and Skerry cannot change that."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.servers import postgresql
from tests.servers.presence import need

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "infra" / "postgresql" / "cell.sql"

pytestmark = [pytest.mark.journey, pytest.mark.postgres]


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """URL of the database of cell no-1 under Skerry's own role."""
    if postgresql.programs() is None:
        need("initdb")
    with postgresql.cluster() as superuser_url:
        subprocess.run(
            [
                "psql",
                "--no-psqlrc",
                "--quiet",
                "--set=cell=no-1",
                "--set=password=longandrandom",
                f"--file={SCRIPT}",
                superuser_url,
            ],
            check=True,
            capture_output=True,
        )
        address = superuser_url.partition("@")[2].partition("/")[0]
        yield f"postgresql://skerry_no_1:longandrandom@{address}/skerry_no_1"


def _initialise(url: str, home: Path, cell: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from webadmin.cli import main; main()", "init", "--json"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "SKERRY_HOME": str(home), "SKERRY_CELL": cell, "SKERRY_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_skerry_prepares_its_cell_there_and_no_other(database_url: str, tmp_path: Path) -> None:
    astray = _initialise(database_url, tmp_path / "astray", "is-1")
    assert astray.returncode == 1
    assert "no-1" in astray.stdout
    right = _initialise(database_url, tmp_path / "right", "no-1")
    assert right.returncode == 0, right.stdout + right.stderr


def test_skerrys_role_cannot_say_which_cell_the_database_is(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert connection.execute("SELECT current_setting('skerry.cell')").fetchone() == ("no-1",)
        for statement in (
            "ALTER DATABASE skerry_no_1 SET skerry.cell = 'is-1'",
            "CREATE DATABASE elsewhere",
            "CREATE ROLE friend LOGIN",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
