"""`manage.py verify`: compare the store's index with itself and with its blobs; exit code 1 for any problem."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from django.conf import settings
from django.core.management.base import BaseCommand

from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.verify import verify
from webadmin.cell import identity
from webadmin.processes import daemons


class Command(BaseCommand):
    help = "Check that every message's row, place and blob agree. Changes nothing, needs no key."
    requires_system_checks = ()

    def handle(self, *_args: object, **_options: object) -> None:
        environ = settings.ENVIRON
        try:
            identity.check(environ)
        except identity.EXPECTED as refusal:
            daemons.refuse(identity.in_words(refusal))
        found = 0
        for problem in verify(FileBlobs(environ.blobs), datetime.now(UTC)):
            found += 1
            self.stdout.write(f"{problem.kind}: {problem.where}: {problem.meaning}")
        self.stdout.write(f"{found} problems" if found else "the store is sound")
        if found:
            sys.exit(1)
