"""Backup and restore as `docs/operations.md` tells them: its shell blocks are run, on a cell with mail in it."""

from __future__ import annotations

import base64
import imaplib
import random
import re
import shutil
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.journeys.house import House, prepared
from tests.patience import PATIENCE
from tests.servers import postgresql
from tests.servers.presence import need

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
# What does not compress becomes a blob beside the database.
BODY = b"Subject: harbour map\r\n\r\n" + base64.encodebytes(random.Random(7).randbytes(200_000)).replace(b"\n", b"\r\n")


def _block(name: str) -> str:
    found = re.search(rf"^```sh {name}\n(.*?)^```$", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert found, f"docs/operations.md has no block '{name}'"
    return found[1]


def _run(block: str, home: House, backup: Path, secret: str = "") -> None:
    (backup / "data").mkdir(exist_ok=True)
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", block],
        cwd=ROOT,
        env={
            **home.environment,
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "SKERRY_CELL": "is-1",
            "BACKUP": str(backup / "data"),
            "KEYS_BACKUP": str(backup / "keys"),
        },
        input=f"{secret}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _deliver(home: House) -> None:
    with smtplib.SMTP("127.0.0.1", home.ports["MX"], timeout=PATIENCE) as client:
        client.sendmail("cleo@elsewhere.test", ["ada@example.is"], BODY)


def _read(home: House, password: str) -> tuple[int, list[bytes]]:
    """UIDVALIDITY of INBOX, and its messages."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL("127.0.0.1", home.ports["IMAPS"], ssl_context=context, timeout=PATIENCE) as client:
        client.login("ada@example.is", password)
        client.select("INBOX")
        answer = client.response("UIDVALIDITY")[1][0]
        _, fetched = client.fetch("1:*", "(BODY.PEEK[])")
        return int(answer), [part[1] for part in fetched if isinstance(part, tuple)]


def _restore_and_look(cell: House, tmp_path: Path, empty: Callable[[], None]) -> None:
    """Back up a cell with mail in it, lose it, restore it, and look at it with the eyes of its owner."""
    cell.start()
    cell.people("harbour", "example.is", ["ada"])
    password = cell.app_password("ada@example.is", "session")
    secret = cell.skerry("backup", "key")["secret_key"]
    _deliver(cell)
    before = _read(cell, password)
    assert list((cell.home / "is-1" / "blobs").rglob("*/*"))
    refused = cell.skerry("backup", "make", str(tmp_path / "x.age"), "--country", "US", fails=True)
    assert "harbour" in refused["error"]
    _run(_block("backup"), cell, tmp_path)
    assert cell.skerry("backup", "verify", f"{tmp_path}/data/cell.age", "--key-stdin", answer=secret)["blobs"]
    _deliver(cell)  # after the backup, so it is not in it
    cell.stop()
    shutil.rmtree(cell.home)
    empty()

    _run(_block("restore"), cell, tmp_path, secret)
    cell.start()
    with pytest.raises(imaplib.IMAP4.error):
        _read(cell, password)
    after = _read(cell, cell.app_password("ada@example.is", "session"))
    assert [message.endswith(BODY) for message in after[1]] == [True]
    assert after[1] == before[1]
    assert after[0] > before[0]
    assert cell.skerry("ledger", "verify")["ok"]


@pytest.mark.journey
@pytest.mark.slow
def test_a_backup_of_a_running_cell_restores_into_an_empty_home(tmp_path: Path) -> None:
    need("bash")
    with prepared() as cell:
        _restore_and_look(cell, tmp_path, lambda: None)


@pytest.mark.journey
@pytest.mark.slow
@pytest.mark.postgres
def test_a_backup_restores_into_an_empty_database_of_postgresql(tmp_path: Path) -> None:
    need("bash", "pg_dump")
    if postgresql.programs() is None:
        need("initdb")
    with postgresql.cluster() as url:

        def empty() -> None:
            with psycopg.connect(f"{url.rpartition('/')[0]}/postgres", autocommit=True) as server:
                server.execute("DROP DATABASE IF EXISTS cell WITH (FORCE)")
                server.execute("CREATE DATABASE cell")

        empty()
        with prepared(SKERRY_DATABASE_URL=f"{url.rpartition('/')[0]}/cell") as cell:
            _restore_and_look(cell, tmp_path, empty)


@pytest.mark.journey
@pytest.mark.slow
def test_another_cell_refuses_the_backup(tmp_path: Path) -> None:
    with prepared() as cell, prepared(SKERRY_CELL="no-1") as other:
        secret = cell.skerry("backup", "key")["secret_key"]
        cell.skerry("backup", "make", str(tmp_path / "cell.age"), "--country", "IS")
        (other.home / "no-1" / "cell.sqlite3").unlink()
        words = ["backup", "restore", str(tmp_path / "cell.age"), "--key-stdin"]
        refused = other.skerry(*words, answer=secret, fails=True)
        assert "a backup of cell is-1" in refused["error"]


def test_keys_and_data_go_to_different_places() -> None:
    lines = [line for line in _block("backup").splitlines() if line.startswith(("cp", "skerry"))]
    for line in lines:
        assert ("/keys" in line) == ("$KEYS_BACKUP" in line), line
