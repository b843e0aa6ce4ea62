"""`skerry policy check-cases FILE`: worked decisions, run against the real decider. Needs no cell.

Exit code 0 when every decision is as the file wants it, 1 when one is not, 2 when the file cannot be run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from jurisdiction.bundle import AtlasErrors, load
from jurisdiction.cases import CaseFileErrors, check_cases
from webadmin.cli.answers import JsonFlag, answer, fail

app = typer.Typer(no_args_is_help=True)
# A hundred thousand cases fit; more is a mistake in the name of the file.
MAX_FILE_BYTES = 64 * 1024 * 1024


@app.command("check-cases")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file of cases.")], *, as_json: JsonFlag = False
) -> None:
    """Run a file of worked cases and show every decision that differs from what it wants."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            fail(f"{file}: larger than {MAX_FILE_BYTES} bytes; is it the right file?", as_json=as_json, code=2)
        found = check_cases(content, load(), file.name)
    except OSError as problem:
        fail(f"{file}: {problem.strerror or type(problem).__name__}", as_json=as_json, code=2)
    except (CaseFileErrors, AtlasErrors) as problem:
        fail(str(problem), as_json=as_json, code=2)
    answer(found, as_json=as_json, text=lambda: _lines(found))
    if found["mismatches"]:
        raise typer.Exit(1)


def _lines(found: dict[str, Any]) -> str:
    mismatches = found["mismatches"]
    lines = [f"{found['cases']} cases, {len(mismatches)} decided otherwise than the file wants"]
    for mismatch in mismatches:
        lines.append(f"  {mismatch['id']}")
        lines += [
            f"    {word:5}{mismatch[word]['verdict']} {' '.join(mismatch[word]['reasons'])}" for word in ("want", "got")
        ]
    return "\n".join(lines)
