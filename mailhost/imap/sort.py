"""SORT: messages in the order of their headers (RFC 5256 §3, RFC 5957), in views that can read them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mailhost.imap.base_subject import BaseSubject, base_subject
from mailhost.imap.envelopes import Envelope, Person, read_envelope
from mailhost.imap.folding import fold
from mailhost.imap.search import META_BATCH, Message, Search
from mailhost.imap.store import Meta, TooMany

# Messages of one SORT or THREAD: each costs a few hundred octets until the answer is out.
MAX_SORTED = 100_000
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


async def load(search: Search, found: Sequence[int], *, references: bool = False) -> list[Card]:
    """Cards of these indexes; messages that are gone or damaged have none. Raises TooMany."""
    if len(found) > MAX_SORTED:
        raise TooMany(f"More than {MAX_SORTED} messages cannot be sorted; narrow the search down")
    cards = []
    for start in range(0, len(found), META_BATCH):
        batch = await search.load(found[start : start + META_BATCH], envelopes=True, references=references)
        cards += [_card(message, message.meta) for message in batch if message.meta is not None]
        await asyncio.sleep(0)
    return cards


def _card(message: Message, meta: Meta) -> Card:
    read = _EMPTY if message.envelope is None else read_envelope(message.envelope)
    try:
        sent = (read.sent() or meta.internaldate).astimezone(UTC)
    except OverflowError:
        sent = meta.internaldate
    subject = base_subject(read.subject)
    return Card(message.index, meta.internaldate, sent, meta.size, read, subject, message.references)


def ordered(cards: Sequence[Card], criteria: Sequence[Criterion]) -> list[Card]:
    """By the first criterion, then the second…; ties stay in the order of sequence numbers."""
    result = list(cards)
    for criterion in reversed(criteria):
        result.sort(key=_VALUES[criterion.name], reverse=criterion.reverse)
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
