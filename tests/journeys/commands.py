"""The program `skerry`, loaded once and forked for each command that a journey types.

Loading costs a second of a core a command, and journeys type hundreds. Each command still is a process of its own with
its own arguments, standard streams and exit code; what it shares with the others is what was imported. That the
installed program starts by itself is tried in tests/cli.

Started with the environment of one cell. A line in: {"words": […], "answer": text or null}; a line out: {"code", "out",
"err"}.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib import import_module
from typing import IO


def serve(questions: IO[str], answers: IO[str]) -> None:
    """Answer one question after the other until there are no more."""
    for line in questions:
        question = json.loads(line)
        answers.write(json.dumps(ask(question["words"], question["answer"])) + "\n")
        answers.flush()


def ask(words: list[str], answer: str | None) -> dict[str, object]:
    """One command in a process of its own."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write((answer or "").encode())
        stdin.seek(0)
        pid = os.fork()
        if pid == 0:
            for number, stream in enumerate((stdin, stdout, stderr)):
                os.dup2(stream.fileno(), number)
            _live(words)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        told = {}
        for name, stream in (("out", stdout), ("err", stderr)):
            stream.seek(0)
            told[name] = stream.read().decode()
    return {"code": code, **told}


def _live(words: list[str]) -> None:
    """The command's whole life; does not return."""
    code = 1
    try:
        sys.argv = ["skerry", *words]
        import_module("webadmin.cli").main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  # the parent's code stands below this one on the stack
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def load() -> None:
    """Import what every command needs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
    import_module("django").setup()
    for noun in ("tenant", "domain", "mailbox", "apppassword"):
        import_module(f"webadmin.cli.{noun}")


if __name__ == "__main__":
    # The streams of the conversation are kept out of the commands' way.
    _questions, _answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(0, 1)
    load()
    serve(_questions, _answers)
