"""How a command answers: one object, one list, one error; in one line of JSON or for people.

Knows nothing of a cell, so that commands which need none (`policy check-cases`, `atlas`) start without one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer

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
    if not rows:
        print(empty, file=sys.stderr)
    elif not sys.stdout.isatty():
        for row in rows:
            print("\t".join(_cell_text(row[column]) for column in columns))
    else:
        _print_table([[_cell_text(row[column]) for column in columns] for row in rows], columns)


def _print_table(lines: Sequence[Sequence[str]], columns: Sequence[str]) -> None:
    # Imported for the one who looks at a table: a twentieth of every command otherwise.
    table = import_module("rich.table").Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for line in lines:
        table.add_row(*line)
    import_module("rich.console").Console().print(table, markup=False)


def _cell_text(value: Any) -> str:
    if value is None:
        return "-"
    return " ".join(value) if isinstance(value, list | tuple) else str(value)
