"""What the queue's sealed columns hold: the message itself, and for each destination the envelope of its share.

Both lie in boxes of the day's key that open only for their own message: a row whose boxes were swapped with another's
does not open, so nobody with the tables alone can send one person's mail to another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from mailhost.outbox import Forward, Item, Outgoing
from mailhost.seal import CellBox


def seal_content(box: CellBox, opaque_id: str, content: bytes) -> bytes:
    """A message as it lies in the queue."""
    return box.seal(content, _about("content", opaque_id))


def open_content(box: CellBox, opaque_id: str, sealed: bytes) -> bytes:
    """The inverse. Raises CannotOpen."""
    return box.open(sealed, _about("content", opaque_id))


def seal_envelope(
    box: CellBox, message: Outgoing | Item, recipients: Sequence[Forward], queued: datetime, seed: str
) -> bytes:
    """One destination's share of a message, with a secret that lasts as long as the share."""
    values = {
        "sender": message.sender,
        "recipients": [asdict(forward) for forward in recipients],
        "smtputf8": message.smtputf8,
        "envid": message.envid,
        "sealed": message.sealed,
        "tls": message.tls,
        "returns": message.returns,
        "author": message.author,
        "consent": message.consent,
        "passing": message.passing,
        "link": message.link,
        "note": message.note,
        "seed": seed,
        "queued": queued.isoformat(),
    }
    return box.seal(json.dumps(values).encode(), _about("envelope", message.opaque_id))


def open_envelope(box: CellBox, opaque_id: str, sealed: bytes) -> dict[str, Any]:
    """The values that were sealed, by name. Raises CannotOpen."""
    found: dict[str, Any] = json.loads(box.open(sealed, _about("envelope", opaque_id)))
    return found


def _about(what: str, opaque_id: str) -> bytes:
    return f"{what} {opaque_id}".encode()
