"""How a test process speaks with `tests.journeys.commands`, of which it has one, started when it is first needed."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Parent:
    """The program from which the others are forked."""

    def __init__(self) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("SKERRY_")}
        self._program = subprocess.Popen(
            [sys.executable, "-m", "tests.journeys.commands"],
            cwd=ROOT,
            env=own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._turn = threading.Lock()
        atexit.register(self._end)

    def _end(self) -> None:
        with self._program:
            assert self._program.stdin is not None
            self._program.stdin.close()

    def ask(self, **question: object) -> dict[str, Any]:
        """One question of those in `tests.journeys.commands`, and its answer."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        with self._turn:
            print(json.dumps(question), file=self._program.stdin, flush=True)
            answer: dict[str, Any] = json.loads(self._program.stdout.readline())
        return answer


parent = functools.cache(Parent)


def _program(words: Sequence[str], environment: Mapping[str, str]) -> dict[str, object]:
    """A program to start, in the network of this thread: some journeys have one of their own."""
    network = f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
    return {"words": [*words], "environment": dict(environment), "network": network}


def run(words: Sequence[str], environment: Mapping[str, str], answer: str | None = None) -> dict[str, Any]:
    """A program from its beginning to its end: code, out, err."""
    return parent().ask(**_program(words, environment), answer=answer)


class Forked:
    """A program that goes on, with as much of `subprocess.Popen` as a journey uses."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.pid = int(parent().ask(**_program(words, environment), log=str(log))["pid"])

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        code: int | None = parent().ask(ended=self.pid)["code"]
        return code

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        if (code := self.poll()) is not None:
            return code
        process = os.pidfd_open(self.pid)
        try:
            waiting = select.poll()
            waiting.register(process, select.POLLIN)
            waiting.poll(None if timeout is None else timeout * 1000)
        finally:
            os.close(process)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code
