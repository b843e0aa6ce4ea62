"""`skerry init`: make or upgrade the cell. Other commands do the same by themselves when they find nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import typer
from django.conf import settings

from webadmin.cli.answers import JsonFlag, answer
from webadmin.cli.door import refusals
from webadmin.processes import prepare

app = typer.Typer()


@app.callback(invoke_without_command=True)
def init(*, as_json: JsonFlag = False) -> None:
    """Make what is missing of the cell's folders, key files, certificate and databases, and upgrade the schema."""
    environ = settings.ENVIRON
    with refusals(as_json=as_json):
        prepare.prepare(environ, now=datetime.now(UTC))
        answer(
            {"cell": environ.cell, "home": str(environ.cell_dir)},
            as_json=as_json,
            text=lambda: f"cell {environ.cell} is ready in {environ.cell_dir}",
        )
