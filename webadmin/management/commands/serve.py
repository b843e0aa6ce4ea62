"""`manage.py serve`: all processes of the cell on this machine, supervised."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from webadmin.processes import daemons, demo, serving


class Command(BaseCommand):
    help = "Prepare the cell, start its processes and keep them running until SIGTERM."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true", help="add the tenant 'demo' and print its logins once")
        parser.add_argument("--demo-tenant", help="add a demo tenant of this name, with the domain NAME.test")
        daemons.add_arguments(parser)

    def handle(
        self,
        *_args: object,
        demo_tenant: str | None = None,
        ready_fd: int | None = None,
        supervisor: int | None = None,
        **options: object,
    ) -> None:
        if demo_tenant is None and (options["demo"] or settings.ENVIRON.demo):
            demo_tenant = demo.TENANT
        # The daemons are forked from this process and read its settings: recipients fail on purpose with a demo only.
        environ = settings.ENVIRON = settings.ENVIRON.model_copy(update={"demo": demo_tenant is not None})
        serving.serve(environ, demo_tenant=demo_tenant, ready_fd=ready_fd, supervised_by=supervisor)
