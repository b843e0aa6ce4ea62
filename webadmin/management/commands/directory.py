"""The directory's door for the cells of this machine: one question in, one line of JSON out.

A cell's command line starts this as a child process with SKERRY_ROLE=directory, because a process has the
database of one side only. A domain comes on standard input: it is personal data of a kind, and arguments are visible
to every user of a machine. Exit code 0 with an answer, 1 with {"error", "kind"}, 2 for wrong use.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from directory import claims
from webadmin.keyfiles import read_or_make


class Command(BaseCommand):
    help = "Answer one question of a cell about the directory (run with SKERRY_ROLE=directory)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, arguments in (
            ("prepare", ("cell", "host")),
            ("claim-tenant", ("slug", "cell")),
            ("release-tenant", ("slug", "cell")),
            ("claim-domain", ("cell",)),
            ("release-domain", ("cell",)),
        ):
            of_verb = verbs.add_parser(verb)
            for argument in arguments:
                of_verb.add_argument(argument)

    def handle(self, *_args: object, verb: str, **options: Any) -> None:
        if settings.ENVIRON.role != "directory":
            self._say({"error": "this command needs SKERRY_ROLE=directory", "kind": "role"})
            sys.exit(2)
        try:
            self._say(_VERBS[verb](options))
        except claims.Refused as refusal:
            self._say({"error": str(refusal), "kind": "taken" if isinstance(refusal, claims.Taken) else "refused"})
            sys.exit(1)

    def _say(self, answer: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(answer))


def _digest() -> bytes:
    """Hash of the domain on standard input."""
    key = read_or_make(settings.ENVIRON.directory_dir / "keys" / "domain-hash.key")
    return claims.domain_hash(key, sys.stdin.readline().strip())


def _prepare(options: dict[str, Any]) -> dict[str, Any]:
    call_command("migrate", verbosity=0, interactive=False)
    claims.register_cell(options["cell"], options["host"])
    return {"cell": options["cell"]}


def _release_tenant(options: dict[str, Any]) -> dict[str, Any]:
    claims.release_tenant(options["slug"], options["cell"])
    return {}


def _release_domain(options: dict[str, Any]) -> dict[str, Any]:
    claims.release_domain(_digest(), options["cell"])
    return {}


_VERBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "prepare": _prepare,
    "claim-tenant": lambda options: {"fresh": claims.claim_tenant(options["slug"], options["cell"])},
    "release-tenant": _release_tenant,
    "claim-domain": lambda options: {"fresh": claims.claim_domain(_digest(), options["cell"])},
    "release-domain": _release_domain,
}
