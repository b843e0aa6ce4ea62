"""`skerry filters show|set|end`: an owner's rules, shown and changed with the account password; forwards ended without.

The host could open them without it, since it has to at every delivery. The command does not, so that nobody reads
whom somebody corresponds with by the way, and all three are on record for the tenant. `end` is for a reader elsewhere
who has lost the letter with the link: it reads no rules, and says the same whether or not anything was forwarded.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mailhost.adapters.wishbook import wishes_box
from mailhost.message.address import BadAddress
from mailhost.models import Mailbox
from mailhost.provision import agreements, mailboxes, wishes
from mailhost.provision.errors import BadName
from mailhost.rules.rule import BadRule
from mailhost.rules.text import MAX_TEXT, read, write
from mailhost.seal import CellBox
from webadmin.cli.answers import JsonFlag, answer
from webadmin.cli.door import Cell, DryRunFlag, Failed, PasswordStdinFlag, opened, secret, tried
from webadmin.jobs import forwardwork

app = typer.Typer(no_args_is_help=True)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox's own address.")]


@app.command()
def show(address: Address, *, password_stdin: PasswordStdinFlag = False, as_json: JsonFlag = False) -> None:
    """Print a mailbox's rules as JSON, in the form that `set` takes."""
    with opened(as_json=as_json) as cell:
        box, keys = owned(cell, address, "filters show", password_stdin=password_stdin)
        shown = write(wishes.of(box, keys).standing.rules)
        answer(shown, as_json=as_json, text=lambda: json.dumps(shown, indent=2, ensure_ascii=False))


@app.command("set")
def set_(
    address: Address,
    *,
    file: Annotated[Path, typer.Option("--file", dir_okay=False, help="The rules as JSON, as `show` prints them.")],
    password_stdin: PasswordStdinFlag = False,
    agreed: Annotated[
        bool, typer.Option("--agreed", help="Addresses elsewhere have agreed to take forwards: write to none of them.")
    ] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Put the rules of a file in the place of all rules of a mailbox; addresses elsewhere are asked by a letter."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        box, keys = owned(
            cell, address, f"filters set{' --agreed' if agreed else ''}{tried(dry_run)}", password_stdin=password_stdin
        )
        try:
            rules = read(_content(file))
        except BadRule as problem:
            raise BadName(str(problem)) from None
        wishes.set_rules(box, rules, keys)
        asked = ended = 0
        if agreed:
            ended = agreements.vouch(box, rules, key=forwardwork.key(cell.environ), today=cell.now.date())
        elif not dry_run:
            asked = forwardwork.ask_new(cell.environ, box, rules, cell.now)
        done = "would be" if dry_run else "are"
        answer(
            {"address": box.address, "rules": len(rules), "asked": asked, "ended": ended}
            | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: (
                f"{len(rules)} rules {done} in the place of those of {box.address};"
                f" letters to addresses that must agree first: {asked}"
                + (f"; addresses that want no forwards and get none: {ended}" if ended else "")
            ),
        )


@app.command()
def end(
    address: Address,
    reader: Annotated[str, typer.Argument(metavar="READER", help="The address elsewhere that wants no forwards.")],
    *,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Forward nothing more from a mailbox to an address whose reader asked for that, and ask it no more for a year."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, f"filters end{tried(dry_run)}")
        try:
            agreements.end(box, reader, key=forwardwork.key(cell.environ), today=cell.now.date())
        except BadAddress as problem:
            raise BadName(f"the reader's address: {problem}") from None
        answer(
            {"address": box.address, "ended": True} | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: (
                f"{box.address} {'would forward' if dry_run else 'forwards'} nothing to that address from now on;"
                " what waits in the queue already still goes"
            ),
        )


def owned(cell: Cell, address: str, act: str, *, password_stdin: bool) -> tuple[Mailbox, CellBox]:
    """The mailbox, once its owner's password was given, and the key that its wishes are sealed with."""
    box = mailboxes.get(address)
    cell.act(box.tenant.slug, act)
    mailboxes.keyring_key_by_password(box, secret("account password", from_stdin=password_stdin))
    return box, wishes_box(cell.wishes_key)


def _content(file: Path) -> bytes:
    with file.open("rb") as text:
        found = text.read(MAX_TEXT + 1)
    if len(found) > MAX_TEXT:
        raise Failed(f"{file} is longer than {MAX_TEXT} octets")
    return found
