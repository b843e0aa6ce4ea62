"""`manage.py smtpd`: one process that takes mail by SMTP. Several share the ports."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from mailhost.wiring.smtpd import run_smtpd
from webadmin.processes import daemons


class Command(BaseCommand):
    help = "Take mail by SMTP until SIGTERM; several of these may share the ports."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        daemons.add_arguments(parser)

    def handle(
        self, *_args: object, ready_fd: int | None = None, supervisor: int | None = None, **_options: object
    ) -> None:
        daemons.run(run_smtpd, settings.ENVIRON, ready_fd=ready_fd, supervisor=supervisor)
