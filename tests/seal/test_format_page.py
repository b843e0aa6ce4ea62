"""docs/sealed-format.md: its limits are the code's, and its samples open a real message."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mailhost.seal import header, keyring, padding, passphrase, seal, sealed, segment, summary
from tests.seal.people import ADA, BEN, SUMMARY
from tests.seal.test_exchange import SCRIPTS, missing, need_program

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "sealed-format.md").read_text(encoding="utf-8")
LETTER = b"From: ben@demo.test\r\n\r\nDear Ada,\r\n" * 100


def sample(language: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A folder with a key file of two keys and a message sealed to the older one."""
    message = seal(ADA.recipient, LETTER, SUMMARY)
    (tmp_path / "message.age").write_bytes(message.header + message.payload)
    (tmp_path / "key.txt").write_text(f"{BEN.secret_text}\n{ADA.secret_text}\n")
    return tmp_path


def test_the_limits_on_the_page_are_the_limits_in_the_code() -> None:
    listed = dict(re.findall(r"\| `(MAX_[A-Z_]+)` \| (\d+) \|", PAGE))
    modules = (header, keyring, padding, passphrase, sealed, segment, summary)
    known = {name: value for module in modules for name, value in vars(module).items() if name.startswith("MAX_")}
    assert {name: int(value) for name, value in listed.items()} == known


def test_the_columns_on_the_page_are_the_columns_of_a_segment() -> None:
    table = PAGE.partition("| column | entries | what |")[2].partition("\n\n")[0]
    listed = [
        name
        for line in table.splitlines()
        for name in re.findall(r"`([a-z_]+)`", line.split("|")[1] if "|" in line else "")
    ]
    assert set(segment.IndexEntry._fields) == {*listed}
    assert [name for name in segment.IndexEntry._fields if name in listed[5:]] == listed[5:]


def test_the_fields_on_the_page_are_the_fields_of_a_summary() -> None:
    table = PAGE.partition("| field | type | what |")[2].partition("\n\n")[0]
    listed = re.findall(r"`([a-z_]+)`", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    assert [name.removesuffix("_") for name in summary.Summary.__slots__] == listed


def test_the_python_sample_opens_a_message(export: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", sample("python")], cwd=export, check=True, env={"PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert (export / "message.eml").read_bytes() == LETTER


@pytest.mark.journey
def test_the_javascript_sample_opens_a_message(export: Path) -> None:
    need_program("node")
    if not (SCRIPTS / "node_modules").exists():
        missing("tests/js has no node_modules; run `npm ci` there")
    (export / "node_modules").symlink_to(SCRIPTS / "node_modules")
    (export / "open.mjs").write_text(sample("js"), encoding="utf-8")
    subprocess.run(["node", "open.mjs"], cwd=export, check=True, timeout=60)
    assert (export / "message.eml").read_bytes() == LETTER
