"""SORT: messages in the order of their headers (RFC 5256 §3, RFC 5957), in views that can read them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import batched

from mailhost.imap.base_subject import BaseSubject, base_subject
from mailhost.imap.envelopes import Envelope, Person, read_envelope
from mailhost.imap.folding import fold
from mailhost.imap.search import META_BATCH, Message, Search
from mailhost.imap.store import Meta, TooMany

# Messages of one SORT or THREAD: each costs a few hundred octets until the answer is out, and a tenth of a millisecond.
MAX_SORTED = 100_000
# Envelopes that are read before others have their turn.
TURN = 32
CRITERIA = ("ARRIVAL", "CC", "DATE", "FROM", "SIZE", "SUBJECT", "TO", "DISPLAYFROM", "DISPLAYTO")
_EMPTY = Envelope()


@dataclass(frozen=True, slots=True)
class Criterion:
    """One sort key."""

    name: str
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """What SORT and THREAD know of a message. `sent` is the sent date in UTC, or INTERNALDATE (RFC 5256 §2.2)."""

    index: int
    arrival: datetime
    sent: datetime
    size: int
    envelope: Envelope
    subject: BaseSubject
    references: str | None


# What is left of a card while it is sorted: its index and a value for each criterion.
type Row = tuple[int, tuple[str | int | datetime, ...]]


def rows_for(criteria: Sequence[Criterion]) -> Callable[[Card], Row]:
    """What to keep for SORT."""
    values = [_VALUES[criterion.name] for criterion in criteria]
    return lambda card: (card.index, tuple([value(card) for value in values]))


def for_threads(card: Card) -> Card:
    """What to keep for THREAD, which asks nothing about people: they are most of an envelope."""
    read = card.envelope
    return replace(card, envelope=Envelope(message_id=read.message_id, in_reply_to=read.in_reply_to))


async def load[T](
    search: Search, found: Sequence[int], keep: Callable[[Card], T], *, references: bool = False
) -> list[T]:
    """What to `keep` of the cards of these indexes; messages that are gone or damaged have none. Raises TooMany.

    A whole card takes 2,500 octets, mostly for its envelope, and there may be a hundred thousand.
    """
    if len(found) > MAX_SORTED:
        raise TooMany(f"More than {MAX_SORTED} messages cannot be sorted; narrow the search down")
    kept: list[T] = []
    for start in range(0, len(found), META_BATCH):
        batch = await search.load(found[start : start + META_BATCH], envelopes=True, references=references)
        for some in batched(batch, TURN):
            kept += [keep(_card(message, message.meta)) for message in some if message.meta is not None]
            await asyncio.sleep(0)
    return kept


def _card(message: Message, meta: Meta) -> Card:
    read = _EMPTY if message.envelope is None else read_envelope(message.envelope)
    try:
        sent = (read.sent() or meta.internaldate).astimezone(UTC)
    except OverflowError:
        sent = meta.internaldate
    subject = base_subject(read.subject)
    return Card(message.index, meta.internaldate, sent, meta.size, read, subject, message.references)


def ordered(rows: Sequence[Row], criteria: Sequence[Criterion]) -> list[Row]:
    """By the first criterion, then the second…; ties stay in the order of sequence numbers."""
    result = list(rows)
    for place in reversed(range(len(criteria))):
        result.sort(key=lambda row: row[1][place], reverse=criteria[place].reverse)
    return result


def _first(people: tuple[Person, ...] | None) -> Person | None:
    return people[0] if people else None


def _collated(text: str) -> str:
    """RFC 5256 §3 sorts by capitals (i;unicode-casemap), which puts "_" and "[" behind the letters."""
    return fold(text).upper()


def _mailbox(field: str) -> Callable[[Card], str]:
    """RFC 5256 §3: the mailbox of the first address, without its host."""

    def value(card: Card) -> str:
        person = _first(card.envelope.people(field))
        return "" if person is None else _collated(person.mailbox or person.name)

    return value


def _display(field: str) -> Callable[[Card], str]:
    """RFC 5957 §3: the display name, or the address where there is none."""

    def value(card: Card) -> str:
        person = _first(card.envelope.people(field))
        return "" if person is None else _collated(person.name or f"{person.mailbox}@{person.host}")

    return value


_VALUES: dict[str, Callable[[Card], str | int | datetime]] = {
    "ARRIVAL": lambda card: card.arrival,
    "DATE": lambda card: card.sent,
    "SIZE": lambda card: card.size,
    "SUBJECT": lambda card: _collated(card.subject.text),
    "FROM": _mailbox("from"),
    "TO": _mailbox("to"),
    "CC": _mailbox("cc"),
    "DISPLAYFROM": _display("from"),
    "DISPLAYTO": _display("to"),
}
