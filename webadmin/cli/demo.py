"""`skerry demo fill`: a cell that looks lived in, for whoever wants to look at its pages or measure them."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Annotated

import typer

from mailhost.adapters.queuekeys import QueueKeys
from mailhost.models import Mailbox, Tenant
from webadmin.accounts import signin
from webadmin.accounts.models import Account
from webadmin.api import tokens
from webadmin.cell import hosting
from webadmin.cell.keyfiles import read_or_make
from webadmin.cli.answers import JsonFlag, answer
from webadmin.cli.door import Cell, Failed, YesFlag, opened
from webadmin.filling import happenings, houses, letters
from webadmin.processes import daemons

app = typer.Typer(no_args_is_help=True)


@app.callback()
def nouns() -> None:
    """Demo data."""


@app.command()
def fill(
    *,
    tenants: Annotated[int, typer.Option("--tenants", min=1, max=1000, help="How many demo tenants.")] = 3,
    domains: Annotated[int, typer.Option("--domains", min=1, max=10_000, help="How many domains, together.")] = 9,
    mailboxes: Annotated[int, typer.Option("--mailboxes", min=1, max=100_000, help="How many, together.")] = 60,
    each: Annotated[int, typer.Option("--each", min=1, max=10_000, help="Of everything else, for each tenant.")] = 70,
    mail: Annotated[int, typer.Option("--mail", min=0, max=10_000, help="Mails to each mailbox with keys.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="The same number makes the same cell.")] = 1,
    yes: YesFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Fill this cell with demo tenants, domains, mailboxes, mail, a queue, reports, jobs, acts and decisions."""
    with opened(as_json=as_json) as cell:
        others = houses.strangers()
        if others and not yes:
            raise Failed(f"this cell has tenants of its own ({', '.join(others)}): add --yes to put a demo beside them")
        wish = houses.Wish(tenants, domains, mailboxes, seed)
        logins = houses.build(wish, _places(cell), [secrets.token_urlsafe(12) for _ in range(10)])
        rows = list(Tenant.objects.filter(slug__in=houses.slugs(tenants)).order_by("slug"))
        happenings.happen(happenings.untouched(rows), each, seed, _things(cell))
        for login in logins:
            _runs_its_tenant(login.address, cell)
        sent = letters.post(daemons.surroundings(cell.environ), [one.address for one in logins], mail, seed, cell.now)
        about = {
            "tenants": len(rows),
            "mailboxes": Mailbox.objects.filter(tenant__in=rows).count(),
            "mails": sent,
            "logins": [asdict(login) for login in logins],
        }
        shown = "\n".join(f"{one.address}  {one.password}" for one in logins)
        answer(
            about,
            as_json=as_json,
            text=lambda: f"{about['tenants']} tenants, {about['mailboxes']} mailboxes, {sent} mails\n{shown}",
        )


def _places(cell: Cell) -> houses.Around:
    return houses.Around(
        notary=cell.notary,
        hosted=hosting.hosted(cell.environ),
        now=cell.now,
        quota_bytes=cell.environ.default_quota_bytes,
        server_key=cell.server_key,
    )


def _things(cell: Cell) -> happenings.Around:
    return happenings.Around(
        notary=cell.notary,
        queue_keys=QueueKeys(cell.environ.queue_keys, read_or_make),
        correspondent_key=read_or_make(cell.environ.keys / "correspondent.key"),
        token_key=read_or_make(cell.environ.keys / tokens.KEY_FILE),
        now=cell.now,
    )


def _runs_its_tenant(address: str, cell: Cell) -> None:
    account = signin.of_mailbox(Mailbox.objects.get(address=address), cell=cell.environ.cell, today=cell.now.date())
    account.role = Account.Role.OWNER
    account.save(update_fields=["role"])
