"""Message content as it comes off the wire, in blocks: DATA up to its lone dot, BDAT up to its count.

A line-by-line reader spends 2 us a line and four times the message in memory, and never lets another session run.
These sinks take whatever block the socket gave, search it with bytes operations and keep one copy. Neither knows a
socket: feed a block, get back None while more is due, or the octets behind the end (pipelined commands).

RFC 5321 §4.1.1.4 (DATA), §4.5.2 (transparency), §2.3.8 (CR and LF occur only together), RFC 3030 §2 (BDAT).
A lone CR or LF is remembered, not repaired: two hosts that disagree about where a message ends can be made to see
a second message inside the first (SMTP smuggling), so the message is refused once it is complete. Content over the
limit is dropped as it comes and read on to the end, so that the refusal arrives where the client expects it.
"""

from __future__ import annotations

_END = b"\r\n.\r\n"


def _bare_newline(piece: bytes | bytearray) -> bool:
    pairs = piece.count(b"\r\n")
    return piece.count(b"\n") != pairs or piece.count(b"\r") != pairs


class DataSink:
    """Content of one DATA command, dots unstuffed."""

    __slots__ = ("_carry", "_first", "_limit", "bare_newline", "content", "over", "seen")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # The content begins as if behind a line end: a first line of one dot ends it (an empty message).
        self._carry = b"\r\n"
        self._first = True
        self.content = bytearray()
        self.over = False
        self.bare_newline = False
        self.seen = 0  # octets fed, stored or not

    def feed(self, block: bytes) -> bytes | None:
        """Take a block; the octets behind the end, or None while the end has not come."""
        self.seen += len(block)
        work = self._carry + block
        dot = work.find(b"\r\n.")
        end = work.find(_END, dot) if dot >= 0 else -1
        if end >= 0:
            self._keep(work[: end + 2], stuffed=dot < end)
            return work[end + 5 :]
        # The longest tail that may be the beginning of the end stays back, so a CRLF is never cut in two.
        held = next((n for n in (4, 3, 2, 1) if work.endswith(_END[:n])), 0)
        cut = len(work) - held
        self._carry = work[cut:]
        if cut:
            self._keep(work[:cut], stuffed=dot >= 0)
        return None

    def _keep(self, piece: bytes, *, stuffed: bool) -> None:
        if not self.bare_newline and _bare_newline(piece):
            self.bare_newline = True
        # RFC 5321 §4.5.2: a period that begins a line with more on it was added by the sender.
        if stuffed:
            piece = piece.replace(b"\r\n.", b"\r\n")
        if self._first:
            self._first = False
            piece = piece[2:]
        if self.over:
            return
        if len(self.content) + len(piece) > self._limit:
            self.over = True
            self.content = bytearray()
            return
        self.content += piece


class ChunkSink:
    """Content of the BDAT commands of one transaction, taken as it is (RFC 3030 §2)."""

    __slots__ = ("_after_cr", "_due", "_limit", "bare_newline", "content", "over", "seen")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._due = 0
        self._after_cr = False
        self.content = bytearray()
        self.over = False
        self.bare_newline = False
        self.seen = 0

    def expect(self, octets: int) -> None:
        """Announce a chunk: the next `octets` octets fed belong to it."""
        self._due = octets

    def feed(self, block: bytes) -> bytes | None:
        """Take a block; the octets behind the chunk, or None while some are due."""
        piece = block[: self._due]
        self._due -= len(piece)
        self.seen += len(piece)
        if piece:
            self._keep(piece)
        return None if self._due else block[len(piece) :]

    def finish(self) -> None:
        """The last chunk is in: a CR at the very end stands alone."""
        self.bare_newline = self.bare_newline or self._after_cr

    def _keep(self, piece: bytes) -> None:
        # A CRLF may be cut in two by a chunk or a block: what belongs to the pair is looked at together.
        whole = b"\r" + piece if self._after_cr else piece
        self._after_cr = whole.endswith(b"\r")
        if not self.bare_newline and _bare_newline(whole[:-1] if self._after_cr else whole):
            self.bare_newline = True
        if self.over:
            return
        if len(self.content) + len(piece) > self._limit:
            self.over = True
            self.content = bytearray()
            return
        self.content += piece
