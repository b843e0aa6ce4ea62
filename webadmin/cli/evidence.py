"""`skerry evidence show|renew|add|measure`: what shows where this cell's machine is, and what follows from it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jurisdiction.evidence import ChallengeFailed, proof_limit_ms
from jurisdiction.ledger.notes import MAX_NOTE_BYTES, NoteError, parse_key
from jurisdiction.notary import Notary
from jurisdiction.records import evidence, leases
from jurisdiction.roundtrips import ReportRefused, accept
from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.nearness import pool, respond
from mailhost.provision import tenants
from webadmin.cell import evidence as taking
from webadmin.cli import measure
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import Cell, Failed, opened
from webadmin.settingtypes import split

app = typer.Typer(no_args_is_help=True)
app.command("measure")(measure.measure)


@app.command()
def show(*, as_json: JsonFlag = False) -> None:
    """Show the evidence for this cell's place, its grade, and which round trip would prove it."""
    with opened(as_json=as_json) as cell:
        notary, today = cell.notary, cell.now.date()
        rows = evidence.current(notary)
        assessed = evidence.assessment(rows, notary, today)
        about = {
            "country": notary.home.country,
            "controllers": list(notary.home.controllers),
            "grade": assessed.grade.value if assessed.grade else None,
            "age_days": assessed.age_days,
            "contradicted": assessed.contradicted,
            "evidence": [
                {
                    "kind": row.kind,
                    "supports": row.supports or None,
                    "taken_on": row.taken_on.isoformat(),
                    "found": json.loads(row.summary),
                }
                for row in rows
            ],
            "proof": _proof(notary),
        }
        answer(about, as_json=as_json, text=lambda: _text(about))


def _proof(notary: Notary) -> dict[str, float]:
    """Landmarks of the country, and under how many milliseconds a reply to them proves it."""
    limits = {
        name: proof_limit_ms(mark)
        for name, mark in notary.atlas.landmarks.items()
        if mark.country == notary.home.country
    }
    return {name: round(limit, 2) for name, limit in limits.items() if limit is not None}


def _text(about: dict[str, Any]) -> str:
    grade = about["grade"] or "none"
    lines = [f"declared to be in {about['country']}, controlled from {', '.join(about['controllers'])}"]
    lines.append(f"grade {grade}" + (", CONTRADICTED" if about["contradicted"] else ""))
    for row in about["evidence"]:
        stand = f"supports {row['supports']}" if row["supports"] else "does not support it"
        found = ", ".join(f"{name} {value}" for name, value in row["found"].items() if value not in ("", None))
        lines.append(f"  {row['kind']:18} {row['taken_on']}  {stand}: {found}")
    for landmark, limit in about["proof"].items():
        lines.append(f"a reply to {landmark} in under {limit} ms would prove the country (grade A)")
    if not about["proof"]:
        lines.append("no round trip can prove this country: a border is near, or no landmark is known")
    return "\n".join(lines)


@app.command()
def renew(*, as_json: JsonFlag = False) -> None:
    """Take the evidence of today and decide every tenant's place anew; exit code 1 if one is not renewed."""
    with opened(as_json=as_json) as cell:
        notary = cell.notary
        located = taking.take(cell.environ, notary, cell.now.date())
        if located is not None and located.verdict != "agree" and not as_json:
            typer.echo(located.why, err=True)
        renewals = list(leases.renew_all(notary, cell.now.date()))
        tenants.follow(renewals)
        rows = [{"tenant": one.tenant, "kind": one.kind, "drift": one.drift} for one in renewals]
        answer_list(rows, as_json=as_json, columns=("tenant", "kind", "drift"), empty="no tenants yet")
        if any(one.drift for one in renewals):
            raise typer.Exit(1)


@app.command()
def add(
    report: Annotated[Path, typer.Argument(metavar="FILE", help="A report of `skerry evidence measure`.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Bring in a round trip that somebody measured from a landmark; its answer is computed again over this mail."""
    with opened(as_json=as_json) as cell:
        notary = cell.notary
        try:
            found = accept(
                report.read_bytes()[: MAX_NOTE_BYTES + 1],
                {name: parse_key(key) for name, _hash, key in (item.partition("#") for item in _measurers(cell))},
                notary.origin,
                cell.now.date(),
                lambda nonce, as_of: _expected(nonce, as_of, cell),
            )
            row = evidence.measure([found.round_trip], found.blobs > 0, notary, found.taken_on)
        except (ReportRefused, ChallengeFailed, NoteError, evidence.ProvesNothing) as problem:
            raise Failed(str(problem)) from None
        about = {"landmark": found.landmark, "ms": found.round_trip.ms, "supports": row.supports or None}
        stand = "supports the declared country" if row.supports else "CONTRADICTS the declared country"
        answer(about, as_json=as_json, text=lambda: f"{found.round_trip.ms} ms from {found.landmark} {stand}")


def _measurers(cell: Cell) -> tuple[str, ...]:
    return split(cell.environ.measurers)


def _expected(nonce: bytes, as_of: datetime, cell: Cell) -> tuple[bytes, int]:
    blobs = FileBlobs(cell.environ.blobs)
    return respond(nonce, blobs, pool(blobs, as_of))
