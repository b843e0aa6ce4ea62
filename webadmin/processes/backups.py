"""Backups of this cell: made for a country that every tenant allows, verified, restored into an empty cell.

The key is the cell's offline key: an age identity that is shown once and kept away from the machine, which knows only
its public half (`<home>/<cell>/backup-recipient`). So whoever takes the machine cannot open the backups it made.

A restore goes step by step through a folder of its own. While that folder is there no process of the cell serves:
what was restored half has old UIDVALIDITYs and passwords that were revoked since.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.db import transaction

from jurisdiction.notary import Notary
from jurisdiction.records import backups, ledger
from jurisdiction.records.backups import Keeping
from mailhost.adapters import cellbackup, dumps
from mailhost.adapters.blobs import FileBlobs, sync_folder
from mailhost.adapters.cellbackup import Contents, Manifest
from mailhost.models import Domain, Tenant
from mailhost.provision import restoring
from mailhost.seal import HybridIdentity
from mailhost.seal.identity import HybridRecipient
from webadmin.cell import cellcert, identity, notarial, witnessing
from webadmin.cell.control import DirectoryProcess
from webadmin.cell.keyfiles import place
from webadmin.environ import Environ
from webadmin.processes import backupfiles, prepare, serving

RECIPIENT: Final = "backup-recipient"


class NoBackupKey(Exception):
    """The cell has no offline key yet."""


class CannotRestore(Exception):
    """The cell is not as a restore needs it; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back and changed."""

    contents: Contents
    changed: restoring.Changed
    log_entries: int  # taken from an export of the log


def new_key(environ: Environ) -> HybridIdentity:
    """Make the offline key; its secret is returned once and stored nowhere. Raises CannotRestore if there is one."""
    path = environ.cell_dir / RECIPIENT
    if path.exists():
        raise CannotRestore(f"{path} names a key already; move it away to make another, and keep the old secret")
    made = HybridIdentity.generate()
    place(path, f"{made.recipient.text}\n".encode())
    return made


def recipient(environ: Environ) -> HybridRecipient:
    """Raises NoBackupKey."""
    path = environ.cell_dir / RECIPIENT
    try:
        return HybridRecipient.from_text(path.read_text(encoding="ascii").strip())
    except (FileNotFoundError, UnicodeDecodeError, ValueError):
        raise NoBackupKey(f"{path} holds no key; `skerry backup key` makes one and shows its secret once") from None


def make(environ: Environ, notary: Notary, now: datetime, target: Path, keeping: Keeping) -> Contents:
    """Write a backup into the new file `target`. Raises MayNotLie, NoBackupKey, AtWork, CannotDump, OSError."""
    to = recipient(environ)
    backups.enter(keeping, backups.decide(keeping, notary, now.date()), notary, now)
    head = ledger.checkpoint(notary, now)
    manifest = Manifest(
        cell=environ.cell,
        certificate=cellcert.read(environ.keys).sha256,
        made=now.isoformat(timespec="seconds"),
        engine=dumps.engine(),
        log_size=head.size,
        checkpoint=head.note,
        country=keeping.country,
    )
    # The dump lies beside the database for a moment, under the same protection as the database.
    with backupfiles.working_copy(environ) as folder, backupfiles.appearing(target) as raw:
        dumps.dump(folder / "database")
        return cellbackup.write(raw, [to], manifest, folder / "database", FileBlobs(environ.blobs), now)


def verify(environ: Environ, source: Path, key: HybridIdentity) -> Contents:
    """Read a whole backup and check its database. Raises BadBackup, AtWork, CannotDump, OSError."""
    with backupfiles.working_copy(environ) as folder:
        with source.open("rb") as raw:
            found = cellbackup.read(raw, [key], folder)
        if found.manifest.engine == dumps.engine():
            dumps.check(folder / "database")
        return found


def restore(environ: Environ, source: Path, key: HybridIdentity, now: datetime, log: str | None = None) -> Restored:
    """Restore into an empty cell whose key files are in place. `log` is an export of the ledger that goes further.

    Raises CannotRestore, WrongCell, BadBackup, CannotDump, CannotResume, and as `prepare`.
    """
    _refuse_unless_empty(environ)
    folder = identity.restoring_folder(environ)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    with source.open("rb") as raw:
        contents = cellbackup.read(raw, [key], folder, durable=True)
    _refuse_other_cell(environ, contents.manifest)
    # The rows' own guard asks the database which cell it is, so it must know before they come.
    prepare.give_database_its_setting(environ.cell)
    dumps.load(folder / "database")
    if (folder / "blobs").is_dir():
        if environ.blobs.is_dir():
            environ.blobs.rmdir()
        (folder / "blobs").rename(environ.blobs)
        sync_folder(environ.cell_dir)
    prepare.prepare(environ, now=now)
    notary = notarial.notary(environ, today=now.date())
    with transaction.atomic():
        taken = backups.resume(notary, witnessing.keys(environ), now, log)
        changed = restoring.go_on(now)
    _claim_again(DirectoryProcess(environ))
    shutil.rmtree(folder)
    return Restored(contents, changed, taken)


def _refuse_unless_empty(environ: Environ) -> None:
    if serving.is_served(environ):
        raise CannotRestore(f"cell {environ.cell} is being served; stop it first")
    if not dumps.is_empty():
        raise CannotRestore(
            "the cell's database is not empty, and a restore replaces nothing: move the database away (on PostgreSQL"
            " make a new one by infra/postgresql/cell.sql) and the blobs with it"
        )
    if environ.blobs.is_dir() and any(environ.blobs.iterdir()):
        raise CannotRestore(f"{environ.blobs} is not empty; move it away with the database it belongs to")


def _refuse_other_cell(environ: Environ, manifest: Manifest) -> None:
    """Raises WrongCell, CannotRestore, before anything of the backup is used."""
    if manifest.cell != environ.cell:
        raise identity.WrongCell(
            f"this is a backup of cell {manifest.cell}, and SKERRY_CELL is {environ.cell}: a cell is restored from its"
            " own backup and never from another's"
        )
    try:
        certificate = cellcert.read(environ.keys)
    except FileNotFoundError:
        raise CannotRestore(
            f"{environ.keys} holds no key files; restore them first, from where they are kept apart from backups"
        ) from None
    if certificate.sha256 != manifest.certificate:
        raise identity.WrongCell(
            f"the backup of {manifest.cell} was made with another certificate than the one in {environ.keys}: restore"
            " the key files that belong to it"
        )
    if manifest.engine != dumps.engine():
        raise CannotRestore(f"this backup was made on {manifest.engine}; set SKERRY_DATABASE_URL for one of those")


def _claim_again(directory: DirectoryProcess) -> None:
    """What the directory has forgotten, or never knew, of this cell's tenants and domains."""
    for slug in Tenant.objects.order_by("slug").values_list("slug", flat=True):
        directory.claim_tenant(slug)
    for name in Domain.objects.order_by("name").values_list("name", flat=True):
        directory.claim_domain(name)


EXPECTED: Final = (
    NoBackupKey,
    backupfiles.AtWork,
    CannotRestore,
    backups.MayNotLie,
    backups.CannotResume,
    cellbackup.BadBackup,
    dumps.CannotDump,
)
