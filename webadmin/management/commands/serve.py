"""`manage.py serve`: all processes of the cell on this machine, supervised."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from webadmin import serving


class Command(BaseCommand):
    help = "Prepare the cell, start its processes and keep them running until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="add the tenant 'demo' and print its logins once")

    def handle(self, *_args: object, demo: bool = False, **_options: object) -> None:
        serving.serve(settings.ENVIRON, with_demo=demo or settings.ENVIRON.demo)
