"""Lists for people on a terminal, for other programs in a pipe, and as JSON."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from webadmin.cli.answers import answer_list

ROWS: list[dict[str, Any]] = [
    {"slug": "harbour", "laws": ["IS", "NO"], "last_seen": None},
    {"slug": "[bold]reef[/bold]", "laws": [], "last_seen": "today"},
]
COLUMNS = ("slug", "laws", "last_seen")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_table_with_its_words_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "dumb")
    answer_list(ROWS, as_json=False, columns=COLUMNS, empty="nothing")
    head, first, second = (line.split() for line in terminal.getvalue().splitlines())
    assert head == ["slug", "laws", "last", "seen"]
    assert first == ["harbour", "IS", "NO", "-"]
    assert second == ["[bold]reef[/bold]", "today"]


def test_a_pipe_gets_lines_with_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    answer_list(ROWS, as_json=False, columns=COLUMNS, empty="nothing")
    assert capsys.readouterr().out == "harbour\tIS NO\t-\n[bold]reef[/bold]\t\ttoday\n"


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    answer_list(ROWS, as_json=True, columns=COLUMNS, empty="nothing")
    assert json.loads(capsys.readouterr().out) == ROWS


def test_an_empty_list_says_so_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    answer_list([], as_json=False, columns=COLUMNS, empty="no reefs yet")
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "no reefs yet\n")
