"""Key files of a cell: 32 random bytes each, outside the database and its backups.

A key file is made once, readable by its owner only, and synced before its first use: what is sealed or hashed
with a key that a crash could lose would be lost with it. On a real host the folder is a systemd credentials
directory or a TPM-wrapped mount (`SKERRY_KEYS_DIR`); then the files exist already and nothing is written.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

KEY_BYTES = 32


class KeyFileDamaged(Exception):
    """A key file has the wrong size; making a new one would orphan what depends on it."""


class KeyFilesOpen(Exception):
    """Somebody else on this machine can read the key files, or could have put them there."""


def check_folder(folder: Path) -> None:
    """Raises KeyFilesOpen unless the folder and every key in it are for this user alone.

    Files of root may have a group: systemd hands out credentials like that, with an access list for the service.
    """
    for path in (folder, *sorted(folder.glob("*.key"))):
        status = path.stat()
        if status.st_uid not in {os.geteuid(), 0}:
            raise KeyFilesOpen(f"{path} belongs to another user: give it to the cell's own (chown), keys and all")
        open_to = stat.S_IMODE(status.st_mode) & (0o077 if status.st_uid == os.geteuid() else 0o007)
        if open_to:
            raise KeyFilesOpen(f"others on this machine can read {path}: chmod -R go= {folder}")


def read_or_make(path: Path) -> bytes:
    """The 32 bytes in `path`, made when absent. Raises KeyFileDamaged."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        place(path, secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise KeyFileDamaged(f"{path} holds {len(key)} bytes instead of {KEY_BYTES}; restore it from the key backup")
    return key


def place(path: Path, content: bytes) -> None:
    """Make `path` with `content`, durable and readable by its owner only; one that is there stays as it is."""
    scratch = _written_beside(path, content, 0o600)
    try:
        # link, not rename: of two processes that start together one wins and both read the winner's key.
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
    _sync_folder(path.parent)


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Make or replace `path` in one step: a reader sees the old content or the new, a crash leaves one of them."""
    _written_beside(path, content, mode).rename(path)
    _sync_folder(path.parent)


def _written_beside(path: Path, content: bytes, mode: int) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        # Said again, because the process's umask may have taken some of it away.
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return scratch


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
