"""`skerry import imap|mbox|maildir|eml`: mail from elsewhere into a mailbox, sealed as it arrives.

It needs no password of the mailbox: sealing needs the public key only. Whatever stops it, the same command goes on.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailhost.adapters.sources.eml import EmlSource
from mailhost.adapters.sources.imap import ImapSource, Login, Security
from mailhost.adapters.sources.maildir import MaildirSource
from mailhost.adapters.sources.mbox import MboxSource
from mailhost.importing.bring import NoSuchSourceFolder, Report, Stopped, Wish
from mailhost.importing.source import Source, SourceProblem
from mailhost.models import Mailbox, Tenant
from mailhost.provision import mailboxes
from mailhost.provision.errors import NoKeyYet
from mailhost.wiring.importing import run_import
from webadmin.cell.keyfiles import read_or_make
from webadmin.cli.answers import JsonFlag, answer
from webadmin.cli.door import Cell, DryRunFlag, Failed, WrongUse, opened, secret, tried

app = typer.Typer(no_args_is_help=True)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox that mail is brought into.")]
FolderFlag = Annotated[
    list[str] | None, typer.Option("--folder", help="Only this folder of the source; may be given several times.")
]
IntoFlag = Annotated[str, typer.Option("--into", help="Put everything below this folder; empty: folders as there.")]
# Bad messages that are listed one by one for people; --json lists all.
SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Order:
    """What all kinds of import have in common."""

    address: str
    kind: str
    folders: list[str] | None
    into: str
    dry_run: bool
    as_json: bool
    views: bool = False


@app.command()
def imap(
    address: Address,
    host: Annotated[str, typer.Argument(metavar="HOST", help="The IMAP host that mail comes from.")],
    *,
    user: Annotated[str, typer.Option("--user", help="The user name there.")],
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="993; 143 with --starttls.")] = None,
    starttls: Annotated[bool, typer.Option("--starttls", help="Begin in clear, then TLS.")] = False,
    insecure_loopback: Annotated[
        bool, typer.Option("--insecure-loopback", help="No TLS; only to a server on this machine.")
    ] = False,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", exists=True, help="PEM certificates to trust instead of the system's.")
    ] = None,
    folder: FolderFlag = None,
    into: IntoFlag = "",
    views: Annotated[
        bool, typer.Option("--views", help="Folders that show other folders' messages, too (All Mail, Flagged).")
    ] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password there from the first line of standard input.")
    ] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring mail in from another IMAP host."""

    def source(limit: int) -> Source:
        if starttls and insecure_loopback:
            raise WrongUse("give one of --starttls and --insecure-loopback")
        security = Security.STARTTLS if starttls else Security.NONE if insecure_loopback else Security.TLS
        password = secret(f"password of {user} at {host}", from_stdin=password_stdin)
        number = port or (993 if security is Security.TLS else 143)
        tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        return ImapSource(Login(host, number, user, password, security), tls, limit=limit)

    _import(_Order(address, "imap", folder, into, dry_run, as_json, views), source)


@app.command()
def mbox(
    address: Address,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="An mbox file, or a folder of them.")],
    *,
    folder: FolderFlag = None,
    into: IntoFlag = "",
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring mail in from mbox files (Thunderbird, Apple Mail, Google Takeout, mutt)."""
    order = _Order(address, "mbox", folder, into, dry_run, as_json)
    _import(order, lambda limit: MboxSource(path, limit=limit))


@app.command()
def maildir(
    address: Address,
    path: Annotated[Path, typer.Argument(metavar="DIR", help="A Maildir, or a folder with Maildirs below it.")],
    *,
    folder: FolderFlag = None,
    into: IntoFlag = "",
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring mail in from a Maildir (Dovecot, Courier, mbsync, offlineimap)."""
    order = _Order(address, "maildir", folder, into, dry_run, as_json)
    _import(order, lambda limit: MaildirSource(path, limit=limit))


@app.command()
def eml(
    address: Address,
    path: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of .eml files, folders below folders.")],
    *,
    folder: FolderFlag = None,
    into: IntoFlag = "",
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Bring mail in from .eml files, those of `skerry mailbox export --open` with their flags."""
    order = _Order(address, "eml", folder, into, dry_run, as_json)
    _import(order, lambda limit: EmlSource(path, limit=limit))


def _import(order: _Order, source_of: Callable[[int], Source]) -> None:
    with opened(as_json=order.as_json) as cell:
        box = mailboxes.get(order.address)
        cell.act(box.tenant.slug, f"import {order.kind}{tried(order.dry_run)}")
        _refuse_closed(box)
        limit = cell.environ.max_message_size
        wish = Wish(
            limit=limit,
            only=frozenset(order.folders or ()),
            into=tuple(level for level in order.into.split("/") if level),
            views=order.views,
            dry_run=order.dry_run,
        )
        try:
            with closing(source_of(limit)) as source:
                report = _run(cell, box, source, wish)
        except SourceProblem as problem:
            raise Failed(str(problem)) from None
        except NoSuchSourceFolder as problem:
            raise Failed(f"the source has no folder {problem}; leave --folder out to see all by --dry-run") from None
        _say(order, box, report)


def _refuse_closed(box: Mailbox) -> None:
    if box.state == Mailbox.State.INVITED:
        raise NoKeyYet(f"{box.address} has no key yet: nothing can be sealed to it; its owner makes one first")
    if box.state != Mailbox.State.ACTIVE or box.tenant.state != Tenant.State.ACTIVE:
        raise Failed(f"nothing is stored for {box.address} now: its mailbox or its tenant is suspended or held")


def _run(cell: Cell, box: Mailbox, source: Source, wish: Wish) -> Report:
    console = Console(stderr=True)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("importing", total=None)

        def show(report: Report) -> None:
            done = report.already_here + report.brought + len(report.bad)
            progress.update(task, total=report.found, completed=done)

        key = read_or_make(cell.environ.keys / "correspondent.key")
        return run_import(cell.environ, box.pk, source, wish, key=key, progress=show)


def _say(order: _Order, box: Mailbox, report: Report) -> None:
    value: dict[str, Any] = {"address": box.address} | asdict(report)
    stopped = value.pop("stopped"), value.pop("problem")
    if order.dry_run:
        value |= {"dry_run": True}
    if report.stopped is not None:
        value["error"] = _problem(*stopped)
    answer(value, as_json=order.as_json, text=lambda: _text(order, box, report))
    if report.stopped is not None or report.bad:
        raise typer.Exit(1)


def _problem(stopped: Stopped, problem: str) -> str:
    if stopped is Stopped.SOURCE:
        return f"{problem}; run the same command again, it goes on from here"
    return f"{stopped} ({problem})" if problem else str(stopped)


def _text(order: _Order, box: Mailbox, report: Report) -> str:
    new = report.found - report.already_here if order.dry_run else report.brought
    verb = "would bring" if order.dry_run else "brought"
    lines = [f"{verb} {new} of {report.found} messages in {report.folders} folders into {box.address}"]
    lines.append(f"{report.already_here} were here already")
    lines += [f"passed over {name}: it shows other folders' messages (--views)" for name in report.views]
    lines += [f"not brought: {each.folder} {each.number}: {each.why}" for each in report.bad[:SHOWN]]
    if len(report.bad) > SHOWN:
        lines.append(f"not brought: {len(report.bad) - SHOWN} more, listed by --json")
    if report.keywords_lost:
        lines.append(f"{report.keywords_lost} messages are without their keywords: the folder has too many")
    if report.stopped is not None:
        lines.append(f"error: {_problem(report.stopped, report.problem)}")
    return "\n".join(lines)
