"""What `skerry quickstart` writes down: the settings of a real host, in a file that systemd and shells read.

A file of lines, each a setting, `=` and its value. Lines that are there stay as they are, comments too: whoever runs
it again after changing something by hand finds the change respected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from webadmin.cell import keyfiles

_LINE = re.compile(r"(SKERRY_[A-Z0-9_]+)=(.*)")


def read(path: Path) -> dict[str, str]:
    """The settings in a file, none where it is not there."""
    if not path.exists():
        return {}
    found = (_LINE.fullmatch(line.strip()) for line in path.read_text(encoding="utf-8").splitlines())
    return {line[1]: line[2].strip("\"'") for line in found if line}


def wanted(domain: str, *, hostname: str, public_address: str, resolver: str) -> dict[str, str]:
    """The settings of a host of its own for `domain`."""
    made = {
        "SKERRY_HOSTNAME": hostname or f"mail.{domain}",
        "SKERRY_BIND": "::",
        # Pages are plain HTTP, for a proxy on this machine that ends TLS.
        "SKERRY_WEB_BIND": "127.0.0.1",
        "SKERRY_MX_PORT": "25",
        "SKERRY_SUBMISSION_PORT": "587",
        "SKERRY_SUBMISSIONS_PORT": "465",
        "SKERRY_IMAP_PORT": "143",
        "SKERRY_IMAPS_PORT": "993",
        "SKERRY_RESOLVER": resolver,
        "SKERRY_PUBLIC_ADDRESS": public_address,
    }
    return {name: value for name, value in made.items() if value}


def missing(path: Path, settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """What to add to the file: what neither it nor the environment has said already.

    Whoever chose where the cell listens, as the containers do, has chosen for the pages too.
    """
    there = read(path)
    found = {name: value for name, value in settings.items() if name not in there and not environment.get(name)}
    if "SKERRY_BIND" not in found:
        found.pop("SKERRY_WEB_BIND", None)
    return found


def add(path: Path, settings: Mapping[str, str]) -> None:
    """Add lines, in one step: a crash leaves the old file or the new one."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text and not text.endswith("\n"):
        text += "\n"
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    keyfiles.replace(path, (text + lines).encode(), mode=0o640)
