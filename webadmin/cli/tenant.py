"""`skerry tenant add|list|show|suspend|resume|trust|delete|restore|export`.

Deleting begins a cooling-off in which nothing is lost; `restore` takes it back, the worker completes it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from mailhost.adapters.blobs import FileBlobs
from mailhost.models import Tenant
from mailhost.provision import leaving, tenants
from webadmin.cell.keyfiles import replace
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import Cell, DryRunFlag, YesFlag, confirm, opened, tried
from webadmin.cli.policyfile import FileFlag, PresetFlag, chosen_policy

app = typer.Typer(no_args_is_help=True)
Slug = Annotated[str, typer.Argument(help="The tenant's short name, such as 'harbour'.")]
ReasonFlag = Annotated[str, typer.Option("--reason", help="Why, in one line; the tenant's people read it.")]


@app.command()
def add(
    slug: Slug,
    *,
    name: Annotated[str, typer.Option("--name", help="The name people read; the slug when not given.")] = "",
    preset: PresetFlag = None,
    file: FileFlag = None,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Add a tenant to this cell; without a policy its mail may lie in the cell's country and nowhere else."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        notary = cell.notary
        policy = chosen_policy(preset, file, notary, cell.now)
        made = tenants.add(slug, name=name, now=cell.now, claims=cell.claims, notary=notary, policy=policy)
        answer(
            _about(made, dry_run=dry_run),
            as_json=as_json,
            text=lambda: f"{'would add' if dry_run else 'added'} tenant {made.slug} in cell {made.cell}",
        )


@app.command("list")
def list_(*, as_json: JsonFlag = False) -> None:
    """List the tenants of this cell."""
    with opened(as_json=as_json) as cell:
        answer_list(
            [asdict(view) for view in tenants.listing() if cell.may_see(view.slug)],
            as_json=as_json,
            columns=("slug", "name", "state", "domains", "mailboxes", "messages", "bytes"),
            empty="no tenants yet; add one with `skerry tenant add SLUG`",
        )


@app.command()
def show(slug: Slug, *, as_json: JsonFlag = False) -> None:
    """Show one tenant: state, domains, counts. Never a correspondent."""
    with opened(as_json=as_json) as cell:
        view = asdict(tenants.show(slug))
        cell.act(view["slug"], "tenant show")
        answer(view, as_json=as_json, text=lambda: _lines(view))


@app.command()
def suspend(
    slug: Slug,
    *,
    reason: ReasonFlag = "",
    yes: YesFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Put mail off and refuse logins for a tenant; nothing is removed."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        view = tenants.show(slug)
        cell.act(view.slug, "tenant suspend", dangerous=not dry_run)
        if not dry_run:
            confirm(f"Suspend {view.slug} with {view.mailboxes} mailboxes?", yes=yes)
        view = tenants.set_state(slug, Tenant.State.SUSPENDED, now=cell.now, reason=reason)
        answer(
            _about(view, dry_run=dry_run),
            as_json=as_json,
            text=lambda: f"{view.slug} {'would be' if dry_run else 'is'} suspended; `skerry tenant resume` undoes it",
        )


@app.command()
def resume(slug: Slug, *, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Take mail and logins again for a suspended tenant."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(tenants.get(slug).slug, "tenant resume")
        view = tenants.set_state(slug, Tenant.State.ACTIVE, now=cell.now)
        answer(
            _about(view, dry_run=dry_run),
            as_json=as_json,
            text=lambda: f"{view.slug} {'would be' if dry_run else 'is'} active",
        )


@app.command()
def trust(slug: Slug, *, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Lift the hold on outbound mail of a tenant that signed up lately."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(tenants.get(slug).slug, "tenant trust")
        view = tenants.trust(slug)
        answer(
            _about(view, dry_run=dry_run),
            as_json=as_json,
            text=lambda: f"{view.slug} {'would send' if dry_run else 'sends'} as every grown tenant does",
        )


@app.command()
def delete(
    slug: Slug,
    *,
    reason: ReasonFlag = "",
    at_once: Annotated[bool, typer.Option("--at-once", help="No cooling-off: remove everything now.")] = False,
    yes: YesFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Delete a tenant with its domains, mailboxes and all their mail, once its cooling-off is over."""
    with opened(as_json=as_json) as cell:
        view = tenants.show(slug)
        what = f"tenant delete{' at once' if at_once else ''}{tried(dry_run)}"
        cell.act(view.slug, what, dangerous=not dry_run)
        if dry_run:
            answer(_about(view, dry_run=True), as_json=as_json, text=lambda: f"would delete {_size(view)}")
        elif at_once:
            confirm(f"Delete {_size(view)}, now and for ever?", yes=yes)
            _remove(cell, slug)
            answer(_about(view, dry_run=False), as_json=as_json, text=lambda: f"deleted {_size(view)}")
        else:
            days = cell.environ.cooling_off_days
            confirm(f"Delete {_size(view)} in {days} days?", yes=yes)
            wish = leaving.Wish(by_operator=True, why=reason, cooling_off=timedelta(days=days))
            made = leaving.ask(slug, wish, notary=cell.notary, now=cell.now)
            # A page's module, with all that pages need.
            from webadmin.web.departures import link  # noqa: PLC0415

            path = link(slug, made.entry, cell.notary)
            text = (
                f"{slug} is gone after {made.gone_after:%Y-%m-%d %H:%M} UTC; until then its people fetch their mail.\n"
                f"`skerry tenant restore {slug}` keeps it. Its receipt is at {cell.environ.web_address}{path}"
            )
            about = _about(tenants.show(slug), dry_run=False) | {"receipt": path}
            answer(about, as_json=as_json, text=lambda: text)


@app.command()
def restore(slug: Slug, *, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Keep a tenant that is leaving; it is again what it was."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(tenants.get(slug).slug, "tenant restore")
        view = leaving.restore(slug, by_operator=True, notary=cell.notary, now=cell.now)
        answer(
            _about(view, dry_run=dry_run),
            as_json=as_json,
            text=lambda: f"{view.slug} {'would be' if dry_run else 'is'} kept: {view.state}",
        )


@app.command()
def export(
    slug: Slug,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write; standard output.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write all settings of a tenant as JSON: no key, no password, no mail (`skerry mailbox export` writes mail)."""
    with opened(as_json=as_json) as cell:
        tenant = tenants.get(slug)
        cell.act(tenant.slug, "tenant export")
        text = leaving.settings_text(tenant, cell.notary, cell.now)
        if output is None:
            answer(json.loads(text), as_json=as_json, text=text.rstrip)
            return
        replace(output.absolute(), text.encode())
        about = {"file": str(output), "sha256": leaving.digest(text)}
        answer(about, as_json=as_json, text=lambda: f"wrote the settings of {tenant.slug} to {output}")


def _remove(cell: Cell, slug: str) -> None:
    outgoing = FileBlobs(cell.environ.outgoing)
    tenants.remove(slug, claims=cell.claims, blobs=cell.blobs, outgoing=outgoing, notary=cell.notary, now=cell.now)


def _size(view: tenants.TenantView) -> str:
    counts = f"{len(view.domains)} domains, {view.mailboxes} mailboxes, {view.messages} messages"
    return f"{view.slug}: {counts}"


def _about(view: tenants.TenantView, *, dry_run: bool) -> dict[str, Any]:
    return asdict(view) | ({"dry_run": True} if dry_run else {})


def _lines(view: dict[str, Any]) -> str:
    return "\n".join(
        f"{name:10} {' '.join(value) or '-' if isinstance(value, tuple) else value}" for name, value in view.items()
    )
