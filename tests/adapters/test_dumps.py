"""Copies of a database that others go on writing to."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mailhost.adapters.dumps import CannotDump, copy_sqlite, libpq_environment
from tests.patience import PATIENCE

ROWS = 3000  # of one page each: more than a copy takes in one small step
WRITER = """
import sqlite3, sys
own = sqlite3.connect(sys.argv[1], timeout=120, isolation_level=None)
own.execute("PRAGMA synchronous=OFF")
print("writing", flush=True)
while True:
    own.execute("UPDATE page SET filling = randomblob(4000) WHERE rowid = 1")
"""


def test_a_copy_comes_to_its_end_while_others_write_all_the_time(tmp_path: Path) -> None:
    path, target = tmp_path / "cell", tmp_path / "copy"
    own = sqlite3.connect(path)
    own.execute("PRAGMA journal_mode=WAL")
    own.execute("CREATE TABLE page (filling)")
    own.executemany("INSERT INTO page VALUES (zeroblob(4000))", [()] * ROWS)
    own.commit()
    copying = threading.Thread(target=copy_sqlite, args=(str(path), target))
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            copying.start()
            copying.join(timeout=PATIENCE)
            ended = not copying.is_alive()
        finally:
            writer.kill()
    copying.join()
    own.close()
    assert ended
    with sqlite3.connect(target) as copy:
        assert copy.execute("SELECT COUNT(*) FROM page").fetchone() == (ROWS,)
        assert copy.execute("PRAGMA quick_check").fetchone() == ("ok",)
    copy.close()


def test_postgresqls_programs_connect_as_strictly_as_the_cell() -> None:
    parameters = {
        "host": "db.example.is",
        "port": 5433,
        "user": "skerry",
        "password": "longandrandom",
        "dbname": "skerry_is_1",
        "sslmode": "verify-full",
        "sslrootcert": "/etc/skerry/ca.pem",
        "channel_binding": "require",
        "keepalives_idle": "30",
        # What is Django's or psycopg's own.
        "client_encoding": "UTF8",
        "prepare_threshold": None,
        "cursor_factory": object,
        "pool": {"max_size": 10},
    }
    assert libpq_environment(parameters) == {
        "PGHOST": "db.example.is",
        "PGPORT": "5433",
        "PGUSER": "skerry",
        "PGPASSWORD": "longandrandom",
        "PGDATABASE": "skerry_is_1",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/etc/skerry/ca.pem",
        "PGCHANNELBINDING": "require",
    }


def test_an_option_that_the_programs_cannot_be_told_is_named() -> None:
    with pytest.raises(CannotDump, match="sslpassword in SKERRY_DATABASE_URL"):
        libpq_environment({"host": "db.example.is", "sslpassword": "word"})
