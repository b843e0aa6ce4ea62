"""The cell's certificates and key files, as an operator must know them: what is there, until when, what it is for.

No secret is read: a key file is looked at from outside. What each loss means stands in docs/operations.md.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from django.db.models import Count, Min

from mailhost.models import DkimKey
from webadmin.cell import tls
from webadmin.environ import Environ

OWNER_ONLY: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of secrets. `open_to_others`: its mode lets others read it, which must not be."""

    name: str
    made: date
    open_to_others: bool


@dataclass(frozen=True, slots=True)
class Dkim:
    """Keys that sign hosted domains' mail, by state; `oldest` is the day of the oldest one's last step."""

    state: str
    count: int
    oldest: date


def files(environ: Environ) -> list[KeyFile]:
    """Every key file of the cell, by name; the keys of the queue come and go, and are counted apart."""
    found = [path for path in _of(environ.keys) if path.is_file()]
    return [_looked_at(path) for path in sorted(found, key=lambda path: path.name)]


def queue_days(environ: Environ) -> int:
    """For how many days there are keys of the queue: with a day's key gone its mail is noise."""
    return sum(path.is_file() for path in _of(environ.queue_keys))


def cell_certificate_ends(environ: Environ) -> datetime | None:
    """When the certificate that says which cell this is ends."""
    return tls.expiry(environ.keys / "cell.pem")


def dkim() -> list[Dkim]:
    """Signing keys of all domains, by state."""
    rows = DkimKey.objects.order_by("state").values("state").annotate(count=Count("pk"), oldest=Min("since"))
    return [Dkim(row["state"], row["count"], row["oldest"]) for row in rows]


def _of(folder: Path) -> Sequence[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return ()


def _looked_at(path: Path) -> KeyFile:
    status = path.stat()
    made = datetime.fromtimestamp(status.st_mtime, UTC).date()
    return KeyFile(path.name, made, open_to_others=bool(status.st_mode & OWNER_ONLY) and path.suffix != ".pem")
