"""Answering a challenge over the stored blobs: the data itself is near, not only a machine that answers.

Somebody elsewhere draws a nonce and times the answer. The nonce picks blobs and a place in each; the answer is an
HMAC over those bytes, so it cannot be prepared, and whoever fetched them from far away first would be late. It tells
nothing about the mail: the bytes are ciphertext and only their keyed hash leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from jurisdiction.evidence import CHALLENGE_BLOBS, answer, challenged
from mailhost.adapters.blobs import FileBlobs

SLICE: Final = 4096  # octets read of each blob: a page of a disk, so that a challenge costs the same for any mail


def pool(blobs: FileBlobs, as_of: datetime) -> list[str]:
    """The blobs stored before an hour: what a challenge picks from, the same for whoever checks it afterwards."""
    return [name for name, _size, modified in blobs.names() if modified < as_of]


def respond(nonce: bytes, blobs: FileBlobs, names: Sequence[str]) -> tuple[bytes, int]:
    """The answer over the blobs that the nonce picks out of `names`, and how many there were to read.

    Raises ValueError for a nonce of another length, OSError when a blob cannot be read.
    """
    picked = challenged(nonce, names, CHALLENGE_BLOBS)
    return answer(nonce, _slices(nonce, blobs, picked)), len(picked)


def _slices(nonce: bytes, blobs: FileBlobs, names: Sequence[str]) -> Iterator[bytes]:
    for name in names:
        with blobs.path(name).open("rb") as file:
            size = file.seek(0, 2)
            offset = int.from_bytes(hashlib.sha256(nonce + name.encode()).digest()) % max(1, size - SLICE + 1)
            file.seek(offset)
            yield file.read(SLICE)
