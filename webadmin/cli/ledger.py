"""`skerry ledger show|verify|export`: the cell's append-only log, and what a tenant takes away from it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from jurisdiction.ledger.notes import Note, NoteError, parse_note
from jurisdiction.ledger.receipts import Placed
from jurisdiction.notary import Notary
from jurisdiction.records import egress, ledger, policies
from mailhost.provision import tenants
from webadmin.cell import witnessing
from webadmin.cell.keyfiles import replace
from webadmin.cli.answers import JsonFlag, answer
from webadmin.cli.door import Cell, Failed, opened

app = typer.Typer(no_args_is_help=True)
Slug = Annotated[str | None, typer.Argument(metavar="[SLUG]", help="Only what is about this tenant.")]


@app.command()
def show(slug: Slug = None, *, as_json: JsonFlag = False) -> None:
    """Show the log's head, who has witnessed it, and a tenant's entries."""
    with opened(as_json=as_json) as cell:
        notary = cell.notary
        about = _head(cell, notary)
        if slug is not None:
            tenant = tenants.get(slug).slug
            cell.act(tenant, "ledger show")
            tag = notary.tag(policies.TENANT, tenant)
            about |= {"tenant": tenant, "tag": tag, "entries": [_entry(placed) for placed in ledger.entries_of(tag)]}
        answer(about, as_json=as_json, text=lambda: _text(about))


def _head(cell: Cell, notary: Notary) -> dict[str, Any]:
    """The newest signed head, which may lie behind the log: a new one is signed on a schedule, and by an export."""
    head = ledger.latest_checkpoint() or ledger.checkpoint(notary, cell.now)
    found = ledger.state_of(head, notary, witnessing.keys(cell.environ), cell.now)
    return {
        "origin": notary.origin,
        "log_key": str(notary.log_key),
        "witness_key": str(notary.cosigning_key),
        "key_salt": notary.label_salt.hex(),
        "entries_now": found.entries_now,
        "size": found.size,
        "root": found.root,
        "made": found.made.isoformat(timespec="seconds"),
        "checkpoint": head.note,
        "witnesses": list(found.witnesses),
        "witnessed": found.witnessed,
        "seen_by": found.sentence,
    }


def _entry(placed: Placed) -> dict[str, Any]:
    return {"index": placed.index, "type": ledger.kind_of(placed.entry), **asdict(placed.entry)}


def _text(about: dict[str, Any]) -> str:
    lines = [
        f"{about['origin']}: {about['size']} entries signed, root {about['root'][:16]}…",
        f"key  {about['log_key']}",
    ]
    lines.append(about["seen_by"])
    for entry in about.get("entries", ()):
        rest = {name: value for name, value in entry.items() if name not in ("index", "type", "tenant") and value}
        words = (f"{name}={','.join(value) if isinstance(value, tuple) else value}" for name, value in rest.items())
        lines.append(f"{entry['index']:>8} {entry['type']:10} {' '.join(words)}")
    return "\n".join(lines)


@app.command()
def verify(slug: Slug = None, *, as_json: JsonFlag = False) -> None:
    """Recompute the whole tree from the stored bytes and compare it with every checkpoint that was signed.

    With a tenant: also that every version of its policy stands in the log. Exit code 1 if anything does not fit.
    """
    with opened(as_json=as_json) as cell:
        notary = cell.notary
        found = list(ledger.problems(notary))
        if slug is not None:
            found += policies.problems(tenants.get(slug).slug, notary)
        head = _head(cell, notary) if not found else {}
        about = {"ok": not found, "problems": found} | {
            name: head[name] for name in ("entries_now", "size", "witnesses", "witnessed") if name in head
        }
        fine = f"the log is whole: {about.get('entries_now')} entries"
        seen = "" if about.get("witnessed") else f"\n{ledger.UNWITNESSED}"
        answer(about, as_json=as_json, text=lambda: "\n".join(found) or fine + seen)
        if found:
            raise typer.Exit(1)


@app.command()
def export(
    slug: Slug = None,
    *,
    since: Annotated[
        Path | None, typer.Option("--since", help="The checkpoint you kept from last time: a signed note.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write; standard output.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a tenant's receipt, or without a tenant every entry, to be checked offline with verify_receipt.py."""
    with opened(as_json=as_json) as cell:
        notary = cell.notary
        head = witnessing.collect(cell.environ, notary, cell.now)
        previous = _kept(since)
        if slug is None:
            text, entries = ledger.export(head, previous), head.size
        else:
            cell.act(tenants.get(slug).slug, "ledger export")
            placed = ledger.entries_of(notary.tag(policies.TENANT, tenants.get(slug).slug))
            decisions = egress.batched(tenants.get(slug).slug, notary)
            text, entries = ledger.receipt(placed, head, previous, decisions), len(placed)
        if output is None:
            sys.stdout.write(json.dumps(json.loads(text), ensure_ascii=False) + "\n" if as_json else text)
            return
        replace(output.absolute(), text.encode())
        about = {"file": str(output), "entries": entries, "size": head.size, "log_key": str(notary.log_key)}
        how = f"python verify_receipt.py {output} --log-key '{notary.log_key}'"
        answer(
            about, as_json=as_json, text=lambda: f"wrote {entries} entries to {output}; check it elsewhere with\n{how}"
        )


def _kept(since: Path | None) -> Note | None:
    if since is None:
        return None
    try:
        return parse_note(since.read_bytes())
    except NoteError as problem:
        raise Failed(f"{since} is no checkpoint: {problem}") from None
