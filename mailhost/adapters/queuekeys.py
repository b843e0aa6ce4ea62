"""The keys of the queue: one for each day, outside the database, gone with the day's last item.

What waits in the queue is in boxes of the day's key, so a stolen database is noise without these files, and what was
sent is unreadable for everybody once its day's key has died: with its last item, after six days at most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from mailhost.outbox import KEY_LIFE
from mailhost.seal import CellBox

_SUFFIX: Final = ".key"


class QueueKeys:
    """Key files `<folder>/<date>.key`. `read_or_make` gives a file's 32 bytes and makes it when it is absent."""

    def __init__(self, folder: Path, read_or_make: Callable[[Path], bytes]) -> None:
        self._folder = folder
        self._read_or_make = read_or_make
        self._boxes: dict[date, CellBox] = {}

    def of_today(self, day: date) -> CellBox:
        """What is queued on this day is sealed with this. Makes the key."""
        return self._box(day)

    def of(self, day: date) -> CellBox | None:
        """What opens it, None when the key is gone."""
        return self._box(day) if day in self._boxes or self._path(day).exists() else None

    def bury(self, in_use: Collection[date], today: date) -> list[date]:
        """Remove the keys of days without items, and those that are too old whatever waits; the days removed.

        Yesterday's key stays: a message that was sealed before midnight may still be on its way into the table.
        """
        gone: set[date] = set()
        # A process that died while it made a key has left the same bytes beside it, under a longer name with a dot.
        for path in (*self._folder.glob(f"*{_SUFFIX}"), *self._folder.glob(f".*{_SUFFIX}.*")):
            with suppress(ValueError):
                day = date.fromisoformat(path.name.removeprefix(".").partition(_SUFFIX)[0])
                if day + KEY_LIFE < today or (day not in in_use and day + timedelta(days=1) < today):
                    path.unlink(missing_ok=True)
                    self._boxes.pop(day, None)
                    gone.add(day)
        return sorted(gone)

    def _path(self, day: date) -> Path:
        return self._folder / f"{day.isoformat()}{_SUFFIX}"

    def _box(self, day: date) -> CellBox:
        found = self._boxes.get(day)
        if found is None:
            for old in [other for other in self._boxes if other + KEY_LIFE < day]:
                del self._boxes[old]
            found = self._boxes[day] = CellBox(self._read_or_make(self._path(day)), "queue")
        return found
