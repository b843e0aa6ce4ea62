"""kombu's broker in a folder, in which a message appears whole or not at all.

kombu opens a message's file, takes a lock and writes. A worker that looks into the folder in between takes an empty
file away, finds no JSON in it and ends: "unrecoverable". So a message is written beside, under a name that no queue
has, and renamed. What a kill leaves half written is never read.

`celery.configuration` uses it for a cell without Redis, by the scheme NAME.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any, Final, override
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

NAME: Final = "folder"


class Channel(filesystem.Channel):
    """A folder of messages."""

    @override
    def _put(self, queue: Any, payload: Any, **_options: Any) -> None:  # type: ignore[override]  # as in kombu itself
        # The worker takes the lowest name first, and looks for those whose first dot stands before its queue's name.
        name = f"{round(monotonic() * 1000)}_{uuid4()}.{queue}.msg"
        unfinished = Path(self.data_folder_out, f".{name}")
        try:
            unfinished.write_text(dumps(payload), encoding="utf-8")  # type: ignore[no-untyped-call]
            unfinished.rename(unfinished.with_name(name))
        except OSError as problem:
            raise ChannelError(f"the broker's folder takes no message: {problem.strerror}") from problem


class Transport(filesystem.Transport):
    """kombu's, with that channel."""

    Channel = Channel


TRANSPORT_ALIASES[NAME] = f"{__name__}:Transport"
