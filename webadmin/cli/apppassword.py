"""`skerry app-password add|list|revoke`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from jurisdiction.records import policies
from mailhost.models import AppPassword
from mailhost.provision import apppasswords, mailboxes
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, PasswordStdinFlag, YesFlag, confirm, opened, secret

app = typer.Typer(no_args_is_help=True)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox's own address.")]
DEFAULT_NAME = "mail program"


@app.command()
def add(
    address: Address,
    *,
    access: Annotated[
        AppPassword.Access,
        typer.Option("--access", help="sealed: the program gets sealed mail. session: this host opens it for it."),
    ] = AppPassword.Access.SEALED,
    name: Annotated[str | None, typer.Option("--name", help="What it is for, such as 'phone'.")] = None,
    expires: Annotated[
        datetime | None, typer.Option("--expires", formats=["%Y-%m-%d"], help="Last day on which it works.")
    ] = None,
    password_stdin: PasswordStdinFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Make an app password and print it, once. Session access asks for the account password."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, f"app-password add, {access.value} access")
        keyring_key = None
        if access == AppPassword.Access.SESSION:
            typed = secret("account password", from_stdin=password_stdin)
            keyring_key = mailboxes.keyring_key_by_password(box, typed)
        made = apppasswords.add(
            address,
            access,
            name=apppasswords.free_name(address, DEFAULT_NAME) if name is None else name,
            now=cell.now,
            server_key=cell.server_key,
            policy=policies.in_force(box.tenant.slug, cell.notary.key.verify_key),
            keyring_key=keyring_key,
            expires=expires.date() if expires else None,
        )
        if dry_run:
            answer(
                {"username": made.username, "access": access.value, "dry_run": True},
                as_json=as_json,
                text=lambda: f"would add an app password with {access.value} access for {made.username}",
            )
            return
        answer(
            {"username": made.username, "password": made.password},
            as_json=as_json,
            text=lambda: f"username: {made.username}\npassword: {made.password}\n(shown this once)",
        )


@app.command("list")
def list_(address: Address, *, as_json: JsonFlag = False) -> None:
    """List a mailbox's app passwords; the secrets themselves are not stored."""
    with opened(as_json=as_json) as cell:
        cell.act(mailboxes.get(address).tenant.slug, "app-password list")
        answer_list(
            [asdict(view) for view in apppasswords.listing(address)],
            as_json=as_json,
            columns=("id", "name", "access", "created", "expires", "revoked"),
            empty="no app passwords; add one with `skerry app-password add ADDRESS`",
        )


@app.command()
def revoke(
    address: Address,
    which: Annotated[str, typer.Argument(metavar="ID|NAME", help="As `skerry app-password list` shows it.")],
    *,
    yes: YesFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """End an app password."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(mailboxes.get(address).tenant.slug, "app-password revoke")
        if not dry_run:
            confirm(f"Revoke the app password {which!r} of {address}?", yes=yes)
        gone = apppasswords.revoke(address, which, now=cell.now)
        answer(
            asdict(gone) | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{'would revoke' if dry_run else 'revoked'} {gone.name!r} ({gone.access} access)",
        )
