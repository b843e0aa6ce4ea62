"""`skerry consent add|list|revoke`."""

from __future__ import annotations

from typing import Annotated

import typer

from jurisdiction.records import policies
from mailhost.consents import DAYS, MAX_DAYS
from mailhost.provision import consents, mailboxes
from mailhost.seal import HybridIdentity, open_file
from webadmin.cell.keyfiles import read_or_make
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import DryRunFlag, PasswordStdinFlag, opened, secret, tried

app = typer.Typer(no_args_is_help=True)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox's own address.")]
Reader = Annotated[str, typer.Argument(metavar="CORRESPONDENT", help="The reader's address elsewhere.")]
KEY = "correspondent.key"


@app.command()
def add(
    address: Address,
    reader: Reader,
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=MAX_DAYS, help="For how long it counts.")] = DAYS,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Agree, for a mailbox's owner, to readable mail for one reader; where the policy leaves that to authors."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, f"consent add{tried(dry_run)}")
        made = consents.add(
            box,
            reader,
            policy=policies.in_force(box.tenant.slug, cell.notary.key.verify_key),
            key=read_or_make(cell.environ.keys / KEY),
            today=cell.now.date(),
            days=days,
        )
        until = made.last_day.isoformat()
        answer(
            {"address": address, "until": until} | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{'would count' if dry_run else 'counts'} until {until}",
        )


@app.command("list")
def list_(
    address: Address,
    *,
    opening: Annotated[
        bool, typer.Option("--open", help="Show for whom; asks for the account password, as only the owner can.")
    ] = False,
    password_stdin: PasswordStdinFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """List a mailbox's consents. This host does not know for whom they are."""
    with opened(as_json=as_json) as cell:
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, "consent list")
        found = consents.listing(box, cell.now.date())
        identities: tuple[HybridIdentity, ...] = ()
        if opening:
            typed = secret("account password", from_stdin=password_stdin)
            identities = mailboxes.keyring(box, mailboxes.keyring_key_by_password(box, typed)).identities
        rows = [
            {"id": one.number, "made": one.made.isoformat(), "until": one.last_day.isoformat()}
            | ({"reader": open_file(identities, one.shown).decode()} if identities else {})
            for one in found
        ]
        columns = ("id", "made", "until", *(("reader",) if opening else ()))
        answer_list(rows, as_json=as_json, columns=columns, empty="no consents")


@app.command()
def revoke(
    address: Address,
    reader: Reader,
    *,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Take a consent back: nothing more leaves under it, not even what waits already."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, f"consent revoke{tried(dry_run)}")
        consents.revoke(box, reader, key=read_or_make(cell.environ.keys / KEY))
        answer(
            {"address": address, "revoked": True} | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: "would be taken back" if dry_run else "taken back",
        )
