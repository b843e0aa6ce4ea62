"""How a command answers: one object, one list, one error; in one line of JSON or for people.

Knows nothing of a cell, so that commands which need none (`policy check-cases`, `atlas`) start without one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

JsonFlag = Annotated[bool, typer.Option("--json", help="Answer in one line of JSON.")]


def fail(text: str, *, as_json: bool, code: int = 1) -> NoReturn:
    """Say one error and end."""
    if as_json:
        say_json({"error": text})
    else:
        print(f"error: {text}", file=sys.stderr)
    raise typer.Exit(code)


def answer(value: Mapping[str, Any], *, as_json: bool, text: Callable[[], str]) -> None:
    """Print one object."""
    if as_json:
        say_json(value)
    else:
        print(text())


def say_json(value: Any) -> None:
    """Print one line of JSON."""
    print(json.dumps(value, ensure_ascii=False))


def answer_list(rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str], empty: str) -> None:
    """Print a list: an array, a table on a terminal, or tab-separated lines for other programs."""
    if as_json:
        say_json(rows)
        return
    console = Console()
    if not rows:
        print(empty, file=sys.stderr)
    elif not console.is_terminal:
        for row in rows:
            print("\t".join(_cell_text(row[column]) for column in columns))
    else:
        table = Table(box=None, pad_edge=False)
        for column in columns:
            table.add_column(column.replace("_", " "), overflow="fold")
        for row in rows:
            table.add_row(*(_cell_text(row[column]) for column in columns))
        console.print(table, markup=False)


def _cell_text(value: Any) -> str:
    if value is None:
        return "-"
    return " ".join(value) if isinstance(value, list | tuple) else str(value)
