"""Django's `flush` as tests want it: empty but for the rows that every test begins with, and no more.

After each transactional test Django empties every table and then makes anew the permissions and content types of all
models, for tests that look at them. No test of ours does, and it cost two hundred tests a fifth of a second each. On
SQLite only the tables that hold something are emptied, for the other eighty take as long as most of the tests.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands import flush
from django.db import connection

from tests.emptying import beginning


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        if connection.vendor == "sqlite":
            beginning.empty()
        else:
            super().handle(**{**options, "inhibit_post_migrate": True})
        beginning.fill()
