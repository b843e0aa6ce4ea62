"""Background work in real processes: a folder or Redis as broker, workers killed, dumps carried to another cell."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.journeys.house import ROOT, House, neighbour, prepared
from tests.journeys.test_serve import wait_for
from tests.patience import PATIENCE, eventually
from tests.servers.ports import free_port
from tests.servers.presence import need

pytestmark = [pytest.mark.journey, pytest.mark.slow]
WORKERS = {"SKERRY_SMTPD_WORKERS": "1", "SKERRY_IMAPD_WORKERS": "1"}


def jobs(cell: House, name: str = "is-1") -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(f"file:{cell.home / name / 'cell.sqlite3'}?mode=ro", uri=True)) as database:
        return list(database.execute("SELECT kind, state, attempts FROM mailhost_job ORDER BY id"))


def wait_until_done(cell: House, count: int) -> None:
    eventually(
        lambda: sum(state == "done" for _, state, _ in jobs(cell)) >= count, lambda: (jobs(cell), cell.log[-2000:])
    )


def publish(cell: House, kind: str) -> None:
    """A row that nobody was woken for: as after a wake-up that was lost."""
    with closing(sqlite3.connect(cell.home / "is-1" / "cell.sqlite3", timeout=20)) as database, database:
        database.execute(
            "INSERT INTO mailhost_job (cell, kind, tenant, policy, state, attempts, due, reason)"
            " VALUES ('is-1', ?, '', '', 'waiting', 0, datetime('now', '-1 hour'), '')",
            [kind],
        )


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """URL of a Redis of our own, on loopback, that keeps nothing."""
    need("redis-server", "redis-cli")
    port = free_port()
    words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        ping = ["redis-cli", "-p", str(port), "PING"]
        eventually(
            lambda: subprocess.run(ping, capture_output=True, check=False).returncode == 0,
            lambda: f"Redis does not answer, its exit code is {server.poll()}",
        )
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(PATIENCE)


@pytest.fixture(scope="module")
def running() -> Iterator[House]:
    """A cell whose worker has done what a cell begins with."""
    with prepared(**WORKERS) as cell:
        cell.start()
        wait_until_done(cell, 3)
        yield cell


def _refused(cell: House) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(cell.home / "is-1" / "cell.sqlite3", timeout=20)) as database:
        return list(database.execute("SELECT verdict, because FROM jurisdiction_decisionrecord WHERE point = 4"))


@pytest.mark.guards(4)
def test_a_message_that_another_cell_put_into_the_folder_is_not_run(running: House) -> None:
    cell = running
    before = jobs(cell)
    # As `celery -A webadmin` begins: by a name, and with nothing set up before.
    program = (
        "from celery.app.utils import find_app; app = find_app('webadmin');"
        "app.send_task('skerry.run', args=(1, 'no-1', '')); app.send_task('skerry.run', args=(999, 'is-1', ''))"
    )
    subprocess.run([sys.executable, "-c", program], env=cell.environment, cwd=ROOT, check=True)
    queue = cell.home / "is-1" / "run" / "broker" / "queue"
    eventually(lambda: not list(queue.glob("*.msg")))
    # What is taken out of the folder is judged a moment later.
    assert eventually(lambda: _refused(cell)) == [("deny", "CELL_MISMATCH")]
    after = jobs(cell)
    assert {job for job in before if "done" in job} <= set(after), "what is done stays done"
    assert all(tries <= 1 for *_, tries in after), "and nothing was run twice"


def test_what_a_lost_wake_up_left_is_swept_up_and_a_killed_worker_comes_back(running: House) -> None:
    cell, done = running, sum(state == "done" for _, state, _ in jobs(running))
    publish(cell, "sign-checkpoint")
    wait_until_done(cell, done + 1)
    [worker] = [pid for pid, line in cell.children().items() if "skerry: worker" in line]
    os.kill(worker, signal.SIGKILL)
    wait_for("worker ended with signal-SIGKILL", cell)
    publish(cell, "sign-checkpoint")
    wait_until_done(cell, done + 2)
    broker = cell.home / "is-1" / "run" / "broker"
    assert broker.is_dir()
    # The only thing with an @ is the name of the process that sent it.
    messages = []
    for path in broker.rglob("*.msg"):
        with suppress(FileNotFoundError):  # the worker is reading them
            messages.append(re.sub(rb"gen\d+@[\w.-]+", b"", path.read_bytes()))
    assert not [message for message in messages if b"@" in message]


def test_redis_carries_ids_and_nothing_else(tmp_path: Path) -> None:
    with redis(tmp_path) as url, prepared(**WORKERS, SKERRY_BROKER_URL=url) as cell:
        cell.start()
        cell.people("harbour", "example.is", ["ada"])
        wait_until_done(cell, 3)
        publish(cell, "renew-leases")
        wait_until_done(cell, 4)
        assert not (cell.home / "is-1" / "run" / "broker").exists()
        port = url.rpartition(":")[2].partition("/")[0]
        keys = subprocess.run(["redis-cli", "-p", port, "KEYS", "*"], capture_output=True, text=True, check=True).stdout
        assert "skerry-is-1" in keys
        assert "harbour" not in keys
        assert "example" not in keys


@pytest.mark.guards(5)
def test_a_dump_of_one_cell_restored_into_another_holds_nobody() -> None:
    with prepared() as iceland, neighbour(iceland, "no-1"):
        iceland.people("harbour", "example.is", ["ada"])
        with (
            closing(sqlite3.connect(iceland.home / "is-1" / "cell.sqlite3")) as source,
            closing(sqlite3.connect(iceland.home / "no-1" / "cell.sqlite3", isolation_level=None)) as target,
        ):
            refusals = 0
            for statement in source.iterdump():
                if statement.startswith("INSERT") and "mailhost_cellidentity" not in statement:
                    try:
                        target.execute(statement)
                    except sqlite3.IntegrityError as problem:
                        refusals += "another cell" in str(problem)
            assert refusals >= 10
            for table in (
                "mailhost_tenant",
                "mailhost_mailbox",
                "jurisdiction_policyversion",
                "jurisdiction_ledgerentry",
            ):
                own = target.execute(f"SELECT COUNT(*) FROM {table} WHERE cell <> 'no-1'").fetchone()
                assert own == (0,), table


@pytest.mark.guards(5)
def test_a_database_file_of_one_cell_is_not_served_by_another() -> None:
    with prepared() as iceland, neighbour(iceland, "no-1") as norway:
        iceland.skerry("tenant", "add", "harbour")
        shutil.copy(iceland.home / "is-1" / "cell.sqlite3", iceland.home / "no-1" / "cell.sqlite3")
        for leftover in (iceland.home / "no-1").glob("cell.sqlite3-*"):
            leftover.unlink()
        refused = norway.skerry("tenant", "list", fails=True)
        assert "the database belongs to cell is-1" in refused["error"]
        for words in (("serve",), ("worker",), ("smtpd",), ("prepare",)):
            done = norway.manage(*words)
            assert (done.returncode, "Traceback" in done.stderr) == (1, False), words
