"""Reading a ready-made ENVELOPE back: what SEARCH and SORT need of a header without opening the message.

Stores keep the ENVELOPE as the bytes of a response (RFC 9051 §7.5.2). Here it becomes values again: strings
decoded for people, addresses as text. The input is our own rendering, but it may come out of a summary written
long ago, so anything unreadable gives an empty envelope and never an error.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from email.utils import parsedate_tz

from mailhost.imap.folding import fold
from mailhost.message.encodedwords import decode_words

_TOKEN = re.compile(rb'\s*(?:([()])|"((?:[^"\\]|\\.)*+)"|\{(\d{1,9})\}\r\n|(NIL))')
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_DATE = re.compile(rb'\("([^"\\]*)" ')
_RUNS = re.compile(r"[a-z0-9]+")
# Nodes of one envelope; thousands of recipients are real, more are noise.
MAX_NODES = 200_000

type Node = bytes | list[Node] | None


@dataclass(frozen=True, slots=True)
class Person:
    """One address; a group's start has only a name."""

    name: str
    mailbox: str
    host: str

    @property
    def text(self) -> str:
        """As it reads in a header."""
        if not self.mailbox and not self.host:
            return f"{self.name}:" if self.name else ";"
        address = f"{self.mailbox}@{self.host}" if self.host else self.mailbox
        return f"{self.name} <{address}>" if self.name else address


@dataclass(frozen=True, slots=True)
class Envelope:
    """The ten fields; a field that was absent is None, a list that was absent is None."""

    date: str | None = None
    subject: str | None = None
    sender_lists: tuple[tuple[Person, ...] | None, ...] = (None,) * 6  # from sender reply-to to cc bcc
    in_reply_to: str | None = None
    message_id: str | None = None

    def people(self, field: str) -> tuple[Person, ...] | None:
        """Addresses of `from`, `to`, `cc` or `bcc`."""
        return self.sender_lists[_LISTS[field]]

    def header(self, field: str) -> str | None:
        """The text of a header field that the envelope holds (see HEADERS)."""
        if field in _LISTS:
            people = self.people(field)
            return None if people is None else ", ".join([person.text for person in people])
        return {
            "subject": self.subject,
            "date": self.date,
            "in-reply-to": self.in_reply_to,
            "message-id": self.message_id,
        }[field]

    def sent(self) -> dt.datetime | None:
        """The Date field as a moment; None if there is none that can be read."""
        return None if self.date is None else parse_date(self.date)

    def sent_day(self) -> dt.date | None:
        """The day that stands in the Date field, whatever its zone (RFC 9051 §6.4.4 SENTON)."""
        moment = self.sent()
        return None if moment is None else moment.date()


_LISTS = {"from": 0, "to": 3, "cc": 4, "bcc": 5}
HEADERS = frozenset({*_LISTS, "subject", "date", "in-reply-to", "message-id"})


def parse_date(text: str) -> dt.datetime | None:
    """RFC 5322 dates, however mangled; None for what is none."""
    try:
        parts = parsedate_tz(text)
        if parts is None:
            return None
        zone = dt.timezone(dt.timedelta(seconds=parts[9])) if parts[9] else dt.UTC
        return dt.datetime(*parts[:5], min(parts[5], 59), tzinfo=zone)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def sent_day(rendered: bytes) -> dt.date | None:
    """The day in the Date field of a rendered envelope, without reading the rest."""
    found = _DATE.match(rendered)
    if found is None:
        return read_envelope(rendered).sent_day()
    return Envelope(date=found[1].decode("ascii", "replace")).sent_day()


class Needle:
    """A text looked for in one header field of many envelopes.

    Most envelopes do not hold it, and most of those show so at once: each run of letters and digits in the needle
    must stand in the rendered bytes, unless encoded words hide them. Only the others are read.
    """

    def __init__(self, field: str, folded: str) -> None:
        self._field = field
        self._folded = folded
        self._ascii = folded.isascii()
        self._runs = [run.encode("ascii") for run in _RUNS.findall(folded)] if self._ascii else []

    def found_in(self, rendered: bytes) -> bool:
        """Whether the field is there and its decoded, folded text holds the needle."""
        if b"=?" not in rendered:
            if not self._ascii:
                return False
            lowered = rendered.lower()
            if not all(run in lowered for run in self._runs):
                return False
        text = read_envelope(rendered).header(self._field)
        return text is not None and self._folded in fold(text)


def read_envelope(rendered: bytes) -> Envelope:
    """Values of a rendered envelope."""
    nodes = _parse(rendered)
    if nodes is None or len(nodes) != 10:
        return Envelope()
    return Envelope(
        date=_text(nodes[0]),
        subject=_text(nodes[1]),
        sender_lists=tuple(_people(node) for node in nodes[2:8]),
        in_reply_to=_text(nodes[8]),
        message_id=_text(nodes[9]),
    )


def _parse(rendered: bytes) -> list[Node] | None:
    stack: list[list[Node]] = [[]]
    position = count = 0
    while position < len(rendered):
        found = _TOKEN.match(rendered, position)
        count += 1
        if found is None or count > MAX_NODES:
            return None
        position = found.end()
        if found[1] == b"(":
            stack.append([])
        elif found[1] == b")":
            if len(stack) == 1:
                return None
            closed = stack.pop()
            stack[-1].append(closed)
        elif found[2] is not None:
            stack[-1].append(_ESCAPED.sub(rb"\1", found[2]))
        elif found[3] is not None:
            end = position + int(found[3])
            stack[-1].append(rendered[position:end])
            position = end
        else:
            stack[-1].append(None)
    whole = stack[0][0] if len(stack) == 1 and len(stack[0]) == 1 else None
    return whole if isinstance(whole, list) else None


def _text(node: Node) -> str | None:
    return decode_words(node) if isinstance(node, bytes) else None


def _people(node: Node) -> tuple[Person, ...] | None:
    if not isinstance(node, list):
        return None
    people = []
    for entry in node:
        if isinstance(entry, list) and len(entry) == 4:
            name, mailbox, host = _text(entry[0]) or "", _text(entry[2]), _text(entry[3])
            if host is None:
                # RFC 9051 §7.5.2: NIL host marks a group, whose name stands in the mailbox's place.
                people.append(Person(mailbox or "", "", ""))
            else:
                people.append(Person(name, mailbox or "", host))
    return tuple(people)
