"""The version, whose one source is the newest heading of CHANGELOG.md.

A checkout reads the file; an installed wheel asks the metadata that was made from it.
"""

import re
from importlib import metadata
from pathlib import Path

_CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def _read() -> str:
    if _CHANGELOG.is_file():
        found = re.search(r"^## (\d+\.\d+\.\d+)", _CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found[1]
    return metadata.version("skerry")


VERSION = _read()
