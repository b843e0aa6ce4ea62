"""`skerry`, the operator's command line: verb after noun, made for people and for scripts.

Every command prints for people, or with `--json` one line of JSON: an object, or an array for lists. An expected
failure is one sentence with its remedy on stderr, or `{"error": …}`. Exit codes: 0 fine, 1 refused or problems
found, 2 wrong use. Secrets are prompted for or read from standard input and never taken as arguments, which
every user of the machine can see.

Only the noun that was typed is imported: `skerry --help` needs no database, no data folder and no Django, and
neither do the commands of `WITHOUT_CELL`.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import typer

# Noun: (module with its Typer `app`, what it is about).
NOUNS = {
    "quickstart": ("webadmin.cli.quickstart", "From a machine to a mail host: check, set up, say what is left to do."),
    "init": ("webadmin.cli.init", "Make or upgrade this cell's folders, keys and database."),
    "tenant": ("webadmin.cli.tenant", "Organisations, firms and families hosted in this cell."),
    "domain": ("webadmin.cli.domain", "Mail domains of tenants."),
    "mailbox": ("webadmin.cli.mailbox", "Mailboxes: add, list, delete, export, show their keys to their owner."),
    "import": ("webadmin.cli.importing", "Mail from elsewhere into a mailbox: IMAP, mbox, Maildir, .eml files."),
    "alias": ("webadmin.cli.alias", "Other addresses of mailboxes."),
    "app-password": ("webadmin.cli.apppassword", "Passwords for single mail programs."),
    "voucher": ("webadmin.cli.voucher", "Vouchers for who may sign up on the web."),
    "sending": ("webadmin.cli.sending", "Who may send as whom, and how many recipients a day."),
    "receiving": (
        "webadmin.cli.receiving",
        "What becomes of doubtful mail, and what others report: show, set, reports.",
    ),
    "filters": ("webadmin.cli.filters", "What becomes of mail that arrives in a mailbox: its owner's rules."),
    "vacation": ("webadmin.cli.vacation", "What people get as an answer while a mailbox's owner is away."),
    "consent": ("webadmin.cli.consent", "Readers whom a mailbox's owner writes to whatever the policy advises."),
    "queue": ("webadmin.cli.queue", "Mail that waits to leave: list, show, retry, drop."),
    "operator": ("webadmin.cli.operator", "Who may open the operators' pages: add, list, reset, delete."),
    "session": ("webadmin.cli.session", "Operators at work: open a session with its reason, see who did what."),
    "token": ("webadmin.cli.token", "Tokens of the programming interface: add, list, revoke."),
    "policy": ("webadmin.cli.policy", "Where a tenant's mail may lie and who may reach it, with the reasons."),
    "evidence": ("webadmin.cli.evidence", "What shows where this cell's machine is; leases are decided from it."),
    "atlas": ("webadmin.cli.atlas", "The facts about countries' laws that decisions are made from."),
    "ledger": ("webadmin.cli.ledger", "The cell's append-only log: show, verify, receipts for tenants."),
    "backup": ("webadmin.cli.backup", "This cell as one sealed file: make, verify, restore."),
    "demo": ("webadmin.cli.demo", "Fill a cell with demo data, to look at its pages."),
    "doctor": ("webadmin.cli.doctor", "Check this machine and this cell, and say what to do."),
}


# What needs neither Django nor a data folder, by noun and first word after it ("" for the whole noun).
WITHOUT_CELL = {
    ("atlas", ""): "webadmin.cli.atlas",
    ("policy", "check-cases"): "webadmin.cli.cases",
    ("evidence", "measure"): "webadmin.cli.measure",
}


def without_cell(arguments: Sequence[str]) -> str | None:
    """The module of a command that needs no cell, None for every other."""
    noun, verb = ([word for word in arguments if not word.startswith("-")] + ["", ""])[:2]
    return WITHOUT_CELL.get((noun, "")) or WITHOUT_CELL.get((noun, verb))


def build(arguments: Sequence[str]) -> typer.Typer:
    """The command line for these arguments: every noun is listed, the one that was typed is real."""
    app = typer.Typer(
        name="skerry",
        help="Operate a Skerry cell. Commands read their settings from SKERRY_* variables.",
        no_args_is_help=True,
        add_completion=False,
        # A traceback must never show local variables: they hold secrets.
        pretty_exceptions_enable=False,
    )
    typed = next((argument for argument in arguments if not argument.startswith("-")), "")
    for noun, (module, about) in NOUNS.items():
        if noun != typed:
            app.add_typer(typer.Typer(), name=noun, help=about)
            continue
        loaded = import_module(without_cell(arguments) or module).app
        # A noun that is a command of its own, with arguments, brings one command by its own name.
        alone = [command.name for command in loaded.registered_commands] == [noun]
        app.add_typer(loaded, name=None if alone else noun, help=about)
    app.callback()(_options)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(import_module("webadmin.version").VERSION)
        raise typer.Exit


def _options(
    *,
    _version: bool = typer.Option(
        False, "--version", help="Print the version and stop.", is_eager=True, callback=_print_version
    ),
) -> None:
    """Options before the noun."""


def main() -> None:
    """The program `skerry`."""
    # What a command loads stays until it ends, a second later: nobody needs to look again and again what is garbage.
    gc.set_threshold(200_000, 50, 100)
    arguments = sys.argv[1:]
    if without_cell(arguments) is None and any(argument in NOUNS for argument in arguments):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webadmin.settings")
        import_module("django").setup()
    build(arguments)()
