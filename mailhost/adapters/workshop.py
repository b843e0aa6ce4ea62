"""The tools every adapter of one process shares: readers, the writer, blobs and the watch over changes."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.adapters.blobs import FileBlobs
from mailhost.adapters.changes import Changes
from mailhost.adapters.database import Readers
from mailhost.adapters.writer import Writer


@dataclass(frozen=True, slots=True)
class Workshop:
    """One of each a process, made and ended by the daemon's wiring."""

    readers: Readers
    writer: Writer
    blobs: FileBlobs
    changes: Changes
