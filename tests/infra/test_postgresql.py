"""A cell's PostgreSQL database made by `infra/postgresql/cell.sql`: it knows its cell and Skerry cannot change that."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.infra import burst
from tests.journeys import loaded
from tests.servers import postgresql
from tests.servers.presence import need
from webadmin.web import pooling

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "infra" / "postgresql" / "cell.sql"

pytestmark = [pytest.mark.journey, pytest.mark.postgres]


def _make(superuser_url: str, cell: str) -> str:
    """The database of a cell, made as operators make it; its URL under the cell's own role."""
    words = ["psql", "--no-psqlrc", "--quiet", f"--set=cell={cell}", "--set=password=longandrandom"]
    subprocess.run([*words, f"--file={SCRIPT}", superuser_url], check=True, capture_output=True)
    address = superuser_url.partition("@")[2].partition("/")[0]
    role = "skerry_" + cell.replace("-", "_")
    return f"postgresql://{role}:longandrandom@{address}/{role}"


@pytest.fixture(scope="module")
def cluster_url() -> Iterator[str]:
    """A database server, as its superuser sees it."""
    if postgresql.programs() is None:
        need("initdb")
    with postgresql.cluster() as superuser_url:
        yield superuser_url


@pytest.fixture(scope="module")
def database_url(cluster_url: str) -> str:
    """URL of the database of cell no-1 under Skerry's own role."""
    return _make(cluster_url, "no-1")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of cell no-1: its key files belong to that database."""
    return tmp_path_factory.mktemp("no-1")


def _skerry(url: str, home: Path, cell: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "SKERRY_HOME": str(home), "SKERRY_CELL": cell, "SKERRY_DATABASE_URL": url}
    done = loaded.run(["skerry", *words, "--json"], environment)
    return subprocess.CompletedProcess(words, done["code"], done["out"], done["err"])


def test_skerry_prepares_its_cell_there_and_no_other(database_url: str, home: Path, tmp_path: Path) -> None:
    astray = _skerry(database_url, tmp_path / "astray", "is-1", "init")
    assert astray.returncode == 1
    assert "no-1" in astray.stdout
    right = _skerry(database_url, home, "no-1", "init")
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


@pytest.mark.guards(5)
def test_a_dump_restored_into_another_cell_holds_nobody_and_is_not_served(
    database_url: str, cluster_url: str, home: Path, tmp_path: Path
) -> None:
    added = _skerry(database_url, home, "no-1", "tenant", "add", "harbour")
    assert added.returncode == 0, added.stdout + added.stderr
    dump = tmp_path / "cell.dump"
    subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", database_url], check=True, capture_output=True)
    elsewhere = _make(cluster_url, "no-2")
    restored = subprocess.run(
        ["pg_restore", "--no-owner", "--no-privileges", f"--dbname={elsewhere}", str(dump)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "skerry_cell_mailhost_tenant" in restored.stderr
    with psycopg.connect(elsewhere) as connection:
        assert connection.execute("SELECT count(*) FROM mailhost_tenant").fetchone() == (0,)
    refused = _skerry(elsewhere, tmp_path / "elsewhere", "no-2", "init")
    assert refused.returncode == 1
    assert "no-1" in refused.stdout


def test_a_burst_of_visitors_leaves_no_more_connections_than_the_web_process_may_have(
    database_url: str, home: Path
) -> None:
    environment = {"SKERRY_HOME": str(home), "SKERRY_CELL": "no-1", "SKERRY_DATABASE_URL": database_url}
    done = subprocess.run(
        [sys.executable, "-m", "tests.infra.burst"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["well"] == 2 * burst.VISITORS
    assert told["open"] <= pooling.MOST < burst.VISITORS


def test_a_dump_restored_into_its_own_cell_is_whole(database_url: str, home: Path, tmp_path: Path) -> None:
    added = _skerry(database_url, home, "no-1", "tenant", "add", "quay")
    assert added.returncode == 0, added.stdout + added.stderr
    dump = tmp_path / "cell.dump"
    subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", database_url], check=True, capture_output=True)
    with postgresql.cluster() as other_server:
        again = _make(other_server, "no-1")
        words = ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={again}", str(dump)]
        subprocess.run(words, check=True, capture_output=True)
        listed = _skerry(again, home, "no-1", "tenant", "list")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "quay" in listed.stdout
