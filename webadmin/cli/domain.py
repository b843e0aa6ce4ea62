"""`skerry domain add|list|delete`; `domaindns` has the commands about its DNS."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from mailhost.provision import domains, tenants
from mailhost.provision.errors import StillInUse
from webadmin.cli import domaindns
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, YesFlag, confirm, opened, tried
from webadmin.jobs import domainwork

app = typer.Typer(no_args_is_help=True)
domaindns.add_to(app)
DomainName = Annotated[str, typer.Argument(metavar="DOMAIN", help="A mail domain, such as example.is.")]


@app.command()
def add(
    domain: DomainName,
    *,
    tenant: Annotated[str, typer.Option("--tenant", help="The tenant whose domain it is.")],
    check: Annotated[bool, typer.Option("--check/--no-check", help="Look at its DNS afterwards.")] = True,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Host a domain for a tenant. Added by an operator, it counts as verified. What its DNS lacks is said, and fails
    nothing."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(tenants.get(tenant).slug, "domain add")
        made = domains.add(domain, tenant, now=cell.now, claims=cell.claims)
        domainwork.begin_keys(cell.environ, domains.get(made.domain), cell.now.date())
        found = domaindns.first_step(cell, made.domain) if check and not dry_run else None
        lines = [f"{'would host' if dry_run else 'hosting'} {made.domain} for {made.tenant}"]
        lines += [found.sentence] if found else []
        answer(
            _about(made, dry_run=dry_run) | ({"dns": found.as_json} if found else {}),
            as_json=as_json,
            text=lambda: "\n".join(lines),
        )


@app.command("list")
def list_(
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List hosted domains."""
    with opened(as_json=as_json) as cell:
        answer_list(
            [asdict(view) for view in domains.listing(tenant) if cell.may_see(view.tenant)],
            as_json=as_json,
            columns=("domain", "tenant", "verified", "mailboxes"),
            empty="no domains yet; add one with `skerry domain add DOMAIN --tenant SLUG`",
        )


@app.command()
def delete(
    domain: DomainName,
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Refuse if it is another tenant's.")] = None,
    with_mailboxes: Annotated[
        bool, typer.Option("--with-mailboxes", help="Delete its mailboxes and their mail too.")
    ] = False,
    yes: YesFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Stop hosting a domain."""
    with opened(as_json=as_json) as cell:
        row = domains.get(domain)
        if tenant is not None and row.tenant.slug != tenant:
            raise StillInUse(f"{row.name} belongs to tenant {row.tenant.slug!r}, not to {tenant!r}")
        view = next(view for view in domains.listing(row.tenant.slug) if view.domain == row.name)
        if view.mailboxes and not with_mailboxes:
            raise StillInUse(domains.still_in_use(view.domain, view.mailboxes))
        cell.act(row.tenant.slug, f"domain delete{tried(dry_run)}", dangerous=bool(view.mailboxes) and not dry_run)
        if not dry_run:
            confirm(f"Stop hosting {view.domain} and delete its {view.mailboxes} mailboxes?", yes=yes)
            domains.delete(domain, claims=cell.claims, blobs=cell.blobs, with_mailboxes=with_mailboxes)
        answer(
            _about(view, dry_run=dry_run),
            as_json=as_json,
            text=lambda: f"{'would delete' if dry_run else 'deleted'} {view.domain} and {view.mailboxes} mailboxes",
        )


def _about(view: domains.DomainView, *, dry_run: bool) -> dict[str, Any]:
    return asdict(view) | ({"dry_run": True} if dry_run else {})
