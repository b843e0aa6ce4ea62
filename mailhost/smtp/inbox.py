"""What has come in and is not read yet: asyncio's StreamReader with the one method it lacks.

`readuntil` costs five times as much as looking into the buffer, and gives a line that is longer than its limit
piecemeal. `Inbox` takes a line that is there at once, waits only when none is, and forgets what cannot be a line
any more. It leans on three names of CPython's StreamReader that are not public, unchanged since Python 3.4;
`tests/smtp/test_inbox.py` notices when they go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any


class Inbox(asyncio.StreamReader):
    """Commands come out as lines, content as a block. The transport is paused above twice `limit`."""

    if TYPE_CHECKING:
        _buffer: bytearray
        _transport: asyncio.BaseTransport | None
        _eof: bool

        async def _wait_for_data(self, func_name: str) -> None: ...
        def _maybe_resume_transport(self) -> None: ...

    def line(self, limit: int) -> bytes | None:
        """The next line with its line end if it is there; b"" for one longer than `limit`; None for none yet."""
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self._buffer[: end + 1]) if end < limit else b""
        del self._buffer[: end + 1]
        self._maybe_resume_transport()
        return line

    def forget(self, limit: int) -> int:
        """Throw away the beginning of a line that is longer than `limit` already: octets thrown away."""
        size = len(self._buffer)
        if size <= limit:
            return 0
        self._buffer.clear()
        return size

    def take(self) -> bytes:
        """All there is."""
        found = bytes(self._buffer)
        self._buffer.clear()
        self._maybe_resume_transport()
        return found

    def holds_something(self) -> bool:
        """Whether octets wait to be read."""
        return bool(self._buffer)

    @property
    def ended(self) -> bool:
        """Whether the other side will send no more."""
        return self._eof

    def more(self) -> Coroutine[Any, Any, None]:
        """Wait until something comes, or the end. Raises what ended the connection."""
        return self._wait_for_data("more")

    def moved(self, transport: asyncio.BaseTransport) -> None:
        """The connection goes on over another transport (TLS)."""
        self._transport = transport
