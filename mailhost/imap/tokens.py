"""The small words of the IMAP grammar, read from one whole command (RFC 9051 §9).

A cursor over the text pieces and literals of a `Request`. Each method reads one production and steps over it,
or raises `BadCommand` with a sentence for the person at the other end. It never looks further than the
production needs and never changes anything but its own position, so reading is linear in the command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

from mailhost.imap.sequence import BadSet, SequenceSet, parse_set
from mailhost.imap.wire import Literal, Request

# Nesting of parentheses anywhere in a command: a search program, a list of lists.
MAX_DEPTH = 32
# Elements of one list in a command (flags, fetch items, header names, patterns).
MAX_ELEMENTS = 5_000

_TAG = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]+")
_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
# RFC 6855 §3 and RFC 9051 §5.1: ASTRING-CHAR is ATOM-CHAR or "]".
_ASTRING = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\]+")
# list-mailbox: an atom that may hold wildcards. 8-bit octets are UTF-8 sent by a client without quoting.
_LIST_MAILBOX = re.compile(rb"[^\x00-\x20\x7f(){\"\\]+")
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_NUMBER = re.compile(rb"\d{1,20}")
_SET = re.compile(rb"[\d:,*]+|\$")
_FLAG = re.compile(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]+")
_DATE = re.compile(rb"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
_DATETIME = re.compile(rb'"([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"')
_ESCAPED = re.compile(rb"\\(.)")
MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_MONTH_NUMBER = {name.upper(): number for number, name in enumerate(MONTHS, 1)}
MAX_63 = (1 << 63) - 1


class BadCommand(Exception):
    """The command breaks the grammar; the text says where. `tag` and `code` are filled in where known."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


class Tokens:
    """The cursor."""

    __slots__ = ("_depth", "_parts", "_piece", "_position", "_text")

    def __init__(self, request: Request) -> None:
        self._parts = request.parts
        self._piece = 0
        first = request.parts[0]
        self._text = first if isinstance(first, bytes) else b""
        self._position = 0
        self._depth = 0

    def tag(self) -> bytes:
        """The tag and the space behind it."""
        return self._match(_TAG, "a tag")[0]

    def command(self) -> str:
        """The command's name in capitals."""
        return self._match(_ATOM, "a command")[0].decode("ascii").upper()

    def space(self) -> None:
        """One space. We differ: more than one is accepted, as other servers do."""
        if not self.skip(b" "):
            raise BadCommand("A space is missing")
        while self.skip(b" "):
            pass

    def maybe_space(self) -> bool:
        """Step over spaces if there are any."""
        found = False
        while self.skip(b" "):
            found = True
        return found

    def end(self) -> None:
        """Nothing may follow. A trailing space is forgiven, as clients send it."""
        self.maybe_space()
        if not self.at_end():
            raise BadCommand("Something follows where the command should end")

    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self._piece == len(self._parts) - 1 and self._position >= len(self._text)

    def skip(self, octets: bytes) -> bool:
        """Step over these octets if they come next."""
        if self._text.startswith(octets, self._position):
            self._position += len(octets)
            return True
        return False

    def expect(self, octets: bytes) -> None:
        """Step over these octets or fail."""
        if not self.skip(octets):
            raise BadCommand(f"{octets.decode('ascii')} is missing")

    def peek(self, octets: bytes) -> bool:
        """Whether these octets come next."""
        return self._text.startswith(octets, self._position)

    def word(self, *words: str) -> str:
        """One of these atoms in capitals, stepped over; "" and no step if another follows."""
        found = _ATOM.match(self._text, self._position)
        if found is None:
            return ""
        name = found[0].decode("ascii").upper()
        if name not in words:
            return ""
        self._position = found.end()
        return name

    def atom(self) -> bytes:
        """An atom."""
        return self._match(_ATOM, "an atom")[0]

    def rest(self) -> bytes:
        """What is left of the current line, for grammars of other documents (BASE64)."""
        left = self._text[self._position :]
        self._position = len(self._text)
        return left

    def match(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        """A production given as a pattern, for grammars that belong to one command only."""
        return self._match(pattern, what)

    def _match(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        found = pattern.match(self._text, self._position)
        if found is None:
            raise BadCommand(f"Expected {what}")
        self._position = found.end()
        return found

    def literal(self) -> Literal | None:
        """The literal that comes next, if one does."""
        if self._position < len(self._text) or self._piece + 1 >= len(self._parts):
            return None
        part = self._parts[self._piece + 1]
        if not isinstance(part, Literal):
            return None
        self._piece += 2
        text = self._parts[self._piece]
        assert isinstance(text, bytes)
        self._text, self._position = text, 0
        return part

    def string(self) -> bytes:
        """A quoted string or a literal."""
        if self.peek(b'"'):
            quoted = self._match(_QUOTED, "a quoted string without line ends or unknown escapes")[1]
            return _ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted
        literal = self.literal()
        if literal is None:
            raise BadCommand("Expected a string")
        if b"\0" in literal.data and not literal.binary:
            # RFC 9051 §9: a literal holds CHAR8, which is anything but NUL.
            raise BadCommand("NUL is not allowed in a literal")
        return bytes(literal.data)

    def astring(self) -> bytes:
        """An atom (with "]") or a string."""
        found = _ASTRING.match(self._text, self._position)
        if found is not None:
            self._position = found.end()
            return found[0]
        return self.string()

    def nstring(self) -> bytes | None:
        """A string (literal8 included) or NIL."""
        if self.word("NIL"):
            return None
        return self.string()

    def list_mailbox(self) -> bytes:
        """A LIST pattern."""
        found = _LIST_MAILBOX.match(self._text, self._position)
        if found is not None:
            self._position = found.end()
            return found[0]
        return self.string()

    def mailbox(self) -> bytes:
        """A mailbox name as sent. 8-bit atoms are let through so that the answer can be about the name."""
        found = _LIST_MAILBOX.match(self._text, self._position)
        if found is not None and not found[0].isascii():
            self._position = found.end()
            return found[0]
        return self.astring()

    def number(self) -> int:
        """An unsigned 32-bit number."""
        value = int(self._match(_NUMBER, "a number")[0])
        if value > 0xFFFFFFFF:
            raise BadCommand("The number has more than 32 bits")
        return value

    def number64(self) -> int:
        """An unsigned 63-bit number (RFC 9051 §9 number64, RFC 7162 mod-sequence-value)."""
        value = int(self._match(_NUMBER, "a number")[0])
        if value > MAX_63:
            raise BadCommand("The number has more than 63 bits")
        return value

    def sequence_set(self) -> SequenceSet:
        """A sequence set."""
        try:
            return parse_set(self._match(_SET, "a sequence set")[0])
        except BadSet as error:
            raise BadCommand(str(error)) from error

    def at_sequence_set(self) -> bool:
        """Whether a sequence set comes next."""
        return _SET.match(self._text, self._position) is not None

    def listed[T](self, element: Callable[[], T], *, empty: bool = True) -> list[T]:
        """`(element element …)`."""
        self.expect(b"(")
        self.deeper()
        found: list[T] = []
        self.maybe_space()
        while not self.skip(b")"):
            if found and not self.maybe_space():
                raise BadCommand("A space or ) is missing in a list")
            found.append(element())
            if len(found) > MAX_ELEMENTS:
                raise BadCommand(f"More than {MAX_ELEMENTS} elements in a list")
            if self.peek(b" )"):
                self.space()
        self.shallower()
        if not found and not empty:
            raise BadCommand("The list is empty")
        return found

    def deeper(self) -> None:
        """Count one more nesting level."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise BadCommand(f"Nested deeper than {MAX_DEPTH} levels")

    def shallower(self) -> None:
        """One level less."""
        self._depth -= 1

    def flag(self) -> str:
        """A system flag or keyword, as sent."""
        return self._match(_FLAG, "a flag")[0].decode("ascii")

    def flags(self) -> tuple[str, ...]:
        """`(flag …)`, or the bare flags that STORE also allows (RFC 9051 §9 store-att-flags)."""
        if self.peek(b"("):
            return tuple(self.listed(self.flag))
        found = [self.flag()]
        while self.maybe_space() and not self.at_end():
            found.append(self.flag())
            if len(found) > MAX_ELEMENTS:
                raise BadCommand(f"More than {MAX_ELEMENTS} flags")
        return tuple(found)

    def date(self) -> date:
        """`1-Feb-2026`, quoted or not."""
        quoted = self.skip(b'"')
        found = self._match(_DATE, "a date like 1-Feb-2026")
        if quoted:
            self.expect(b'"')
        try:
            return date(int(found[3]), _MONTH_NUMBER[found[2].upper()], int(found[1]))
        except (ValueError, KeyError) as error:
            raise BadCommand("There is no such date") from error

    def date_time(self) -> datetime:
        """`" 1-Feb-2026 12:00:00 +0100"` as an aware datetime."""
        found = self._match(_DATETIME, 'a date-time like " 1-Feb-2026 12:00:00 +0100"')
        try:
            offset = timedelta(hours=int(found[8]), minutes=int(found[9]))
            zone = timezone(-offset if found[7] == b"-" else offset) if offset else UTC
            month = _MONTH_NUMBER[found[2].upper()]
            clock = (int(found[4]), int(found[5]), min(int(found[6]), 59))
            moment = datetime(int(found[3]), month, int(found[1]), *clock, tzinfo=zone)
            moment.astimezone(UTC)  # the edges of the calendar overflow here and not later
        except (ValueError, KeyError, OverflowError) as error:
            raise BadCommand("There is no such date-time") from error
        return moment


def write_date_time(moment: datetime) -> bytes:
    """`"01-Feb-2026 12:00:00 +0100"`: INTERNALDATE and SAVEDATE. English months whatever the locale."""
    offset = moment.utcoffset() or timedelta()
    minutes = int(offset.total_seconds()) // 60
    sign = b"-" if minutes < 0 else b"+"
    hours, rest = divmod(abs(minutes), 60)
    return b'"%02d-%b-%04d %02d:%02d:%02d %b%02d%02d"' % (
        moment.day,
        MONTHS[moment.month - 1],
        moment.year,
        moment.hour,
        moment.minute,
        moment.second,
        sign,
        hours,
        rest,
    )
