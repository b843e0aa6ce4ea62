"""Two cells on one machine: is-1 and, on ports ten thousand higher, no-1; one directory; each the other's witness.

Each cell is a `manage.py serve` with an environment put together from nothing: a few words of this machine, the
cell's own ports, and what stands in the cell's own file `<home>/<cell>/env` (database, broker, keys folder). Nothing
of the one ever enters the environment of the other. They know of each other what anybody may know: an address and a
public key. First both are prepared, one after the other; then each is asked for its public keys; then both serve.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Final

from webadmin import logs
from webadmin.cell.keyfiles import replace
from webadmin.cell.programs import command
from webadmin.environ import CHECKOUT, Environ
from webadmin.processes import supervisor

SECOND: Final = "no-1"
DISTANCE: Final = 10_000  # between the ports of the two
PORTS: Final = ("mx", "submission", "submissions", "imap", "imaps", "web")
# What a process needs of the machine; anything else may be somebody's credential.
OF_THE_MACHINE: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TZ", "TMPDIR", "VIRTUAL_ENV", "USER", "LOGNAME")
# Settings of the person who typed the command that are of no cell in particular.
SHARED: Final = ("home", "bind", "smtpd_workers", "imapd_workers", "log_format", "log_level")
TIMEOUT_SECONDS: Final = 120


class CannotStart(Exception):
    """One of the cells could not be prepared; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One of the two cells, as its environment tells it."""

    cell: str
    ports: dict[str, int]
    environment: dict[str, str]


def serve(environ: Environ, *, with_demo: bool) -> None:
    """Run both until SIGTERM or SIGINT; SystemExit(1) when they cannot."""
    logs.configure(environ.log_format, environ.log_level)
    try:
        first, second = (neighbour(environ, cell, away) for cell, away in ((environ.cell, 0), (SECOND, DISTANCE)))
        keys = {one.cell: _public_keys(one) for one in (first, second)}
        for one, other in ((first, second), (second, first)):
            _introduce(environ, one, other, keys[other.cell])
        programs = [_program(one, with_demo=with_demo, is_first=one is first) for one in (first, second)]
        supervisor.run(programs, ready=lambda: _say(first, second))
    except (CannotStart, supervisor.CannotStart) as problem:
        sys.stderr.write(f"error: {problem}\n")
        raise SystemExit(1) from None


def neighbour(environ: Environ, cell: str, away: int) -> Neighbour:
    """A cell with its ports and the environment its processes get."""
    ports = {name: getattr(environ, f"{name}_port") + away for name in PORTS}
    machine = {name: os.environ[name] for name in OF_THE_MACHINE if name in os.environ}
    shared = {f"SKERRY_{name.upper()}": str(getattr(environ, name)) for name in SHARED}
    shared["SKERRY_HOME"] = str(environ.home.absolute())
    own = {f"SKERRY_{name.upper()}_PORT": str(port) for name, port in ports.items()}
    program = {"DJANGO_SETTINGS_MODULE": "webadmin.settings", "PYTHONPATH": str(CHECKOUT)}
    return Neighbour(cell, ports, machine | program | shared | own | _file_of(environ, cell) | {"SKERRY_CELL": cell})


def _file_of(environ: Environ, cell: str) -> dict[str, str]:
    """The settings in `<home>/<cell>/env`: lines NAME=VALUE, as systemd reads them. Raises CannotStart."""
    path = environ.home / cell / "env"
    if not path.is_file():
        return {}
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        name, equals, value = line.strip().partition("=")
        if not name or name.startswith("#"):
            continue
        if not equals or not name.startswith("SKERRY_"):
            raise CannotStart(f"{path}, line {number}: write a setting, an equals sign, a value")
        found[name] = value
    return found


def _public_keys(one: Neighbour) -> dict[str, str]:
    """Prepare the cell and ask it for the keys that others may know. Raises CannotStart."""
    _ask(one, command("prepare"))
    told = _ask(one, (sys.executable, "-c", "from webadmin.cli import main; main()", "ledger", "show", "--json"))
    about: dict[str, Any] = json.loads(told)
    return {name: str(about[name]) for name in ("log_key", "witness_key")}


def _introduce(environ: Environ, one: Neighbour, other: Neighbour, keys: dict[str, str]) -> None:
    """Tell a cell who witnesses its ledger and whose it witnesses: in files, so that `skerry` knows it too."""
    known = {
        "witnesses": f"http://127.0.0.1:{other.ports['web']}/witness#{keys['witness_key']}\n",
        "witnessed-logs": f"{keys['log_key']}\n",
        "other-cells": f"{other.cell}#http://localhost:{other.ports['web']}\n",
    }
    for name, text in known.items():
        replace(environ.home.absolute() / one.cell / name, text.encode())


def _ask(one: Neighbour, words: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter, arguments as a list
            words, env=one.environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotStart(f"cell {one.cell} did not answer within {TIMEOUT_SECONDS} seconds") from None
    if done.returncode != 0:
        raise CannotStart(f"cell {one.cell}: {(done.stderr or done.stdout).strip().removeprefix('error: ')}")
    return done.stdout


def _program(one: Neighbour, *, with_demo: bool, is_first: bool) -> supervisor.Program:
    demo = ("--demo",) if is_first else (f"--demo-tenant=demo-{one.cell}",)
    started = supervisor.spawned(command("serve", *(demo if with_demo else ())), one.environment)
    return supervisor.Program(one.cell, started)


def _say(*both: Neighbour) -> None:
    names = " and ".join(one.cell for one in both)
    sys.stdout.write(
        f"\nCells {names} serve beside one directory; each witnesses the other's ledger. Ctrl-C stops both.\n"
    )
    sys.stdout.flush()
