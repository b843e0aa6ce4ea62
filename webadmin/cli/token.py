"""`skerry token add|list|revoke`: programs that may act for a tenant, or for an operator, at `/api/v1/`.

A tenant's token reaches that tenant only. An operator's (`--operator`, without `--tenant`) reaches tenants as its
operator does: with a stated reason, asked of each tenant's policy, and written down for the tenant.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from mailhost.provision import tenants
from webadmin import operating
from webadmin.api import rights, tokens
from webadmin.cell.keyfiles import read_or_make
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, Failed, WrongUse, opened

app = typer.Typer(no_args_is_help=True)
TenantFlag = Annotated[str | None, typer.Option("--tenant", help="The tenant whose token it is.")]
OperatorFlag = Annotated[bool, typer.Option("--operator", help="An operator's token: yours.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as 'invitations'.")],
    *,
    tenant: TenantFlag = None,
    operator: OperatorFlag = False,
    right: Annotated[
        list[str] | None,
        typer.Option("--right", help="A right, as often as needed; 'read' and 'all' stand for many."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=tokens.LONGEST.days, help="How long it is good.")] = 90,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a token and print it, once."""
    if operator == (tenant is not None):
        raise typer.BadParameter("say whose it is: --tenant SLUG or --operator")
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        whose = tenants.get(tenant) if tenant is not None else None
        if whose is not None:
            cell.act(whose.slug, f"token add {name}")
        try:
            made = tokens.make(
                tenant=whose,
                operator=operating.person(cell.environ).name if operator else "",
                cell=cell.environ.cell,
                name=name,
                allowed=rights.chosen(right or (), operator=operator),
                expires=cell.now.date() + timedelta(days=days),
                today=cell.now.date(),
                key=read_or_make(cell.environ.keys / tokens.KEY_FILE),
            )
        except rights.UnknownRight as problem:
            raise WrongUse(str(problem)) from None
        except tokens.NotMade as problem:
            raise Failed(str(problem)) from None
        answer(
            asdict(made.view) | ({"dry_run": True} if dry_run else {"token": made.text}),
            as_json=as_json,
            text=lambda: "would make a token" if dry_run else _shown(made),
        )


@app.command("list")
def list_(*, tenant: TenantFlag = None, operator: OperatorFlag = False, as_json: JsonFlag = False) -> None:
    """List tokens; they themselves were shown when they were made."""
    if operator == (tenant is not None):
        raise typer.BadParameter("say whose: --tenant SLUG or --operator")
    with opened(as_json=as_json) as cell:
        if tenant is not None:
            slug = tenants.get(tenant).slug
            cell.act(slug, "token list")
            found = tokens.of_tenant(slug)
        else:
            found = tokens.of_operators()
        answer_list(
            [asdict(view) for view in found],
            as_json=as_json,
            columns=("number", "name", "operator", "rights", "expires", "used"),
            empty="no tokens; make one with `skerry token add NAME --right read`",
        )


@app.command()
def revoke(
    number: Annotated[int, typer.Argument(help="As `skerry token list` shows it.")],
    *,
    tenant: TenantFlag = None,
    operator: OperatorFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """End a token at once."""
    if operator == (tenant is not None):
        raise typer.BadParameter("say whose: --tenant SLUG or --operator")
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        slug = tenants.get(tenant).slug if tenant is not None else None
        if slug is not None:
            cell.act(slug, f"token revoke {number}")
        if not tokens.revoke(number, slug):
            raise Failed(f"there is no token {number} there; `skerry token list` shows them")
        answer(
            {"number": number} | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"token {number} {'would be' if dry_run else 'is'} revoked",
        )


def _shown(made: tokens.NewToken) -> str:
    return f"{made.text}\n(shown this once; good until {made.view.expires}, for: {', '.join(made.view.rights)})"
