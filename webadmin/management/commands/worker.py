"""`manage.py worker`: the cell's background work, until SIGTERM."""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from webadmin.processes import daemons


class Command(BaseCommand):
    help = "Do the cell's background work until SIGTERM: leases, checkpoints, sweeps."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        daemons.add_arguments(parser)

    def handle(
        self, *_args: object, ready_fd: int | None = None, supervisor: int | None = None, **_options: object
    ) -> None:
        environ = settings.ENVIRON
        ready = daemons.begin(environ, ready_fd=ready_fd, supervisor=supervisor)
        # Celery takes a while to import and has opinions about a process; only the worker's has it.
        import_module("webadmin.processes.worker").run(environ.cell, ready)
