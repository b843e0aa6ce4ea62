"""Preparing a cell on PostgreSQL: the database learns its cell, and a dump does not carry that over."""

from __future__ import annotations

import subprocess

import pytest

from tests.journeys.house import house
from tests.servers import postgresql
from tests.servers.presence import need

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.postgres]


def psql(url: str, statement: str) -> str:
    done = subprocess.run(
        ["psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement, url], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_database_learns_its_cell_and_a_dump_does_not_carry_it() -> None:
    if postgresql.programs() is None:
        need("initdb")
    with postgresql.cluster() as url:
        server = url.rpartition("/")[0]
        for name in ("fresh", "guarded", "abroad"):
            psql(url, f"CREATE DATABASE {name}")
        fresh = f"{server}/fresh"
        with house(SKERRY_DATABASE_URL=fresh) as cell:
            cell.loaded = True
            cell.skerry("tenant", "add", "harbour")
            assert psql(fresh, "SHOW skerry.cell") == "is-1"
            assert cell.skerry("doctor")["ok"]

        # A role that may use the database and not alter it is told the statement, and nothing is half made.
        psql(url, "CREATE ROLE clerk LOGIN")
        psql(f"{server}/guarded", "GRANT ALL ON SCHEMA public TO clerk")
        guarded = f"{server}/guarded".replace("skerry@", "clerk@")
        with house(SKERRY_DATABASE_URL=guarded) as cell:
            cell.loaded = True
            refused = cell.skerry("tenant", "list", fails=True)["error"]
            assert "ALTER DATABASE \"guarded\" SET skerry.cell = 'is-1';" in refused
            psql(f"{server}/guarded", refused.rpartition("run as its owner: ")[2])
            assert cell.skerry("tenant", "list") == []

        # A dump that ends up in another cell's database fails by itself.
        psql(url, "ALTER DATABASE abroad SET skerry.cell = 'no-1'")
        dump = subprocess.run(["pg_dump", fresh], check=True, capture_output=True).stdout
        restored = subprocess.run(
            ["psql", "-q", "-v", "ON_ERROR_STOP=1", f"{server}/abroad"], input=dump, capture_output=True, check=False
        )
        assert restored.returncode != 0
        assert b'violates check constraint "skerry_cell_' in restored.stderr


def test_a_database_that_is_away_is_one_sentence() -> None:
    with house(SKERRY_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none") as cell:
        refused = cell.skerry("tenant", "list", fails=True)["error"]
        assert refused.startswith("the database does not answer")
        assert "\n" not in refused
        served = cell.manage("serve")
        assert served.returncode == 1
        assert "the database does not answer" in served.stderr
        assert "Traceback" not in served.stderr
