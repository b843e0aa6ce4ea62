"""A test against a real program is skipped where the program is missing, but not where `CI` is set: there it fails."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def need(*names: str) -> None:
    """Skip, or fail under CI=true, unless every program is on the PATH."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        refuse(f"needs {', '.join(missing)}; `.ci/run` installs them")


def refuse(reason: str) -> NoReturn:
    """Skip, or fail under CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
