"""`skerry sending grant|revoke|grants|limit|limits`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mailhost.provision import domains, sending
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, WrongUse, opened

app = typer.Typer(no_args_is_help=True)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox's own address.")]
SendsAs = Annotated[str, typer.Argument(metavar="AS", help="The other address, of the same tenant.")]


@app.command()
def grant(address: Address, sends_as: SendsAs, *, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Let a mailbox send as an address that is not its own."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(domains.tenant_of(address), "sending grant")
        made = sending.grant(address, sends_as, cell=cell.environ.cell)
        answer(
            asdict(made) | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{made.mailbox} {'could' if dry_run else 'may'} send as {made.sends_as}",
        )


@app.command()
def revoke(address: Address, sends_as: SendsAs, *, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Take a grant back."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(domains.tenant_of(address), "sending revoke")
        gone = sending.revoke(address, sends_as)
        answer(
            asdict(gone) | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{gone.mailbox} {'could no longer' if dry_run else 'may no longer'} send as {gone.sends_as}",
        )


@app.command()
def grants(*, as_json: JsonFlag = False) -> None:
    """List who may send as whom, beside their own addresses and aliases."""
    with opened(as_json=as_json) as cell:
        answer_list(
            [asdict(view) for view in sending.grants() if cell.may_see(domains.tenant_of(view.mailbox))],
            as_json=as_json,
            columns=("mailbox", "sends_as"),
            empty="no grants; add one with `skerry sending grant ADDRESS AS`",
        )


@app.command()
def limit(
    about: Annotated[str, typer.Argument(metavar="ADDRESS|SLUG", help="A mailbox, or a tenant as a whole.")],
    *,
    recipients: Annotated[int | None, typer.Option(min=0, help="Recipients a day in all.")] = None,
    new: Annotated[int | None, typer.Option(min=0, help="Of them, how many never written to before.")] = None,
    usual: Annotated[bool, typer.Option("--usual", help="Go back to the usual limits.")] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Set how many recipients a day a mailbox or a tenant may write to."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(sending.tenant_of(about), "sending limit")
        if usual:
            sending.usual(about)
            answer({"about": about, "usual": True}, as_json=as_json, text=lambda: f"{about} has the usual limits")
            return
        if recipients is None or new is None:
            raise WrongUse("give --recipients and --new, or --usual")
        made = sending.limit(about, recipients=recipients, new=new)
        answer(
            asdict(made) | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{about}: {made.recipients} recipients a day, {made.new} of them new",
        )


@app.command()
def limits(*, as_json: JsonFlag = False) -> None:
    """List the limits that differ from the usual."""
    with opened(as_json=as_json) as cell:
        answer_list(
            [asdict(view) for view in sending.limits() if cell.may_see(view.tenant)],
            as_json=as_json,
            columns=("tenant", "mailbox", "recipients", "new"),
            empty="everybody has the usual limits",
        )
