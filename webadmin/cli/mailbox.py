"""`skerry mailbox add|list|role|take-factors|delete|export|secret-key`.

Keys made here pass through this machine's memory: right for an operator's own box and for tests. Everybody else is
invited (`--invite`) and makes keys in the browser or the bridge.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from mailhost.adapters.blobs import FileBlobs
from mailhost.models import Mailbox
from mailhost.provision import domains, mailboxes
from mailhost.provision.errors import WrongSecret
from mailhost.provision.export import Exported, count, export
from mailhost.seal.errors import InvalidKey
from mailhost.seal.identity import HybridIdentity
from webadmin.accounts import operators, signin
from webadmin.accounts.models import Account
from webadmin.cli.answers import JsonFlag, answer, answer_list
from webadmin.cli.door import (
    Cell,
    DryRunFlag,
    Failed,
    PasswordStdinFlag,
    WrongUse,
    YesFlag,
    confirm,
    opened,
    secret,
    tried,
)

app = typer.Typer(no_args_is_help=True)
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The mailbox's own address.")]
# Lines read of standard input when it holds secret keys: one a rotation.
MAX_KEYS = 1000


@app.command()
def add(
    address: Address,
    *,
    invite: Annotated[bool, typer.Option("--invite", help="Without keys; its owner makes them.")] = False,
    quota: Annotated[int | None, typer.Option("--quota", min=1 << 20, help="Octets, as stored.")] = None,
    password_stdin: PasswordStdinFlag = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Add a mailbox with new keys and print its public key and recovery phrase, once."""
    with opened(as_json=as_json, dry_run=dry_run) as cell:
        cell.act(domains.tenant_of(address), "mailbox add")
        quota_bytes = quota or cell.environ.default_quota_bytes
        if invite or dry_run:
            view = mailboxes.invite(address, notary=cell.notary, now=cell.now, quota_bytes=quota_bytes)
            if dry_run:
                would = {"address": view.address, "dry_run": True}
                answer(would, as_json=as_json, text=lambda: f"would add {view.address}")
                return
            invited = {"address": view.address, "state": view.state} | _invitation(view.address, cell)
            answer(
                invited,
                as_json=as_json,
                text=lambda: (
                    f"invited {view.address}; by this link its owner makes the keys, until {invited['good_until']}:\n"
                    f"{invited['link']}"
                ),
            )
            return
        made = mailboxes.add(
            address,
            secret("account password", from_stdin=password_stdin, twice=True),
            notary=cell.notary,
            now=cell.now,
            quota_bytes=quota_bytes,
            server_key=cell.server_key,
        )
        answer(
            {"address": made.address, "public_key": made.public_key, "recovery_phrase": made.recovery_phrase},
            as_json=as_json,
            text=lambda: (
                f"added {made.address}\n\npublic key:\n{made.public_key}\n\n"
                f"recovery phrase (write it down, it is shown this once):\n{made.recovery_phrase}"
            ),
        )


def _invitation(address: str, cell: Cell) -> dict[str, str]:
    """The link of a mailbox that was invited, and the moment until which it is good, in ISO form."""
    # Imported here: the pages behind it are a second of every other command.
    from webadmin.signup import inviting  # noqa: PLC0415

    box = mailboxes.get(address)
    return {
        "link": cell.environ.web_address + inviting.link(box),
        "good_until": (box.invited_at + inviting.GOOD_FOR).isoformat(),
    }


@app.command("list")
def list_(
    *,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only this tenant's.")] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="Only this domain's.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List mailboxes with their state, size and quota."""
    with opened(as_json=as_json) as cell:
        shown = mailboxes.listing(tenant=tenant, domain=domain)
        answer_list(
            [asdict(view) for view in shown if cell.may_see(view.tenant)],
            as_json=as_json,
            columns=("address", "tenant", "state", "key_version", "messages", "bytes", "quota_bytes"),
            empty="no mailboxes yet; add one with `skerry mailbox add ADDRESS`",
        )


@app.command()
def delete(address: Address, *, yes: YesFlag = False, dry_run: DryRunFlag = False, as_json: JsonFlag = False) -> None:
    """Delete a mailbox with all its mail, aliases and passwords."""
    with opened(as_json=as_json) as cell:
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, f"mailbox delete{tried(dry_run)}", dangerous=not dry_run)
        messages = count(box)
        if not dry_run:
            confirm(f"Delete {box.address} with {messages} messages, for ever?", yes=yes)
            messages = mailboxes.delete(address, blobs=cell.blobs)
        answer(
            {"address": box.address, "messages": messages} | ({"dry_run": True} if dry_run else {}),
            as_json=as_json,
            text=lambda: f"{'would delete' if dry_run else 'deleted'} {box.address} and {messages} messages",
        )


@app.command("role")
def role(
    address: Address,
    value: Annotated[Account.Role, typer.Argument(metavar="none|admin|owner", help="In the mailbox's tenant.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Let a mailbox's owner run their tenant on the web, or no longer; they sign in anew, with a second factor."""
    with opened(as_json=as_json) as cell:
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, f"mailbox role {value.value}")
        account = signin.of_mailbox(box, cell=cell.environ.cell, today=cell.now.date())
        operators.give_role(account, value)
        about = {"address": box.address, "role": value.value}
        answer(about, as_json=as_json, text=lambda: f"{box.address} is {value.value} of {box.tenant.slug}")


@app.command("take-factors")
def take_factors(address: Address, *, yes: YesFlag = False, as_json: JsonFlag = False) -> None:
    """Take lost second factors away and end all web sessions; the password stays what it is."""
    with opened(as_json=as_json) as cell:
        box = mailboxes.get(address)
        confirm(f"Take the second factors of {box.address} away?", yes=yes)
        cell.act(box.tenant.slug, "mailbox take-factors")
        try:
            operators.reset_owner(box.address)
        except operators.NotMade as problem:
            raise Failed(str(problem)) from None
        answer({"address": box.address}, as_json=as_json, text=lambda: f"{box.address} signs in by password alone")


@app.command("secret-key")
def secret_key(address: Address, *, password_stdin: PasswordStdinFlag = False, as_json: JsonFlag = False) -> None:
    """Print the owner's secret keys, one a line, the current one first. Whoever has them reads everything."""
    with opened(as_json=as_json) as cell:
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, "mailbox secret-key, with the owner's password")
        keys = mailboxes.secret_keys(address, secret("account password", from_stdin=password_stdin))
        answer({"address": box.address, "secret_keys": keys}, as_json=as_json, text=lambda: "\n".join(keys))


@app.command("export")
def export_(
    address: Address,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="An empty folder, or an export to continue.")],
    *,
    password_stdin: PasswordStdinFlag = False,
    phrase_stdin: Annotated[
        bool, typer.Option("--phrase-stdin", help="Open with the recovery phrase from standard input.")
    ] = False,
    secret_key_stdin: Annotated[
        bool, typer.Option("--secret-key-stdin", help="Open with secret keys from standard input, one a line.")
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Ask for the account password and open.")] = False,
    dry_run: DryRunFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Write every message as an age file (.eml.age) and, given a key, opened as well (.eml)."""
    with opened(as_json=as_json) as cell:
        if password_stdin + phrase_stdin + secret_key_stdin > 1:
            raise WrongUse("give one of --password-stdin, --phrase-stdin and --secret-key-stdin")
        box = mailboxes.get(address)
        cell.act(box.tenant.slug, "mailbox export")
        identities = _identities(
            box, password=password_stdin or open_, phrase=phrase_stdin, keys=secret_key_stdin, from_stdin=password_stdin
        )
        if dry_run:
            found = count(box)
            answer(
                {"address": box.address, "messages": found, "dry_run": True},
                as_json=as_json,
                text=lambda: f"would export {found} messages of {box.address}",
            )
            return
        done = _export(box, directory, cell, identities)
        answer(
            {"address": box.address, "directory": str(directory)} | asdict(done),
            as_json=as_json,
            text=lambda: _summary(box, directory, done),
        )
        if done.damaged:
            raise typer.Exit(1)


def _identities(
    box: Mailbox, *, password: bool, phrase: bool, keys: bool, from_stdin: bool
) -> Sequence[HybridIdentity]:
    """The identities that open the mailbox's mail, by whichever secret was offered; none where none was."""
    if keys:
        return _typed_keys()
    if phrase:
        words = secret("recovery phrase", from_stdin=True)
        return mailboxes.keyring(box, mailboxes.keyring_key_by_phrase(box, words)).identities
    if password:
        typed = secret("account password", from_stdin=from_stdin)
        return mailboxes.keyring(box, mailboxes.keyring_key_by_password(box, typed)).identities
    return ()


def _typed_keys() -> Sequence[HybridIdentity]:
    """Secret keys on standard input; blank lines and comments are passed over."""
    identities = []
    for line in sys.stdin.read(MAX_KEYS * 100).splitlines():
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            identities.append(HybridIdentity.from_text(text))
        except InvalidKey as problem:
            raise WrongSecret(str(problem)) from None
    if not identities:
        raise WrongUse("standard input held no secret key")
    return identities


def _export(box: Mailbox, directory: Path, cell: Cell, identities: Sequence[HybridIdentity]) -> Exported:
    # Imported for the one who watches an export: a twentieth of every other command.
    console = import_module("rich.console").Console(stderr=True)
    with import_module("rich.progress").Progress(
        console=console, disable=not console.is_terminal, transient=True
    ) as progress:
        task = progress.add_task("exporting", total=count(box))
        return export(
            box,
            directory,
            blobs=FileBlobs(cell.environ.blobs),
            now=cell.now,
            max_message_size=2 * cell.environ.max_message_size,
            identities=identities,
            progress=lambda done: progress.update(task, completed=done),
        )


def _summary(box: Mailbox, directory: Path, done: Exported) -> str:
    lines = [f"exported {done.written} messages of {box.address} to {directory} ({done.already_there} were there)"]
    if done.opened:
        lines.append(f"opened {done.opened}")
    lines += [f"damaged: {path}" for path in done.damaged]
    return "\n".join(lines)
