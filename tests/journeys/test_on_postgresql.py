"""The store's tests once more, on PostgreSQL: the same files, a cluster of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import postgresql
from tests.servers.presence import need

ROOT = Path(__file__).resolve().parents[2]
# Whatever asks the database in its own words, and what the database itself refuses. Pages and decisions ask it only
# through these.
SUITES = ("tests/adapters", "tests/provision", "tests/jurisdiction/records", "tests/guards/test_cells_apart.py",
          "tests/guards/test_backups.py")  # fmt: skip


@pytest.mark.journey
@pytest.mark.postgres
def test_the_store_behaves_the_same_on_postgresql() -> None:
    if postgresql.programs() is None:
        need("initdb")
    with postgresql.cluster() as url:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *SUITES],
            cwd=ROOT,
            env={**os.environ, "SKERRY_TEST_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
