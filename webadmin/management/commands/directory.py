"""The directory's door for the cells of this machine: one question in, one line of JSON out.

    manage.py directory VERB …    the question in arguments, for a cell's command line and its preparation
    manage.py directory serve     questions at the socket that is standard input (`cell.questions`), in the name of
                                  the one cell of the settings: for daemons that are services of their own

A cell's command line starts this as a child process with SKERRY_ROLE=directory, because a process has the
database of one side only. A domain comes on standard input: it is personal data of a kind, and arguments are visible
to every user of a machine. Exit code 0 with an answer, 1 with {"error", "kind"}, 2 for wrong use.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections

from directory import claims
from webadmin.cell import questions
from webadmin.cell.keyfiles import read_or_make

# What each question needs to know.
WORDS: Final = {
    "prepare": ("cell", "host"),
    "claim-tenant": ("slug", "cell"),
    "release-tenant": ("slug", "cell"),
    "claim-domain": ("cell",),
    "release-domain": ("cell",),
}


class Command(BaseCommand):
    help = "Answer one question of a cell about the directory (run with SKERRY_ROLE=directory)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("serve")
        for verb, arguments in WORDS.items():
            of_verb = verbs.add_parser(verb)
            for argument in arguments:
                of_verb.add_argument(argument)

    def handle(self, *_args: object, verb: str, **options: Any) -> None:
        if settings.ENVIRON.role != "directory":
            self._say({"error": "this command needs SKERRY_ROLE=directory", "kind": "role"})
            sys.exit(2)
        if verb == "serve":
            with socket.socket(fileno=sys.stdin.fileno()) as listener:
                questions.serve(listener, lambda words, text: by_socket(words, text, settings.ENVIRON.cell))
            return
        domain = sys.stdin.readline().strip() if verb.endswith("-domain") else ""
        answer = _answer(verb, options | {"domain": domain})
        self._say(answer)
        if "error" in answer:
            sys.exit(1)

    def _say(self, answer: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(answer))


def by_socket(words: Sequence[str], text: str, cell: str) -> dict[str, Any]:
    """The answer to a daemon of this cell; `text` is a domain. Raises ValueError for what it may not ask.

    It may have a lost directory prepared again: that makes tables and names its own cell, as each start does.
    """
    verb = words[0] if words else ""
    names = WORDS.get(verb, ())
    options = dict(zip(names, words[1:], strict=False)) | {"domain": text}
    if len(words) != len(names) + 1 or options.get("cell") != cell:
        raise ValueError("no question of a daemon of this cell")
    # A connection that its server ended meanwhile is no answer's fault: there is no request here that would look.
    close_old_connections()
    # The folder may have been lost since this process began; its key and an SQLite database are made in it.
    settings.ENVIRON.directory_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _answer(verb, options)


def _answer(verb: str, options: dict[str, Any]) -> dict[str, Any]:
    try:
        return _VERBS[verb](options)
    except claims.Refused as refusal:
        return {"error": str(refusal), "kind": _KINDS.get(type(refusal), "refused")}


_KINDS: Final[dict[type[claims.Refused], str]] = {claims.Taken: "taken", claims.Unprepared: "unprepared"}


def _digest(options: dict[str, Any]) -> bytes:
    key = read_or_make(settings.ENVIRON.directory_dir / "keys" / "domain-hash.key")
    return claims.domain_hash(key, options["domain"])


def _prepare(options: dict[str, Any]) -> dict[str, Any]:
    call_command("migrate", verbosity=0, interactive=False)
    claims.register_cell(options["cell"], options["host"])
    return {"cell": options["cell"]}


def _release_tenant(options: dict[str, Any]) -> dict[str, Any]:
    claims.release_tenant(options["slug"], options["cell"])
    return {}


def _release_domain(options: dict[str, Any]) -> dict[str, Any]:
    claims.release_domain(_digest(options), options["cell"])
    return {}


_VERBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "prepare": _prepare,
    "claim-tenant": lambda options: {"fresh": claims.claim_tenant(options["slug"], options["cell"])},
    "release-tenant": _release_tenant,
    "claim-domain": lambda options: {"fresh": claims.claim_domain(_digest(options), options["cell"])},
    "release-domain": _release_domain,
}
