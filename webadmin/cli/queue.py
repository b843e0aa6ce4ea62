"""`skerry queue list|show|retry|drop`: mail that waits to leave.

Recipients stay sealed: an operator sees whose mail waits, since when and why, and with `show` for which domain.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mailhost.adapters.queuekeys import QueueKeys
from mailhost.provision import queue
from webadmin.cell.keyfiles import read_or_make
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, YesFlag, confirm, opened

app = typer.Typer(no_args_is_help=True)
ItemId = Annotated[int, typer.Argument(metavar="ID", help="Number of the item; `skerry queue list` shows it.")]


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Argument(metavar="[TENANT]", help="Only of this tenant.")] = None,
    *,
    as_json: JsonFlag = False,
) -> None:
    """List what waits, the oldest first."""
    with opened(as_json=as_json) as cell:
        answer_list(
            [asdict(view) for view in queue.listing(tenant) if cell.may_see(view.tenant)],
            as_json=as_json,
            columns=("id", "sender", "state", "queued", "attempts", "due", "reason"),
            empty="nothing waits",
        )


@app.command()
def show(item: ItemId, *, as_json: JsonFlag = False) -> None:
    """Show one item and the domain it is for."""
    with opened(as_json=as_json) as cell:
        found = queue.show(item, QueueKeys(cell.environ.queue_keys, read_or_make), cell.notary)
        cell.act(found.tenant, "queue show")
        about = asdict(found)
        answer(
            about,
            as_json=as_json,
            text=lambda: "\n".join(f"{name:12} {value}" for name, value in about.items()),
        )


@app.command()
def retry(item: ItemId, *, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Try an item again now, one that is held too."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(queue.tenant_of(item), "queue retry")
        found = queue.retry(item, now=cell.now)
        answer(
            asdict(found) | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"item {item} {'would be' if dry_run else 'is'} tried again",
        )


@app.command()
def drop(item: ItemId, *, yes: YesFlag = False, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Remove an item; its author is not told."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(queue.tenant_of(item), "queue drop", dangerous=not dry_run)
        if not dry_run:
            confirm(f"Remove item {item}? Its author will not be told.", yes=yes)
        found = queue.drop(item)
        answer(
            asdict(found) | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"item {item} {'would be' if dry_run else 'is'} removed",
        )
