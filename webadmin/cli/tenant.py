"""`skerry tenant add|list|show|suspend|resume|trust|delete`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from mailhost.models import Tenant
from mailhost.provision import tenants
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, YesFlag, confirm, opened, tried
from webadmin.cli.policyfile import FileFlag, PresetFlag, chosen_policy

app = typer.Typer(no_args_is_help=True)
Slug = Annotated[str, typer.Argument(help="The tenant's short name, such as 'harbour'.")]


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
def suspend(slug: Slug, *, yes: YesFlag = False, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Refuse mail and logins for a tenant; nothing is removed."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        view = tenants.show(slug)
        cell.act(view.slug, "tenant suspend")
        if not dry_run:
            confirm(f"Suspend {view.slug} with {view.mailboxes} mailboxes?", yes=yes)
        view = tenants.set_state(slug, Tenant.State.SUSPENDED)
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
        view = tenants.set_state(slug, Tenant.State.ACTIVE)
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
def delete(slug: Slug, *, yes: YesFlag = False, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Delete a tenant with its domains, mailboxes and all their mail."""
    with opened(as_json=as_json) as cell:
        view = tenants.show(slug)
        cell.act(view.slug, f"tenant delete{tried(dry_run)}", dangerous=not dry_run)
        if not dry_run:
            confirm(
                f"Delete {view.slug} with {view.mailboxes} mailboxes and {view.messages} messages, for ever?", yes=yes
            )
            tenants.delete(slug, claims=cell.claims, blobs=cell.blobs)
        answer(
            _about(view, dry_run=dry_run),
            as_json=as_json,
            text=lambda: (
                f"{'would delete' if dry_run else 'deleted'} {view.slug}: {len(view.domains)} domains,"
                f" {view.mailboxes} mailboxes, {view.messages} messages"
            ),
        )


def _about(view: tenants.TenantView, *, dry_run: bool) -> dict[str, Any]:
    return asdict(view) | ({"dry_run": True} if dry_run else {})


def _lines(view: dict[str, Any]) -> str:
    return "\n".join(
        f"{name:10} {' '.join(value) or '-' if isinstance(value, tuple) else value}" for name, value in view.items()
    )
