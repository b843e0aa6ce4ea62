"""Large sealed payloads as files of their own: below `<cell>/blobs/`, two hex digits of folder, 32 of name.

A blob is written, synced, renamed into place and its folder synced *before* the index row that names it is
committed; a crash in between leaves a file without a row, which the sweep removes after a grace period. Names are
random, so they tell nothing and nothing outside the folder can be named. Modification times are rounded down to
the hour, as every clear time is.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

# Payloads from this size on are files. Measured with five messages a commit: a row of 80 KiB costs half of a file's
# processor time and a fifth of its waiting, one of 160 KiB nearly as much as a file, one of 320 KiB more.
BLOB_FROM = 192 * 1024
_NAME = re.compile(r"[0-9a-f]{32}")


class BadBlobName(ValueError):
    """A blob name that this store never made; a path is not built from it."""


class FileBlobs:
    """Blobs of one cell in one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def prepare(self) -> None:
        """Make the folder, durable; once, before the first write."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(self._root.parent)

    def path(self, name: str) -> Path:
        """Where the blob lies. Raises BadBlobName for anything but 32 lower-case hex digits."""
        if not _NAME.fullmatch(name):
            raise BadBlobName("a blob name is 32 lower-case hex digits")
        return self._root / name[:2] / name

    def write(self, content: bytes | bytearray | memoryview, now: datetime) -> str:
        """Make `content` durable; its new name. Raises OSError."""
        name = secrets.token_hex(16)
        path = self.path(name)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._root)
        scratch = path.with_name(f".{name}")
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0).timestamp()
        try:
            with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as file:
                view = memoryview(content)
                while view:
                    view = view[file.write(view) :]
                os.utime(file.fileno(), (hour, hour))
                os.fsync(file.fileno())
            scratch.rename(path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
        return name

    def read(self, name: str) -> bytes:
        """The whole blob. Raises FileNotFoundError, OSError, BadBlobName."""
        return self.path(name).read_bytes()

    def read_start(self, name: str, size: int) -> bytes:
        """Its first `size` octets. Raises FileNotFoundError, OSError, BadBlobName."""
        with self.path(name).open("rb", buffering=0) as file:
            return file.read(size)

    def remove(self, name: str) -> None:
        """Remove it if it is there."""
        self.path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[tuple[str, int, datetime]]:
        """Every finished blob: name, size in octets, modification time (aware)."""
        for entry in sorted(self._root.glob("[0-9a-f][0-9a-f]/*")):
            if _NAME.fullmatch(entry.name):
                status = entry.stat()
                yield entry.name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)

    def scratch_files(self) -> Iterator[Path]:
        """Files whose writing never finished."""
        yield from self._root.glob("[0-9a-f][0-9a-f]/.*")


def sync_folder(path: Path) -> None:
    """Make durable which names a folder holds. Raises OSError."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
