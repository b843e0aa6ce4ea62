"""A PostgreSQL cluster of its own: temporary folder, Unix socket and a free loopback port, gone afterwards.

PostgreSQL refuses to run as root, so under root its programs run as Debian's user `postgres`, who needs to be
able to enter the folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ports import free_port


def programs() -> Path | None:
    """Folder of the newest installed server programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


def _as_server_user(command: Sequence[object]) -> list[str]:
    words = [str(word) for word in command]
    return ["runuser", "-u", "postgres", "--", *words] if os.geteuid() == 0 else words


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[str]:
    """URL of an empty database that belongs to cell is-1, owned by a role that may create others."""
    binaries = programs()
    assert binaries is not None, "install Debian's package postgresql"
    folder = Path(tempfile.mkdtemp(prefix="skerry-pg-"))
    try:
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = folder / "data"
        subprocess.run(
            _as_server_user([binaries / "initdb", "-D", data, "-A", "trust", "-U", "skerry", "-E", "UTF8", "-N"]),
            check=True,
            capture_output=True,
            cwd=folder,
        )
        port = free_port()
        # What a test writes need not outlive a crash of the machine; a figure is of a database that waits for its disk.
        careless = "" if durable else "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=200 {careless}"
        start = [binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"]
        subprocess.run(_as_server_user(start), check=True, capture_output=True, cwd=folder)
        try:
            sql = "CREATE DATABASE cell; ALTER DATABASE cell SET skerry.cell = 'is-1'"
            for statement in sql.split("; "):
                subprocess.run(
                    ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "skerry", "-d", "postgres", "-qc", statement],
                    check=True,
                    capture_output=True,
                )
            yield f"postgresql://skerry@127.0.0.1:{port}/cell"
        finally:
            stop = [binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"]
            subprocess.run(_as_server_user(stop), check=True, capture_output=True, cwd=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
