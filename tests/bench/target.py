"""A cell to measure: 100 session users on free loopback ports, described in a JSON file for a load generator.

    python -m tests.bench.target start DIR     returns when the cell serves; DIR/target.json says where and who
    python -m tests.bench.target stop DIR

The file has the form {"name", "smtp": [host, port], "imap": [host, port], "users": [[address, app password], …],
"pids": [root process]}. IMAP takes passwords in clear from loopback here, because load generators speak no TLS.
`SKERRY_*` variables that are set reach the cell (PostgreSQL, numbers of workers, …).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.servers.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
USERS = 100
DOMAIN = "bench.test"
PORTS = ("MX", "SUBMISSION", "SUBMISSIONS", "IMAP", "IMAPS", "WEB")


def settings(folder: Path) -> dict[str, str]:
    """The settings of the cell; its ports are chosen once and kept in the folder."""
    chosen = folder / "ports.json"
    if not chosen.exists():
        chosen.write_text(json.dumps(free_ports(len(PORTS))))
    ports = {f"SKERRY_{name}_PORT": str(port) for name, port in zip(PORTS, json.loads(chosen.read_text()), strict=True)}
    return {**ports, "SKERRY_HOME": str(folder / "home"), "SKERRY_IMAP_CLEAR_ON_LOOPBACK": "true"}


def provision(users_wanted: int) -> list[tuple[str, str]]:
    """Prepare the cell of this process's settings and give it its users: (address, app password)."""
    import secrets
    from datetime import UTC, datetime

    import django

    django.setup()
    from django.conf import settings as django_settings

    from jurisdiction.records import policies
    from mailhost.adapters.dkimkeys import DOMAINS_KEY
    from mailhost.models import AppPassword, Domain
    from mailhost.provision import apppasswords, domainkeys, domains, mailboxes, tenants
    from mailhost.seal import HybridIdentity
    from webadmin.cell import notarial
    from webadmin.cell.control import DirectoryProcess
    from webadmin.cell.keyfiles import read_or_make
    from webadmin.processes import prepare

    environ = django_settings.ENVIRON
    now = datetime.now(UTC)
    prepare.prepare(environ, now=now)
    claims = DirectoryProcess(environ)
    notary = notarial.notary(environ, today=now.date())
    tenants.add("bench", name="Bench", now=now, claims=claims, notary=notary)
    domains.add(DOMAIN, "bench", now=now, claims=claims)
    identity = HybridIdentity(read_or_make(environ.keys / DOMAINS_KEY))
    domainkeys.advance(Domain.objects.get(name=DOMAIN), today=now.date(), identity=identity)
    key = read_or_make(environ.keys / "app-password.key")
    policy = policies.in_force("bench", notary.key.verify_key)
    users = []
    for number in range(users_wanted):
        address = f"user{number}@{DOMAIN}"
        box = mailboxes.add(
            address,
            secrets.token_urlsafe(12),
            notary=notary,
            now=now,
            quota_bytes=100 * 2**30,
            server_key=key,
        )
        made = apppasswords.add(
            address,
            AppPassword.Access.SESSION,
            name="bench",
            now=now,
            server_key=key,
            keyring_key=box.keyring_key,
            policy=policy,
        )
        users.append((address, made.password))
    return users


def start(folder: Path, users_wanted: int = USERS) -> None:
    """Make the cell, start it in a session of its own and write `target.json` when it serves."""
    folder.mkdir(parents=True, exist_ok=True)
    own = settings(folder)
    os.environ.update(own)
    os.environ["DJANGO_SETTINGS_MODULE"] = "webadmin.settings"
    users = provision(users_wanted)
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    smtp, imap = ("127.0.0.1", int(own["SKERRY_MX_PORT"])), ("127.0.0.1", int(own["SKERRY_IMAP_PORT"]))
    for address in (smtp, imap):
        _wait_for(address, process, folder)
    target = {"name": "skerry", "smtp": smtp, "imap": imap, "users": users, "pids": [process.pid]}
    (folder / "target.json").write_text(json.dumps(target))


def _wait_for(address: tuple[str, int], process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(address, timeout=2) as sock:
            if sock.recv(16):
                return
        time.sleep(0.05)
    raise SystemExit(f"the cell does not serve on port {address[1]}; see {folder / 'log'}")


def stop(folder: Path) -> None:
    """End what `start` started."""
    for pid in json.loads((folder / "target.json").read_text())["pids"]:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["start", "stop"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--users", type=int, default=USERS)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if arguments.what == "start":
        start(folder, arguments.users)
    else:
        stop(folder)


if __name__ == "__main__":
    main()
