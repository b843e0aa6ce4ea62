"""`skerry alias add|list|delete`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mailhost.provision import aliases, domains
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, YesFlag, confirm, opened

app = typer.Typer(no_args_is_help=True)
AliasName = Annotated[str, typer.Argument(metavar="ALIAS", help="The other address, such as sales@example.is.")]


@app.command()
def add(
    alias: AliasName,
    mailbox: Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox where its mail arrives.")],
    *,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Let mail for another address arrive at a mailbox; given twice, at both mailboxes."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(domains.tenant_of(mailbox), "alias add")
        made = aliases.add(alias, mailbox, cell=cell.environ.cell)
        answer(
            asdict(made) | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{made.alias} {'would lead' if dry_run else 'leads'} to {made.mailbox}",
        )


@app.command("list")
def list_(
    about: Annotated[
        str | None, typer.Argument(metavar="[ADDRESS|DOMAIN]", help="Only of this alias, mailbox or domain.")
    ] = None,
    *,
    as_json: JsonFlag = False,
) -> None:
    """List aliases."""
    with opened(as_json=as_json) as cell:
        answer_list(
            [asdict(view) for view in aliases.listing(about) if cell.may_see(domains.tenant_of(view.alias))],
            as_json=as_json,
            columns=("alias", "mailbox"),
            empty="no aliases; add one with `skerry alias add ALIAS ADDRESS`",
        )


@app.command()
def delete(
    alias: AliasName,
    mailbox: Annotated[
        str | None, typer.Argument(metavar="[ADDRESS]", help="Only its way to this mailbox; else all of it.")
    ] = None,
    *,
    yes: YesFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Remove an alias."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(domains.tenant_of(alias), "alias delete")
        if not dry_run:
            confirm(f"Remove the alias {alias}?", yes=yes)
        gone = aliases.delete(alias, mailbox)
        answer(
            {"alias": gone[0].alias, "mailboxes": [view.mailbox for view in gone]}
            | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: "\n".join(
                f"{view.alias} {'would no longer lead' if dry_run else 'no longer leads'} to {view.mailbox}"
                for view in gone
            ),
        )
