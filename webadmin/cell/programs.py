"""How a process of ours starts another: which interpreter, which command, and what of the environment it may see.

A child gets the settings it needs and no more: a process of the directory none of the cell's.
"""

from __future__ import annotations

import os
import sys

from webadmin.environ import CHECKOUT, Environ


def command(*words: str) -> tuple[str, ...]:
    """Command line of one of our management commands, on this interpreter."""
    return (sys.executable, "-m", "django", *words)


def environment_of_directory(environ: Environ) -> dict[str, str]:
    """For a process of the directory: of our settings only the data folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKERRY_")}
    path = os.pathsep.join(filter(None, (str(CHECKOUT), kept.get("PYTHONPATH", ""))))
    own = {"DJANGO_SETTINGS_MODULE": "webadmin.settings", "PYTHONPATH": path}
    return kept | own | {"SKERRY_HOME": str(environ.home.absolute()), "SKERRY_ROLE": "directory"}
