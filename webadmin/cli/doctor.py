"""`skerry doctor`: what is well, what should be better, what does not work, each with what to do."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import typer
from django.conf import settings
from rich.console import Console

from webadmin.cli.answers import JsonFlag, say_json
from webadmin.cli.door import refusals
from webadmin.doctor import lawchecks, survey
from webadmin.doctor.checks import LOOKERS, Check, State, run

app = typer.Typer()
_MARKS = {State.OK: ("ok", "green"), State.WARNING: ("warning", "yellow"), State.PROBLEM: ("problem", "red")}


@app.callback(invoke_without_command=True)
def doctor(*, as_json: JsonFlag = False) -> None:
    """Check this machine and this cell. Exit code 1 when there is a problem; warnings are none."""
    with refusals(as_json=as_json):
        outer = survey.Survey(survey.outside(settings.ENVIRON))
        found = run(settings.ENVIRON, now=datetime.now(UTC), lookers=(*LOOKERS, *lawchecks.LOOKERS, *outer.lookers))
    healthy = all(check.state != State.PROBLEM for check in found)
    if as_json:
        say_json({"ok": healthy, "checks": [asdict(check) for check in found]})
    else:
        show(found)
    if not healthy:
        raise typer.Exit(1)


def show(found: list[Check]) -> None:
    """Every check for people."""
    console = Console(highlight=False)
    for check in found:
        mark, colour = _MARKS[check.state]
        console.print(f"[{colour}]{mark:8}[/{colour}] {check.name}: ", end="")
        console.print(check.detail, markup=False, soft_wrap=True)
        if check.remedy:
            console.print(f"         {check.remedy}", markup=False, soft_wrap=True)
