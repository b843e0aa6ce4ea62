"""`skerry` and `manage.py`, loaded once for all cells of a test process and forked for each that a journey starts.

Loading costs a second of a core a command and two a cell, and journeys start hundreds. Each still is a process of its
own with its own environment, arguments, standard streams and exit code; what it shares with the others is what was
imported, and it reads its settings itself. That the programs start by themselves is tried in tests/cli, by the journeys
that use `house()`, and by those of containers, systemd and two cells.

A line of JSON in, a line out:

    {…, "answer"}   a program from beginning to end, with that text as input; {"code", "out", "err"}
    {…, "log"}      one that goes on, in a session of its own, and writes to that file; {"pid"}
    {"ended": pid}  its exit code, null while it runs; {"code"}

where … is "words", "environment" and "network", the file of the network namespace to start it in.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any

# What reads no setting when it is imported. (prometheus_client reads where to count; the web its limits of requests.)
LIBRARIES = ("celery.beat", "celery.apps.worker", "servestatic", "uvicorn")
OURS = (
    *(f"webadmin.cli.{noun}" for noun in ("tenant", "domain", "mailbox", "apppassword")),
    *(f"mailhost.wiring.{daemon}" for daemon in ("smtpd", "imapd", "dispatchd")),
    "webadmin.processes.serving",
)


class Nursery:
    """The parent of all."""

    def __init__(self, questions: IO[str], answers: IO[str]) -> None:
        self._questions, self._answers = questions, answers
        self._ended: dict[int, int] = {}

    def serve(self) -> None:
        """Answer one question after the other until there are no more."""
        for line in self._questions:
            self._answers.write(json.dumps(self._answer(json.loads(line))) + "\n")
            self._answers.flush()

    def _answer(self, question: dict[str, Any]) -> dict[str, object]:
        if "ended" in question:
            return {"code": self._code(question["ended"], os.WNOHANG)}
        if "log" in question:
            with Path(os.devnull).open("rb") as nothing, Path(question["log"]).open("ab") as log:
                return {"pid": self._fork(question, [nothing, log, log], alone=True)}
        return self._run(question)

    def _run(self, question: dict[str, Any]) -> dict[str, object]:
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            stdin.write((question["answer"] or "").encode())
            stdin.seek(0)
            code = self._code(self._fork(question, [stdin, stdout, stderr]), 0)
            told = {}
            for name, stream in (("out", stdout), ("err", stderr)):
                stream.seek(0)
                told[name] = stream.read().decode()
        return {"code": code, **told}

    def _fork(self, question: dict[str, Any], streams: Sequence[IO[bytes]], *, alone: bool = False) -> int:
        pid = os.fork()
        if pid == 0:
            if alone:
                os.setsid()
            for number, stream in enumerate(streams):
                os.dup2(stream.fileno(), number)
            for conversation in (self._questions, self._answers):
                conversation.close()
            _enter(question["network"])
            _live(question["words"], question["environment"])
        return pid

    def _code(self, pid: int, how: int) -> int | None:
        """The exit code of a child that has ended, as often as it is asked for."""
        if pid not in self._ended:
            found, status = os.waitpid(pid, how)
            if found == 0:
                return None
            self._ended[pid] = os.waitstatus_to_exitcode(status)
        return self._ended[pid]


def _enter(network: str) -> None:
    """Go where the asking thread is, if that is elsewhere: `tests.servers.privatenetwork`."""
    if not Path(network).samefile("/proc/self/ns/net"):
        with Path(network).open() as other:
            os.setns(other.fileno(), os.CLONE_NEWNET)


def _live(words: list[str], environment: dict[str, str]) -> None:
    """The program's whole life; does not return."""
    code = 1
    try:
        sys.argv = words
        os.environ.clear()
        os.environ.update(environment)
        tempfile.tempdir = None  # of the parent; a cell has one of its own
        _forget_settings()
        if words[0] == "skerry":
            import_module("webadmin.cli").main()
        else:
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
            import_module("django.core.management").execute_from_command_line(words)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # the parent's code stands below this one on the stack
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _forget_settings() -> None:
    """The next to ask for a setting reads them all from this process's environment."""
    from django.conf import settings
    from django.db import connections
    from django.utils.functional import empty

    del sys.modules["webadmin.settings"]
    settings._wrapped = empty
    # Django's models have asked how long the name of a table may be.
    del connections["default"]
    del connections.settings
    vars(connections)["_settings"] = None


def load() -> None:
    """Import what commands and cells need, with settings that none of them will see."""
    with tempfile.TemporaryDirectory(prefix="skerry-house-") as home:
        os.environ |= {"SKERRY_HOME": home, "DJANGO_SETTINGS_MODULE": "webadmin.settings"}
        import_module("django").setup()
        for module in (*LIBRARIES, *OURS):
            import_module(module)
    from django.db import connection

    # What a child would go on using: counters and a database under a home that is gone, locks that a thread holds.
    assert "prometheus_client" not in sys.modules
    assert connection.connection is None
    assert threading.active_count() == 1


if __name__ == "__main__":
    # The streams of the conversation are kept out of the programs' way.
    _nursery = Nursery(os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w"))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    load()
    _nursery.serve()
