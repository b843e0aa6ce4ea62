"""Large messages that clients read in pieces: kept opened from one FETCH to the next.

Thunderbird and the programs of phones read a large part as `BODY[2]<0.65536>`, `BODY[2]<65536.65536>` and so on, and
others part by part (RFC 9051 §6.4.5). A sealed message is opened as a whole, so that each piece would cost as much as
all together: twenty megabytes in pieces of 64 KiB took a core for more than half a minute. So the last message that a
connection read in pieces is kept, in memory and within a limit for all connections, whose oldest goes first. It is
forgotten when its client pauses for long, reads another one in pieces, or leaves the folder.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.message.structure import Part, scan

# Octets below which a message is opened as quickly as it is looked for.
LARGE = 256 * 1024


@dataclass(slots=True, eq=False)
class Opened:
    """A message of the selected folder with its MIME skeleton, which is read when it is first asked for."""

    uid: int
    content: bytes | memoryview
    _root: Part | None = None

    @property
    def root(self) -> Part:
        """The skeleton."""
        if self._root is None:
            self._root = scan(self.content)
        return self._root


class Pieces:
    """What is kept, one message a holder and so many `octets` in all; a holder is a connection's selected folder."""

    def __init__(self, octets: int) -> None:
        self._limit = octets
        self._octets = 0
        self._kept: dict[object, Opened] = {}  # the one used last at the end

    def find(self, holder: object, uid: int) -> Opened | None:
        """The message of this UID, if it is kept."""
        found = self._kept.get(holder)
        if found is None or found.uid != uid:
            return None
        self._kept[holder] = self._kept.pop(holder)
        return found

    def keep(self, holder: object, opened: Opened) -> None:
        """Keep a message in place of the holder's last, if it is large and there can be room."""
        self.forget(holder)
        octets = len(opened.content)
        if not LARGE <= octets <= self._limit:
            return
        while self._octets + octets > self._limit:
            self.forget(next(iter(self._kept)))
        self._kept[holder] = opened
        self._octets += octets

    def forget(self, holder: object) -> None:
        """The holder needs nothing kept any more."""
        gone = self._kept.pop(holder, None)
        if gone is not None:
            self._octets -= len(gone.content)
