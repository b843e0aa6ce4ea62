"""The mail store as the receiving side sees it: deliveries in, durable on return.

Large payloads go to the blob store first, in a thread, synced; then the index commit, by group (`writer.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from mailhost.adapters.blobs import BLOB_FROM, FileBlobs
from mailhost.adapters.database import engine_errors
from mailhost.adapters.placing import Placement
from mailhost.adapters.writer import Writer
from mailhost.ports import Delivery


class DatabaseMailstore:
    """`ports.Mailstore` over the cell's database and blob folder."""

    def __init__(self, writer: Writer, blobs: FileBlobs, now: Callable[[], datetime]) -> None:
        self._writer = writer
        self._blobs = blobs
        self._now = now

    async def commit(self, deliveries: Sequence[Delivery]) -> None:
        saved = self._now()
        placements = [await place_payload(self._blobs, self._placement(item, saved)) for item in deliveries]
        await self._writer.place(placements)

    def _placement(self, item: Delivery, saved: datetime) -> Placement:
        return Placement(
            mailbox_id=item.mailbox_id,
            key_version=item.key_version,
            opaque_id=item.opaque_id,
            header=item.header,
            payload=item.payload,
            payload_size=len(item.payload),
            arrived=item.arrived,
            saved=saved,
            folder=item.folder,
            special_use=item.special_use,
            flags=item.flags,
        )


async def place_payload(blobs: FileBlobs, placement: Placement) -> Placement:
    """The placement with its payload in the blob store if it is large. Raises StoreFull, StoreUnavailable."""
    if placement.payload is None or placement.payload_size < BLOB_FROM:
        return placement
    payload, arrived = placement.payload, placement.arrived

    def write() -> str:
        with engine_errors():
            return blobs.write(payload, arrived)

    name = await asyncio.get_running_loop().run_in_executor(None, write)
    return replace(placement, payload=None, blob=name)
