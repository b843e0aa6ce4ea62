"""What a backup leaves on this machine while it is made or read: a working copy, and the file that grows.

Both must be gone, or whole, however the command ended. The working copy is the whole database, as little protected as
the database itself: it lies in a folder of its own under a lock, and where a command was killed the worker's sweep, or
the next backup, removes it. The file has another name until it is whole and on disk.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mailhost.adapters.blobs import sync_folder
from webadmin.environ import Environ


class AtWork(Exception):
    """Another process makes or reads a backup of this cell."""


@contextmanager
def working_copy(environ: Environ) -> Iterator[Path]:
    """An empty folder, gone afterwards; what a killed command left in it goes first. Raises AtWork."""
    folder = environ.run / "backup"
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The kernel lets go of the lock when this process ends, however it ends.
    descriptor = os.open(environ.run / "backup.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AtWork(
                f"a backup of {environ.cell} is being made or verified already; wait until that has ended"
            ) from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)


def clear_away(environ: Environ) -> None:
    """Remove what a killed command left; nothing while one is at work."""
    if (environ.run / "backup").exists():
        with suppress(AtWork), working_copy(environ):
            pass


@contextmanager
def appearing(target: Path) -> Iterator[BinaryIO]:
    """The new file `target`, which is there once the block has ended and all of it is on disk. Raises OSError."""
    if target.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as raw:
            part.chmod(0o600)
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        part.rename(target)
    except BaseException:
        part.unlink(missing_ok=True)  # half a backup is none
        raise
    sync_folder(target.parent)
