"""A cell's backup as one file: an age file to the cell's offline key, and in it a tar of database and blobs.

    manifest.json     which cell, which certificate, when, which engine, how far the ledger went
    database          the dump of one moment
    blobs/7f/7f3a…    every blob that was there after that moment
    end.json          how many blobs came, and their octets

The database comes first: a blob is written before the row that names it and kept for a day after, so every row finds
its blob. Key files are not in it; they belong elsewhere. Nothing of what is read is believed before the end has come
and age has said that it is the end: until then it lies in a folder of its own.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from mailhost.adapters.blobs import FileBlobs, sync_folder
from mailhost.seal import CannotOpen
from mailhost.seal.agefile import OpeningFile, SealingFile
from mailhost.seal.identity import Identity, Recipient

FORMAT: Final = "skerry-cell-backup-v1"
MAX_MANIFEST: Final = 1 << 20  # octets; a checkpoint has a few hundred
BLOB: Final = re.compile(r"blobs/([0-9a-f]{2})/(\1[0-9a-f]{30})")


class BadBackup(Exception):
    """This is no whole backup of a cell, or it does not open with this key."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`made` in ISO form; `checkpoint` is the newest signed head of the ledger, "" where there is none."""

    cell: str
    certificate: str
    made: str
    engine: str
    log_size: int
    checkpoint: str
    country: str
    format: str = FORMAT


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds."""

    manifest: Manifest
    blobs: int
    octets: int


def write(
    raw: BinaryIO, recipients: Sequence[Recipient], manifest: Manifest, dump: Path, blobs: FileBlobs, now: datetime
) -> Contents:
    """Write the backup into `raw`. Raises OSError."""
    sealing = SealingFile(recipients, raw)
    count = octets = 0
    with tarfile.open(mode="w|", fileobj=cast("Any", sealing), format=tarfile.PAX_FORMAT) as tar:
        _add_text(tar, "manifest.json", asdict(manifest), now)
        with dump.open("rb") as file:
            _add(tar, "database", file, dump.stat().st_size, now)
        for name, size, _modified in blobs.names():
            try:
                with blobs.path(name).open("rb") as file:
                    _add(tar, f"blobs/{name[:2]}/{name}", file, size, now)
            except FileNotFoundError:
                continue  # its owner deleted it a day ago, and the sweep came in between
            count, octets = count + 1, octets + size
        _add_text(tar, "end.json", {"blobs": count, "octets": octets}, now)
    sealing.close()
    return Contents(manifest, count, octets)


def _add(tar: tarfile.TarFile, name: str, file: BinaryIO, size: int, now: datetime) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(now.timestamp())
    tar.addfile(member, file)


def _add_text(tar: tarfile.TarFile, name: str, values: dict[str, Any], now: datetime) -> None:
    data = json.dumps(values, sort_keys=True).encode()
    _add(tar, name, io.BytesIO(data), len(data), now)


def read(raw: BinaryIO, identities: Sequence[Identity], folder: Path, *, durable: bool = False) -> Contents:
    """Unpack a backup into an empty folder: `database` and `blobs/`. Raises BadBackup, OSError.

    `durable`: all of it is on disk when this returns, for a copy that takes the place of what was lost.
    """
    try:
        found = _read(OpeningFile(identities, raw), folder, durable=durable)
    except CannotOpen:
        raise BadBackup("the backup does not open with this key, or it is cut or damaged") from None
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as problem:
        raise BadBackup(f"this is no backup of a cell ({type(problem).__name__})") from None
    if durable:
        for each in (*folder.rglob("*/"), folder):
            sync_folder(each)
    return found


def _read(opening: OpeningFile, folder: Path, *, durable: bool) -> Contents:
    manifest, end, count, octets = None, None, 0, 0
    # tarfile asks for blocks of ten kilobytes and gets less from a raw file: a buffer gives what is asked.
    with tarfile.open(mode="r|", fileobj=cast("Any", io.BufferedReader(opening))) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or end is not None:
                raise BadBackup("the backup holds something that does not belong there")
            if manifest is None:
                manifest = _manifest(member, content)
            elif member.name == "end.json":
                end = json.loads(content.read(MAX_MANIFEST))
            elif member.name == "database":
                _copy(content, folder / "database", durable=durable)
            else:
                _copy(content, folder / _blob_path(member.name), durable=durable)
                count, octets = count + 1, octets + member.size
    # What is behind the tar's end is padding; the last chunk of the age file is what says that this is all.
    while opening.read(1 << 16):
        pass
    if manifest is None or end != {"blobs": count, "octets": octets} or not (folder / "database").is_file():
        raise BadBackup("the backup is not whole")
    return Contents(manifest, count, octets)


def _manifest(member: tarfile.TarInfo, content: Any) -> Manifest:
    if member.name != "manifest.json" or member.size > MAX_MANIFEST:
        raise BadBackup("this is no backup of a cell: it does not begin with a manifest")
    values = json.loads(content.read(MAX_MANIFEST))
    if values.get("format") != FORMAT:
        raise BadBackup("this backup was made by another version of the program")
    if set(values) != {field.name for field in fields(Manifest)}:
        raise BadBackup("the backup's manifest is damaged")
    return Manifest(**values)


def _blob_path(name: str) -> str:
    # Names are checked, not cleaned: a path that leads elsewhere is no mistake.
    if not BLOB.fullmatch(name):
        raise BadBackup("the backup names a file that is no blob")
    return name


def _copy(content: Any, path: Path, *, durable: bool) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    path.chmod(0o600)
