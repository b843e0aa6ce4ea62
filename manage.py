#!/usr/bin/env python
"""Django's door to the daemons and the schema; operators use `skerry`."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
