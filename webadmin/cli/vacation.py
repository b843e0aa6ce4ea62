"""`skerry vacation show|set|off`: the answer while an owner is away, with the account password, as for `filters`."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from mailhost.provision import wishes
from mailhost.provision.errors import BadName
from mailhost.rules import away as absence
from mailhost.rules.away import MAX_TEXT, USUAL_DAYS
from mailhost.rules.rule import BadRule
from webadmin.cli.answers import JsonFlag, answer
from webadmin.cli.door import DryRunFlag, Failed, PasswordStdinFlag, opened, tried
from webadmin.cli.filters import Address, owned

app = typer.Typer(no_args_is_help=True)


@app.command()
def show(address: Address, *, password_stdin: PasswordStdinFlag = False, as_json: JsonFlag = False) -> None:
    """Print the answer and its days."""
    with opened(as_json=as_json) as cell:
        box, keys = owned(cell, address, "vacation show", password_stdin=password_stdin)
        wish = wishes.of(box, keys).standing.away
        found = {"address": box.address, "answer": None if wish is None else absence.write(wish)}
        answer(found, as_json=as_json, text=lambda: "nobody is answered" if wish is None or wish.off else wish.text)


@app.command("set")
def set_(
    address: Address,
    *,
    file: Annotated[Path, typer.Option("--file", dir_okay=False, help="The answer as a text file in UTF-8.")],
    subject: Annotated[str, typer.Option("--subject", help="Without one: Auto: and the subject answered.")] = "",
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="First day; days begin at midnight UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="Last day.")] = None,
    days: Annotated[int, typer.Option("--days", help="Until the same person is answered again.")] = USUAL_DAYS,
    password_stdin: PasswordStdinFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Answer people who write to a mailbox while its owner is away."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        box, keys = owned(cell, address, f"vacation set{tried(dry_run)}", password_stdin=password_stdin)
        try:
            wish = absence.away(_text(file), subject=subject, since=_day(since), until=_day(until), days=days)
        except BadRule as problem:
            raise BadName(str(problem)) from None
        wishes.set_away(box, wish, keys)
        done = "would be" if dry_run else "is"
        answer(
            {"address": box.address, "answer": absence.write(wish)} | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{box.address} {done} answered for",
        )


@app.command()
def off(
    address: Address,
    *,
    password_stdin: PasswordStdinFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Answer nobody any more; the text is kept."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        box, keys = owned(cell, address, f"vacation off{tried(dry_run)}", password_stdin=password_stdin)
        wishes.set_away(box, wishes.of(box, keys).standing.away, keys, off=True)
        answer(
            {"address": box.address, "off": True} | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{'would answer' if dry_run else 'answers'} nobody for {box.address}",
        )


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _text(file: Path) -> str:
    with file.open("rb") as content:
        found = content.read(4 * MAX_TEXT + 1)
    try:
        return found.decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(f"{file} is not a text file in UTF-8, or longer than {MAX_TEXT} characters") from None
