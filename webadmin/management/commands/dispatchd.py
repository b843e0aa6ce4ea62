"""`manage.py dispatchd`: the process that delivers what waits in the outbound queue."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from mailhost.wiring.dispatchd import run_dispatchd
from webadmin.processes import daemons


class Command(BaseCommand):
    help = "Deliver mail to other hosts until SIGTERM; several of these may share the queue."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        daemons.add_arguments(parser)

    def handle(
        self, *_args: object, ready_fd: int | None = None, supervisor: int | None = None, **_options: object
    ) -> None:
        daemons.run(run_dispatchd, settings.ENVIRON, ready_fd=ready_fd, supervisor=supervisor)
