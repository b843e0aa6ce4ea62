"""Counters: declared names, labels that fit no address, one page for all processes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture import house
from tests.journeys.house import ROOT
from webadmin import metrics

COUNT = """
import sys; from pathlib import Path
from webadmin import metrics
counters = metrics.begin(Path(sys.argv[1]))
for name, label in [a.split("=") for a in sys.argv[2:]]:
    counters.count(name, label)
"""
PAGE = """
import sys; from pathlib import Path
from webadmin import metrics
print(metrics.page(Path(sys.argv[1]), [metrics.Gauge("disk_free_bytes", "Free.", 5)]).decode())
"""


def run(script: str, *arguments: str) -> str:
    """In a process of its own: prometheus_client decides at its import where numbers are kept."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout


@pytest.mark.slow  # starts programs
def test_the_numbers_of_all_processes_are_one_page(tmp_path: Path) -> None:
    run(COUNT, str(tmp_path), "smtp_messages=ok", "smtp_messages=ok", "imap_events=login")
    run(COUNT, str(tmp_path), "smtp_messages=ok", "smtp_messages=too_large", "smtp_refused=")
    page = run(PAGE, str(tmp_path))
    assert 'skerry_smtp_messages_total{reason="ok"} 3.0' in page
    assert 'skerry_smtp_messages_total{reason="too_large"} 1.0' in page
    assert 'skerry_imap_events_total{event="login"} 1.0' in page
    assert 'skerry_smtp_refused_total{code="none"} 1.0' in page
    assert "skerry_disk_free_bytes 5" in page
    metrics.clear(tmp_path)
    assert "skerry_smtp_messages_total{" not in run(PAGE, str(tmp_path))


@pytest.mark.slow  # starts a program
def test_a_label_that_could_name_somebody_is_other(tmp_path: Path) -> None:
    names = ["ada@example.is", "192.0.2.1", "Ada Lovelace", "x" * 41, "example.is"]
    run(COUNT, str(tmp_path), *(f"smtp_messages={name}" for name in names))
    page = run(PAGE, str(tmp_path))
    assert 'skerry_smtp_messages_total{reason="other"} 5.0' in page
    assert "ada" not in page.lower().replace("metadata", "")


@pytest.mark.slow  # starts a program
def test_a_flood_of_labels_is_bounded(tmp_path: Path) -> None:
    run(COUNT, str(tmp_path), *(f"smtp_refused=c{number}" for number in range(metrics.MAX_LABELS + 50)))
    page = run(PAGE, str(tmp_path))
    assert 'skerry_smtp_refused_total{code="other"} 50.0' in page
    assert page.count("skerry_smtp_refused_total{") == metrics.MAX_LABELS + 1


@pytest.mark.slow  # starts programs
def test_an_undeclared_name_is_a_mistake_in_the_code(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(COUNT, str(tmp_path), "undeclared=x")


def test_every_name_that_the_code_counts_is_declared() -> None:
    counted: set[str] = set()
    for module in house.within("mailhost"):
        for node in house.nodes(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "count":
                first = node.args[0] if node.args else None
                # The IMAP engine counts events, which wiring makes labels of one counter.
                if isinstance(first, ast.Constant) and isinstance(first.value, str) and "imap" not in module.path.parts:
                    counted |= set(re.findall(r"^[a-z]+_[a-z_]+$", first.value))
    assert {"smtp_messages", "smtp_recipients"} <= counted
    assert counted <= set(metrics.COUNTERS)
