"""`manage.py cells`: two cells on this machine, is-1 and no-1, beside one directory, witnessing each other."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from webadmin.processes import neighbours


class Command(BaseCommand):
    help = "Run cell is-1, and beside it no-1 on ports 10000 higher, until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="add a demo tenant to each and print its logins once")

    def handle(self, *_args: object, demo: bool = False, **_options: object) -> None:
        neighbours.serve(settings.ENVIRON, with_demo=demo)
