"""`manage.py prepare`: what `skerry init` does, for start scripts."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.core.management.base import BaseCommand

from webadmin.cell import identity
from webadmin.processes import daemons, prepare


class Command(BaseCommand):
    help = "Make or upgrade this cell's folders, key files, certificates and databases."
    requires_system_checks = ()

    def handle(self, *_args: object, **_options: object) -> None:
        try:
            identity.refuse_unfinished(settings.ENVIRON)
            prepare.prepare(settings.ENVIRON, now=datetime.now(UTC))
        except prepare.EXPECTED as problem:
            daemons.refuse(identity.in_words(problem))
