"""`manage.py web`: the web process, uvicorn with the settings that this house needs."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from webadmin.processes import daemons, webserver


class Command(BaseCommand):
    help = "Serve the web pages until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        daemons.add_arguments(parser)

    def handle(
        self, *_args: object, ready_fd: int | None = None, supervisor: int | None = None, **_options: object
    ) -> None:
        environ = settings.ENVIRON
        webserver.run(environ, daemons.begin(environ, ready_fd=ready_fd, supervisor=supervisor))
