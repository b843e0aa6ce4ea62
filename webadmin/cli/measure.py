"""`skerry evidence measure`: how fast does a cell answer, seen from this machine? Needs no cell here.

Run it on a machine that stands at a landmark and does not belong to the cell's operator. The report goes to the
cell's operator as a file; the key line, once, to whoever is to believe your reports.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from nacl.signing import SigningKey

from jurisdiction.bundle import load
from jurisdiction.ledger.notes import ED25519, NoteError, PublicKey
from jurisdiction.roundtrips import signed
from webadmin.cell.keyfiles import KeyFileDamaged, read_or_make, replace
from webadmin.cell.measuring import NoAnswer, Tools
from webadmin.cell.measuring import measure as measured
from webadmin.cli.answers import JsonFlag, answer, fail

app = typer.Typer(no_args_is_help=True)


@app.command("measure")
def measure(
    url: Annotated[str, typer.Argument(metavar="URL", help="The cell's web address.")],
    *,
    cell: Annotated[str, typer.Option("--cell", help="The name of its ledger: `skerry ledger show` has it.")],
    landmark: Annotated[str, typer.Option("--landmark", help="Where this machine stands, such as Reykjavik.")],
    key: Annotated[Path, typer.Option("--key", help="Your key file; made when it is not there.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the report goes.")],
    name: Annotated[str, typer.Option("--name", help="Who you are, in the report's signature.")] = "",
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=1000, help="The fastest of so many counts.")] = 50,
    as_json: JsonFlag = False,
) -> None:
    """Time a cell's answers over its stored mail and sign a report."""
    if landmark not in load().landmarks:
        known = ", ".join(sorted(load().landmarks))
        fail(f"there is no landmark {landmark!r}; there are: {known}", as_json=as_json, code=2)
    try:
        own, who = SigningKey(read_or_make(key.absolute())), name or f"measurer/{landmark.replace(' ', '-')}"
        line = PublicKey(who, ED25519, bytes(own.verify_key))
        report = measured(url, cell, landmark, rounds, datetime.now(UTC).date(), Tools())
        replace(output.absolute(), signed(report, who, own).encode())
    except (NoAnswer, NoteError, KeyFileDamaged) as problem:
        fail(str(problem), as_json=as_json)
    except OSError as problem:
        fail(f"{problem.filename or 'a file'}: {problem.strerror}", as_json=as_json)
    milliseconds = report.microseconds / 1000
    about = {"landmark": landmark, "ms": milliseconds, "blobs": report.blobs, "file": str(output), "key": str(line)}
    answer(
        about,
        as_json=as_json,
        text=lambda: f"{milliseconds:.3f} ms from {landmark}, over {report.blobs} blobs; {output}\nyour key: {line}",
    )
