"""A whole cell for a journey: `manage.py serve` in a home of its own on free loopback ports, driven by `skerry`."""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.journeys import loaded
from tests.patience import PATIENCE, eventually
from tests.servers.ports import free_ports

ROOT = loaded.ROOT
PORTS = ("MX", "SUBMISSION", "SUBMISSIONS", "IMAP", "IMAPS", "WEB")
# Seconds until a cell answers on all doors: seven on a free machine, and CI's is seldom free.
START = 300.0
# Where a run of the tests says which folder all its workers share (tests/conftest.py).
HOUSES = "HOUSES_OF_THIS_RUN"
PASSWORD = "correct horse battery staple"


def alive(pid: int) -> bool:
    """Whether there is such a process, and not only its exit code."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until_gone(pids: Sequence[int]) -> None:
    """Until none of these processes lives: the kernel takes its time over one that was killed."""
    eventually(lambda: not any(alive(pid) for pid in pids), lambda: [pid for pid in pids if alive(pid)])


@dataclass
class House:
    """One cell. `start` returns when it serves."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[str] | loaded.Forked | None = None
    loaded: bool = False  # whether programs are loaded once for all: see `tests.journeys.commands`
    address: str = "127.0.0.1"  # where it listens
    password: str = PASSWORD  # of every account that `people` makes

    def __post_init__(self) -> None:
        if not self.ports:
            self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.temporary.mkdir(exist_ok=True)

    @property
    def temporary(self) -> Path:
        """A temporary folder of its own: what a cell leaves there is known to be its, and goes with the house."""
        return self.home.parent / "tmp"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SKERRY_")}
        inherited.pop("DJANGO_SETTINGS_MODULE", None)
        own = {f"SKERRY_{name}_PORT": str(port) for name, port in self.ports.items()}
        return {**inherited, "TMPDIR": str(self.temporary), "SKERRY_HOME": str(self.home), **own, **self.settings}

    def start(self, *arguments: str, wait: float = START) -> None:
        if self.loaded:
            self.process = loaded.Forked(["manage.py", "serve", *arguments], self.environment, self._log)
        else:
            with self._log.open("a") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "manage.py", "serve", *arguments],
                    cwd=ROOT,
                    env=self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                )
        self.wait_until_served(wait)

    @property
    def _log(self) -> Path:
        return self.home.parent / f"{self.home.name}.log"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_until_served(self, wait: float = START) -> None:
        deadline = time.monotonic() + wait
        for name in ("MX", "IMAP", "WEB"):
            while True:
                with suppress(OSError), socket.create_connection((self.address, self.ports[name]), timeout=60) as sock:
                    # Of the three only the web waits for its client to speak first.
                    if name == "WEB" or sock.recv(64):
                        break
                assert self.process is not None
                assert self.process.poll() is None, f"serve ended:\n{self.log[-4000:]}"
                assert time.monotonic() < deadline, f"nothing on port {name}:\n{self.log[-4000:]}"
                time.sleep(0.05)

    def stop(self) -> None:
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            # `serve` itself kills what does not end within its grace; a busy machine takes longer to do both.
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """SIGKILL to every process of the cell at once; none is left, nor the ports they had."""
        assert self.process is not None
        children = list(self.children())
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait_until_gone(children)

    def skerry(self, *words: str, answer: str | None = None, fails: bool = False) -> Any:
        """Run the command line with --json; its parsed answer."""
        if self.loaded:
            done = loaded.run(["skerry", *words, "--json"], self.environment, answer)
        else:
            done = self._run_program(words, answer)
        assert (done["code"] != 0) == fails, done["out"] + done["err"]
        return json.loads(done["out"])

    def _run_program(self, words: Sequence[str], answer: str | None) -> dict[str, Any]:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("skerry")), *words, "--json"],
            cwd=ROOT,
            env=self.environment,
            input=answer,
            capture_output=True,
            text=True,
            check=False,
        )
        return {"code": done.returncode, "out": done.stdout, "err": done.stderr}

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        if self.loaded:
            done = loaded.run(["manage.py", *words], self.environment)
            return subprocess.CompletedProcess(words, done["code"], done["out"], done["err"])
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def people(self, tenant: str, domain: str, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """A tenant with mailboxes: name -> address, public_key, recovery_phrase."""
        self.skerry("tenant", "add", tenant)
        self.skerry("domain", "add", domain, "--tenant", tenant)
        return {
            name: self.skerry("mailbox", "add", f"{name}@{domain}", "--password-stdin", answer=self.password + "\n")
            for name in names
        }

    def app_password(self, address: str, access: str) -> str:
        """A new app password of that access."""
        words = ["app-password", "add", address, "--access", access]
        if access == "session":
            made = self.skerry(*words, "--password-stdin", answer=self.password + "\n")
        else:
            made = self.skerry(*words)
        return str(made["password"])

    def children(self) -> dict[int, str]:
        """Processes that serve started: pid -> what it is called, as in `skerry: imapd-1`."""
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, IndexError):
                if entry.name.isdigit():
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    if self.process is not None and int(parent) == self.process.pid:
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found


@contextmanager
def house(**settings: str) -> Iterator[House]:
    """A house in a temporary folder, stopped and removed afterwards; it is not started yet."""
    folder = Path(tempfile.mkdtemp(prefix="skerry-house-"))
    made = House(folder / "home", settings)
    try:
        yield made
    except BaseException:
        # It is gone when somebody reads of the failure.
        print(made.log[-4000:] if made.process is not None else "it does not run")
        raise
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def prepared(**settings: str) -> Iterator[House]:
    """A house that `manage.py prepare` has prepared, with programs loaded once.

    Where no setting decides what preparing makes, it is a copy of the first of them.
    """
    with house(**settings) as made:
        made.loaded = True
        if {"SKERRY_DATABASE_URL", "SKERRY_KEYS_DIR"} & set(settings):
            _prepare(made)
        elif {"SKERRY_CELL", "SKERRY_HOSTNAME"} & set(settings):
            _prepare_migrated(made)
        else:
            shutil.copytree(_shared() / "home", made.home, symlinks=True)
        yield made


@contextmanager
def neighbour(first: House, cell: str) -> Iterator[House]:
    """Another cell in the same home, prepared and with programs loaded once."""
    made = House(first.home, {"SKERRY_CELL": cell}, loaded=True)
    _prepare_migrated(made)
    try:
        yield made
    finally:
        made.stop()


def _prepare(made: House) -> None:
    done = made.manage("prepare")
    assert done.returncode == 0, done.stderr


def _prepare_migrated(made: House) -> None:
    """Prepare a cell that finds its tables made: that takes three of four seconds and is the same for every cell."""
    folder = made.home / made.settings.get("SKERRY_CELL", "is-1")
    for each in (made.home, folder):
        each.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(_shared() / "migrated.sqlite3", folder / "cell.sqlite3")
    (folder / "static").symlink_to(_shared() / "static")
    _prepare(made)


# Static files of the web, under names with a hash: two seconds of a core, and the same in every home.
_COLLECT = """
import django
django.setup()
from django.conf import settings
from webadmin.web import statics
statics.collect(settings.STATIC_ROOT)
"""


@functools.cache
def _shared() -> Path:
    """A folder with what houses are copies of, made once in a run of the tests: home, migrated.sqlite3, static."""
    if HOUSES in os.environ:
        folder = Path(os.environ[HOUSES])
    else:
        folder = Path(tempfile.mkdtemp(prefix="skerry-house-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "home").exists():
            _make_shared(folder)
    return folder


def _make_shared(folder: Path) -> None:
    making = House(folder / "making")
    environment = making.environment | {"DJANGO_SETTINGS_MODULE": "webadmin.settings"}

    def program(*words: str) -> None:
        subprocess.run([sys.executable, *words], cwd=ROOT, env=environment, check=True)

    cell = making.home / "is-1"
    program("manage.py", "migrate", "--skip-checks", "--verbosity=0")
    shutil.copy(cell / "cell.sqlite3", folder / "migrated.sqlite3")
    program("manage.py", "prepare")
    program("-c", _COLLECT)
    (cell / "static").rename(folder / "static")
    (cell / "static").symlink_to(folder / "static")
    making.home.rename(folder / "home")
