"""`skerry voucher make|list|revoke`: who may sign up on the web without proof of work and without a hold."""

from __future__ import annotations

import secrets
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, Failed, opened
from webadmin.signup import vouchers

app = typer.Typer(no_args_is_help=True)
MAX_USES = 1000  # a voucher for more people than that is an open house
MAX_DAYS = 366


@app.command()
def make(
    *,
    uses: Annotated[int, typer.Option("--uses", min=1, max=MAX_USES, help="How many tenants it may found.")] = 1,
    days: Annotated[int, typer.Option("--days", min=1, max=MAX_DAYS, help="How long it is good.")] = 30,
    note: Annotated[str, typer.Option("--note", help="Your own words, such as what it is for.")] = "",
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make a voucher and print its code, once."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        today = cell.now.date()
        if len(note) > vouchers.MAX_NOTE or not note.isprintable():
            raise Failed(f"a note is one line of at most {vouchers.MAX_NOTE} characters")
        code, view = vouchers.make(
            key=cell.server_key,
            random_bytes=secrets.token_bytes(vouchers.SECRET_SIZE),
            note=note,
            uses=uses,
            expires=today + timedelta(days=days),
            today=today,
        )
        answer(
            asdict(view) | ({"dry_run": True} if dry_run else {"code": code}),
            as_json=as_json,
            text=lambda: "would make a voucher" if dry_run else f"{code}\ngood for {uses}, until {view.expires}",
        )


@app.command("list")
def list_(*, as_json: JsonFlag = False) -> None:
    """List vouchers; their codes were shown when they were made."""
    with opened(as_json=as_json) as cell:
        del cell
        answer_list(
            [asdict(view) for view in vouchers.listing()],
            as_json=as_json,
            columns=("number", "uses_left", "expires", "note", "created"),
            empty="no vouchers; make one with `skerry voucher make`",
        )


@app.command()
def revoke(
    number: Annotated[int, typer.Argument(help="As `skerry voucher list` shows it.")],
    *,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Take a voucher back; what was founded with it stays."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        del cell
        if not vouchers.revoke(number):
            raise Failed(f"there is no voucher {number}; `skerry voucher list` shows them")
        answer(
            {"number": number} | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"voucher {number} {'would be' if dry_run else 'is'} revoked",
        )
