"""From a byte stream to whole commands: lines and literals, under limits, before anything is parsed.

An IMAP command is a line that may be interrupted by literals (`{n}`, `{n+}`, `~{n}`: RFC 9051 §4.3, RFC 7888,
RFC 3516). The splitter takes bytes as they arrive, however they are cut, and gives back *events*:

- `Request`: one whole command, its text pieces and literals in order;
- `LiteralAsked`: a literal is announced. Nothing more is read until `accept()`, so the driver can wait for
  memory before it takes a large message, and says `+` when the client waits for it;
- `Refused`: a command broke a limit. If `fatal`, the stream cannot be followed any further.

It holds no socket and does not know what a command means, except that APPEND and REPLACE carry messages and
so may bring larger literals than any other. Every limit is checked before memory is spent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Before login the longest honest line is an ID with 30 fields of 30 and 1024 octets (RFC 2971 §3.3).
LINE_BEFORE_LOGIN = 32 * 1024
# Nobody is trusted with more than a user name and a password before login.
LITERAL_BEFORE_LOGIN = 8 * 1024
# Clients send long UID sets; RFC 7162 §4 asks for at least 8192 octets. Counted over all lines of a command.
LINE_AFTER_LOGIN = 64 * 1024
# Literals of commands that carry no message: names, search strings. Counted over all literals of a command.
LITERAL_AFTER_LOGIN = 64 * 1024
# Literals of a command up to this size, all together, are read without asking the driver for memory.
SMALL_LITERAL = 64 * 1024
# RFC 7888 §5: LITERAL- allows non-synchronizing literals of up to 4096 octets.
LITERAL_MINUS = 4096
# MULTIAPPEND: messages in one command, so that the sum of literals stays bounded by count as well.
MAX_LITERALS = 1000

_LITERAL = re.compile(rb"(~?)\{(\d{1,20})(\+?)\}\Z")
_CARRIES_MESSAGE = re.compile(rb"[^ ]+ (?:UID )?(?:APPEND|REPLACE) ", re.IGNORECASE)
_TAG = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]+")


@dataclass(frozen=True, slots=True)
class Literal:
    """Octets the client counted out; `binary` when announced as literal8 (may hold NUL)."""

    data: bytes | bytearray
    binary: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """One command: text pieces (without CRLF and literal announcements) and literals in wire order."""

    parts: tuple[bytes | Literal, ...]


@dataclass(frozen=True, slots=True)
class LiteralAsked:
    """A literal of `size` octets comes next; the client waits for `+` when `synchronizing`.

    `before`: octets of the same command's earlier literals.
    """

    size: int
    synchronizing: bool
    before: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A limit was broken; `tag` is empty where the client sent none that could be read."""

    tag: bytes
    text: str
    code: str = ""
    fatal: bool = False


Event = Request | LiteralAsked | Refused


class Splitter:
    """One per connection. `feed` bytes in, take events out with `next_event` until it returns None."""

    __slots__ = (
        "_asked",
        "_buffer",
        "_drop",
        "_literal",
        "_literal_binary",
        "_literal_bytes",
        "_need",
        "_parts",
        "_refusal",
        "_scanned",
        "_text_bytes",
        "append_limit",
        "command_limit",
        "line_limit",
        "literal_limit",
    )

    def __init__(self) -> None:
        self.line_limit = LINE_BEFORE_LOGIN
        self.literal_limit = LITERAL_BEFORE_LOGIN
        self.append_limit = 0  # octets of one message; 0 before login
        self.command_limit = 0  # octets of all messages of one APPEND
        self._buffer = bytearray()
        self._scanned = 0  # octets of the buffer known to hold no line end
        self._begin()

    def _begin(self) -> None:
        self._parts: list[bytes | Literal] = []
        self._text_bytes = 0
        self._literal_bytes = 0
        self._literal: bytearray | None = None
        self._literal_binary = False
        self._need = 0  # octets of the literal still to come
        self._asked = False
        self._drop = 0  # octets of a refused literal to skip
        self._refusal: Refused | None = None

    def logged_in(self, append_limit: int) -> None:
        """Lift the limits that guard strangers. `append_limit`: octets of one message."""
        self.line_limit = LINE_AFTER_LOGIN
        self.literal_limit = LITERAL_AFTER_LOGIN
        self.append_limit = append_limit
        self.command_limit = append_limit + append_limit // 4

    @property
    def pending(self) -> int:
        """Octets received and not yet given out as a request."""
        literal = self._literal_bytes - self._need if self._literal is not None or self._parts else 0
        return len(self._buffer) + max(literal, 0)

    @property
    def inside_command(self) -> bool:
        """A command has begun and its end has not arrived (for slow senders)."""
        return bool(self._buffer or self._parts or self._drop or self._literal is not None)

    @property
    def unread(self) -> int:
        """Octets that arrived behind what was given out: must be none when TLS starts."""
        return len(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take what arrived. Octets of an accepted literal go straight to their place."""
        if self._literal is not None and not self._asked and not self._buffer:
            take = min(self._need, len(data))
            view = memoryview(data)
            self._literal += view[:take]
            self._need -= take
            if take < len(data):
                self._buffer += view[take:]
            return
        self._buffer += data

    def accept(self) -> None:
        """The driver has memory for the literal it was asked about."""
        self._asked = False

    def decline(self, asked: LiteralAsked, text: str) -> Refused | None:
        """The driver has no memory for the literal it was asked about: the refusal, None where it comes as an event
        later, behind what the client sends unasked.
        """
        refusal = Refused(self._tag(b""), text, "LIMIT")
        if asked.synchronizing:
            self._begin()
            return refusal
        # RFC 7888 §4: the octets come whether we want them or not.
        self._refusal, self._drop = refusal, asked.size
        self._literal, self._need, self._asked = None, 0, False
        del self._parts[1:]
        return None

    def next_event(self) -> Event | None:
        """The next thing that is complete, or None until more bytes are fed."""
        while True:
            if self._asked:
                return None
            if self._drop and not self._skip():
                return None
            if self._literal is not None and not self._fill():
                return None
            line = self._take_line()
            if line is None:
                return None
            if isinstance(line, Refused):
                return line
            event = self._line_done(line)
            if event is not None:
                return event

    def _skip(self) -> bool:
        gone = min(self._drop, len(self._buffer))
        del self._buffer[:gone]
        self._drop -= gone
        return self._drop == 0

    def _fill(self) -> bool:
        literal = self._literal
        assert literal is not None
        if self._need:
            take = min(self._need, len(self._buffer))
            literal += memoryview(self._buffer)[:take]
            del self._buffer[:take]
            self._need -= take
            if self._need:
                return False
        self._parts.append(Literal(literal, self._literal_binary))
        self._literal = None
        return True

    def _take_line(self) -> bytes | Refused | None:
        """A line without its end. CRLF is the rule; a bare LF is accepted, as every server does."""
        buffer = self._buffer
        end = buffer.find(b"\n", self._scanned)
        stop = len(buffer) if end < 0 else end
        if stop and buffer[stop - 1] == 0x0D:
            stop -= 1
        if stop > self.line_limit - self._text_bytes:
            tag = self._tag(bytes(buffer[:256]))
            # Without the end of the line in sight there is no place to go on reading.
            return Refused(tag, f"Command line longer than {self.line_limit} octets", "TOOBIG", fatal=True)
        if end < 0:
            self._scanned = len(buffer)
            return None
        self._scanned = 0
        line = bytes(memoryview(buffer)[:stop])
        del buffer[: end + 1]
        return line

    def _tag(self, line: bytes) -> bytes:
        first = self._parts[0] if self._parts else line
        found = _TAG.match(first) if isinstance(first, bytes) else None
        return found[0] if found else b""

    def _line_done(self, line: bytes) -> Event | None:
        self._text_bytes += len(line)
        announced = _LITERAL.search(line)
        if announced is None:
            if self._refusal is not None:
                refusal = self._refusal
                self._begin()
                return refusal
            self._parts.append(line)
            request = Request(tuple(self._parts))
            self._begin()
            return request
        self._parts.append(line[: announced.start()])
        return self._announce(int(announced[2]), synchronizing=not announced[3], binary=bool(announced[1]))

    def _announce(self, size: int, *, synchronizing: bool, binary: bool) -> Event | None:
        if self._refusal is None:
            self._refusal = self._over_limit(size, synchronizing=synchronizing)
        if self._refusal is None:
            before = self._literal_bytes
            self._literal_bytes += size
            self._literal, self._literal_binary, self._need = bytearray(), binary, size
            if self._literal_bytes <= SMALL_LITERAL and not synchronizing:
                return None
            self._asked = True
            return LiteralAsked(size, synchronizing, before)
        refusal = self._refusal
        if synchronizing or refusal.fatal:
            # RFC 9051 §4.3: a synchronizing literal is refused by a tagged answer in place of "+".
            self._begin()
            return refusal
        # RFC 7888 §4: the octets of a non-synchronizing literal come whether we want them or not.
        self._drop = size
        return None

    def _over_limit(self, size: int, *, synchronizing: bool) -> Refused | None:
        head = self._parts[0]
        carries_message = isinstance(head, bytes) and _CARRIES_MESSAGE.match(head) is not None
        before_login = self.append_limit == 0
        if carries_message and not before_login:
            limit, whole = self.append_limit, self.command_limit
        else:
            limit = whole = self.literal_limit
        tag = self._tag(b"")
        count = sum(isinstance(part, Literal) for part in self._parts)
        if count >= MAX_LITERALS:
            return Refused(tag, f"More than {MAX_LITERALS} literals in one command", "LIMIT", fatal=True)
        if before_login and not synchronizing and size > LITERAL_MINUS:
            text = f"Before login a literal without waiting may have {LITERAL_MINUS} octets"
            return Refused(tag, text, "TOOBIG", fatal=True)
        if size <= limit and self._literal_bytes + size <= whole:
            return None
        # Reading four times the limit only to throw it away is where courtesy ends.
        fatal = not synchronizing and size > 4 * max(limit, self.literal_limit)
        return Refused(tag, f"Literal larger than the {limit} octets accepted here", "TOOBIG", fatal=fatal)
