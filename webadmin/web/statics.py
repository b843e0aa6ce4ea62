"""Static files: collected once for each version of the program, under names with a hash, served before Django.

The web process collects them into the cell's folder when it starts and they are not there yet; names carry a hash of
the content, so a browser may keep them for ever. Served by ServeStatic, compressed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from servestatic import ServeStaticASGI
from servestatic.storage import CompressedManifestStaticFilesStorage

PREFIX: Final = "static/"
MINUTE: Final = 60  # seconds a browser keeps a file without a hash in its name; the others for ever
_HASHED: Final = r"^.+\.[0-9a-f]{12}\..+$"
_STAMP: Final = ".collected"


class Hashed(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # the library has no types
    """Names with a hash, also where one module imports another."""

    support_js_module_import_aggregation = True


def collect(root: Path) -> None:
    """Fill `root` with this program's static files, unless they are there. Two processes may try at once."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = _digest()
    stamp = root / _STAMP
    lock = os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text(encoding="ascii") != wanted:
            call_command("collectstatic", verbosity=0, interactive=False)
            stamp.write_text(wanted, encoding="ascii")
    finally:
        os.close(lock)


def _digest() -> str:
    """Of names and contents of all static files."""
    found = hashlib.sha256()
    for name, content in sorted(_files()):
        found.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return found.hexdigest()


def _files() -> Iterator[tuple[str, bytes]]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            with storage.open(name) as file:
                yield name, file.read()


def serving(inner: Any, root: Path) -> ServeStaticASGI:
    """`inner` with the static files of `root` before it; a name with a hash is kept by browsers for ever."""
    return ServeStaticASGI(
        inner,
        root=str(root),
        prefix=PREFIX,
        max_age=MINUTE,
        allow_all_origins=False,
        immutable_file_test=_HASHED,
        add_headers_function=_headers,
    )


def _headers(headers: Any, _path: str, _url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
