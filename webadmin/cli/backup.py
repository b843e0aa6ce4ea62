"""`skerry backup key|make|verify|restore`: this cell as one file, for a country that its tenants allow."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from django.conf import settings

from jurisdiction.records.backups import Keeping
from mailhost.seal import HybridIdentity
from webadmin.cli.answers import JsonFlag, answer
from webadmin.cli.door import Failed, WrongUse, opened, refusals, secret
from webadmin.processes import backups
from webadmin.settingtypes import split

app = typer.Typer(no_args_is_help=True)
KeyStdin = Annotated[
    bool, typer.Option("--key-stdin", help="Read the offline key's secret from the first line of standard input.")
]
Source = Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")]


@app.command()
def key(*, as_json: JsonFlag = False) -> None:
    """Make the cell's offline key and show its secret, once: write it down and keep it away from this machine."""
    with opened(as_json=as_json) as cell:
        try:
            made = backups.new_key(cell.environ)
        except backups.CannotRestore as problem:
            raise Failed(str(problem)) from None
        about = {"public_key": made.recipient.text, "secret_key": made.secret_text}
        answer(
            about, as_json=as_json, text=lambda: f"{made.secret_text}\nThis is shown once. Keep it off this machine."
        )


@app.command()
def make(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The new file.")],
    *,
    country: Annotated[str, typer.Option("--country", help="Where the backup will be kept, as a code: IS.")],
    owners: Annotated[
        str, typer.Option("--owners", help="Countries, with commas, of who has power over it there; the same country.")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Write a backup of this cell, sealed to its offline key; refused where a tenant's policy does not allow it."""
    with opened(as_json=as_json) as cell:
        countries = cell.notary.atlas.countries
        keeping = Keeping(country, split(owners) or (country,))
        for code in (keeping.country, *keeping.controllers):
            if code not in countries:
                raise WrongUse(f"{code!r} is no country code, such as IS")
        try:
            made = backups.make(cell.environ, cell.notary, cell.now, target, keeping)
        except backups.EXPECTED as problem:
            raise Failed(str(problem)) from None
        about = {"file": str(target), "blobs": made.blobs, "octets": target.stat().st_size} | asdict(made.manifest)
        answer(about, as_json=as_json, text=lambda: f"wrote {target}: {made.blobs} blobs, to be kept in {country}")


@app.command()
def verify(source: Source, *, key_stdin: KeyStdin = False, as_json: JsonFlag = False) -> None:
    """Read a whole backup with the offline key and check it; nothing is restored."""
    with refusals(as_json=as_json):
        identity = _identity(from_stdin=key_stdin)
        try:
            found = backups.verify(settings.ENVIRON, source, identity)
        except backups.EXPECTED as problem:
            raise Failed(str(problem)) from None
        about = {"file": str(source), "blobs": found.blobs} | asdict(found.manifest)
        text = f"whole: cell {found.manifest.cell} as of {found.manifest.made}, {found.blobs} blobs"
        answer(about, as_json=as_json, text=lambda: text)


@app.command()
def restore(
    source: Source,
    *,
    log: Annotated[
        Path | None, typer.Option("--log", help="An export of the ledger that goes further than the backup.")
    ] = None,
    key_stdin: KeyStdin = False,
    as_json: JsonFlag = False,
) -> None:
    """Restore this cell into an empty database, with its key files in place.

    Every folder gets a new UIDVALIDITY, every app password is revoked, mail that waited to leave is held, and the
    ledger says that it went on from here.
    """
    with refusals(as_json=as_json):
        environ, now = settings.ENVIRON, datetime.now(UTC)
        identity = _identity(from_stdin=key_stdin)
        text = None if log is None else log.read_text(encoding="utf-8")
        try:
            done = backups.restore(environ, source, identity, now, text)
        except backups.EXPECTED as problem:
            raise Failed(str(problem)) from None
        about = {
            "cell": environ.cell,
            "as_of": done.contents.manifest.made,
            "blobs": done.contents.blobs,
            **asdict(done.changed),
            "log_entries": done.log_entries,
        }
        answer(
            about,
            as_json=as_json,
            text=lambda: (
                f"restored {environ.cell} as of {done.contents.manifest.made}: {done.contents.blobs} blobs,"
                f" {done.changed.folders} folders with new UIDVALIDITYs, {done.changed.app_passwords} app passwords"
                f" revoked, {done.changed.held} messages held"
            ),
        )


def _identity(*, from_stdin: bool) -> HybridIdentity:
    try:
        typed = secret("secret of the backup key", from_stdin=from_stdin, option="--key-stdin")
        return HybridIdentity.from_text(typed.strip())
    except ValueError:
        raise Failed("this is no secret of a backup key; it begins with AGE-SECRET-KEY-PQ-1") from None
