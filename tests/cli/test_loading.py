"""A command loads what it does and not the rest of the house: a list is there in half a second, not in two."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The nouns whose lists an operator's scripts ask for most, by their modules.
LISTS = ("tenant", "voucher", "session", "token", "alias", "mailbox", "apppassword", "queue")
# What daemons and pages need: receiving, judging and sending mail, looking names up, background work, the interface.
HEAVY = (
    "mailhost.deliver",
    "mailhost.dispatch",
    "mailhost.mailauth",
    "mailhost.receive",
    "mailhost.wiring",
    "aiosmtpd",
    "celery",
    "dns",
    "ninja",
    "prometheus_client",
    "rich.table",
)
SOURCE = """
import json, sys
from importlib import import_module
import django
django.setup()
for noun in {nouns!r}:
    import_module(f"webadmin.cli.{{noun}}")
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize(("nouns", "heavy"), [(LISTS, HEAVY), (("tenant",), (*HEAVY, "mailhost.seal"))])
@pytest.mark.slow  # starts programs
def test_a_list_does_not_load_what_only_mail_needs(
    tmp_path: Path, nouns: tuple[str, ...], heavy: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SOURCE.format(nouns=nouns)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "SKERRY_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "webadmin.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout))
    assert "mailhost.models" in loaded
    assert sorted(loaded & set(heavy)) == []
