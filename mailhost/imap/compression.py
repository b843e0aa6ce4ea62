"""COMPRESS=DEFLATE: both directions of a connection through raw DEFLATE (RFC 4978).

A few octets can inflate to a thousand times as many, so incoming data is inflated in slices, and only as far as
somebody is ready to read it. A stream whose average exceeds any honest client's is cut off. The outgoing side
uses a small window: a connection costs 48 KiB for it instead of 256.
"""

from __future__ import annotations

import zlib

SLICE = 64 * 1024
# An honest client sends base64 and commands: 4:1, seldom 20:1. Zeros inflate 1032:1.
MAX_RATIO = 200
# Octets inflated before the ratio is looked at.
FREE = 64 * 1024 * 1024
_LEVEL, _WINDOW, _MEMORY = 3, -13, 5


class BadStream(Exception):
    """The octets are not DEFLATE, or too good to be true."""


class Inflater:
    """The incoming direction. `feed` what arrived, `read` slices while `more`."""

    __slots__ = ("_in", "_inflate", "_out", "_waiting", "more")

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(-15)
        self._waiting = b""
        self._in = self._out = 0
        self.more = False

    def feed(self, data: bytes) -> None:
        """Octets from the wire."""
        self._waiting += data
        self._in += len(data)
        self.more = True

    def read(self) -> bytes:
        """The next slice. Raises BadStream."""
        try:
            octets = self._inflate.decompress(self._waiting, SLICE)
        except zlib.error as error:
            raise BadStream("The compressed stream is broken") from error
        self._waiting = self._inflate.unconsumed_tail
        self._out += len(octets)
        if self._inflate.eof:
            # RFC 4978 §3: the stream goes on until the connection ends.
            raise BadStream("The compressed stream ended")
        if self._out > FREE + MAX_RATIO * self._in:
            raise BadStream("The compressed stream inflates too much")
        # A full slice may leave output inside the inflater although nothing waits outside.
        self.more = bool(self._waiting) or len(octets) == SLICE
        return octets


class Deflater:
    """The outgoing direction."""

    __slots__ = ("_deflate",)

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)

    def write(self, data: bytes | bytearray | memoryview) -> bytes:
        """Octets for the wire, complete up to here."""
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
