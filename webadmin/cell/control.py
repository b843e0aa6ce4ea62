"""The directory as a cell reaches it: a child process of the other side, asked one question, or a socket of its own.

This process holds the cell's database and must not hold the directory's, so it starts `manage.py directory …`
with SKERRY_ROLE=directory and with none of its own settings but the data folder: no database URL, no keys
folder. The child's answer is one line of JSON. A daemon that is a service of its own may not start such a child, for it
would see the directory's folder: it asks at `SKERRY_DIRECTORY_SOCKET`. Implements `mailhost.provision.claims.Claims`.

A child takes as long as the start of a daemon. So that a restart needs none, a cell takes note of what the directory
has heard of it; a directory that was lost since is prepared again by the first question that it cannot answer.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import directory
from mailhost.provision.claims import DirectoryUnreachable, TakenElsewhere
from webadmin.cell import questions
from webadmin.cell.programs import command, environment_of_directory
from webadmin.environ import Environ

# A child starts in under a second; a minute means a lock that will not go away.
TIMEOUT_SECONDS = 60


class _Unprepared(DirectoryUnreachable):
    """The directory has no tables, or has not heard of this cell."""


@dataclass(frozen=True, slots=True)
class DirectoryProcess:
    """Asks the directory on behalf of the cell of `environ`."""

    environ: Environ

    def prepare(self) -> None:
        """Make or migrate the directory's database and register this cell. Raises DirectoryUnreachable."""
        self._child("prepare", self.environ.cell, self.environ.hostname)
        # Where no note can be left, the next start tells it again.
        with suppress(OSError):
            self._heard.write_bytes(self._telling().encode("ascii"))

    def prepare_unless_heard(self) -> None:
        """The same, unless it was done with this program's tables and this host name. Raises DirectoryUnreachable."""
        heard = b""
        # What cannot be read was not left by us: it is told again.
        with suppress(OSError):
            heard = self._heard.read_bytes()
        if heard != self._telling().encode("ascii") or not self.environ.directory_dir.is_dir():
            self.prepare()

    @property
    def _heard(self) -> Path:
        """The note; it is this process's own, in a folder that no backup takes along."""
        return self.environ.run / "directory-heard"

    def _telling(self) -> str:
        """What preparing tells the directory."""
        migrations = sorted(path.stem for path in Path(*directory.__path__, "migrations").glob("[0-9]*.py"))
        return json.dumps([self.environ.cell, self.environ.hostname, *migrations])

    def claim_tenant(self, slug: str) -> bool:
        return bool(self._ask("claim-tenant", slug, self.environ.cell)["fresh"])

    def release_tenant(self, slug: str) -> None:
        self._ask("release-tenant", slug, self.environ.cell)

    def claim_domain(self, domain: str) -> bool:
        return bool(self._ask("claim-domain", self.environ.cell, stdin=domain)["fresh"])

    def release_domain(self, domain: str) -> None:
        self._ask("release-domain", self.environ.cell, stdin=domain)

    def _ask(self, *question: str, stdin: str = "") -> dict[str, Any]:
        path = self.environ.directory_socket
        once = self._child if path is None else partial(_at_socket, path)
        try:
            return once(*question, stdin=stdin)
        except _Unprepared:
            once("prepare", self.environ.cell, self.environ.hostname, stdin="")
            return once(*question, stdin=stdin)

    def _child(self, *question: str, stdin: str = "") -> dict[str, Any]:
        try:
            child = subprocess.run(  # noqa: S603  # our own interpreter, arguments as a list
                command("directory", *question),
                input=stdin + "\n",
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
                env=environment_of_directory(self.environ),
            )
            answer = json.loads(child.stdout)
        except (subprocess.TimeoutExpired, ValueError):
            raise DirectoryUnreachable(
                "the directory did not answer; try `SKERRY_ROLE=directory python manage.py migrate` to see why"
            ) from None
        return _judged(answer)


def _at_socket(path: Path, *question: str, stdin: str) -> dict[str, Any]:
    try:
        return _judged(questions.ask(path, question, stdin, within=TIMEOUT_SECONDS))
    except (OSError, ValueError):
        raise DirectoryUnreachable(
            "the directory did not answer; try again. If that lasts, see the journal of the unit skerry-directory@ of"
            " this cell"
        ) from None


def _judged(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise _REFUSALS.get(answer.get("kind", ""), DirectoryUnreachable)(answer["error"])
    return dict(answer)


_REFUSALS: Final[dict[str, type[Exception]]] = {"taken": TakenElsewhere, "unprepared": _Unprepared}
