"""Filing: what the owners of the mailboxes want done with a message, asked after it is judged and before it is sealed.

In: an envelope, the content, what the judge said. Out: a `Plan` for each mailbox whose owner has wishes in force; a
mailbox without them costs nothing. This is the one moment at which the message is here in clear, so it is the only one
at which rules can look at it, and what they look at goes nowhere else: no log, no table.

It is asked twice. Before the message is stored: where it goes, and which forwards can be at all, because what is
forwarded nowhere must stay. After it is stored: hand over the forwards, and answer for who is away. A mailbox counts as
served when its forwards are durable; where that fails the sender is asked to come back, and the message is there twice
rather than nowhere.

Rules that cannot be read (their key file is missing) stop no mail: it goes to the inbox, and the log says which key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, Protocol

from mailhost.deliver import LARGE, Envelope
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.addresslist import mailboxes, parse_address_list
from mailhost.message.charsets import visible
from mailhost.message.encodedwords import decode_words
from mailhost.message.headers import Headers, read_headers
from mailhost.message.structure import scan
from mailhost.outcomes import NO_VERDICT, Verdict
from mailhost.ports import Metrics, Route, StoreError
from mailhost.rules.apply import Letter, Plan, Why, asks_for_attachments, plan
from mailhost.rules.away import Away
from mailhost.rules.standing import Standing
from mailhost.wishes.answering import Answerer
from mailhost.wishes.forwarding import Arrived, Forwarder
from mailhost.wishes.forwarding import Why as ForwardWhy

# Addresses of one field that rules look at; nobody writes to more by hand, and a stranger could name thousands.
MAX_ADDRESSES: Final = 200
# Octets of one field that rules look at: a subject is read by people (RFC 5322 §2.1.1 wants lines below 998).
MAX_FIELD: Final = 8192


class WishBook(Protocol):
    """Where owners' wishes are kept."""

    async def of(self, route: Route) -> Standing | None:
        """The wishes that `route.wishes` numbers; None where they cannot be read. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Filed:
    """What is done with one message in one mailbox, and by which address it came there."""

    route: Route
    reached: Address
    plan: Plan
    junk: bool = False
    away: Away | None = None


NOTHING_FILED: Final[Mapping[int, Filed]] = MappingProxyType({})


class Filing:
    """Asks the wishes of every mailbox of an envelope, and follows those that reach beyond it."""

    def __init__(self, *, book: WishBook, forwarder: Forwarder, answerer: Answerer, metrics: Metrics) -> None:
        self._book = book
        self._forwarder = forwarder
        self._answerer = answerer
        self._metrics = metrics

    async def look(
        self, message: Arrived, verdicts: Mapping[int, Verdict], *, except_for: Collection[int], now: datetime
    ) -> Mapping[int, Filed]:
        """What is done with the message, by mailbox. Raises StoreUnavailable."""
        wished = [
            (route, address)
            for mailbox, (route, address) in message.envelope.mailboxes().items()
            if route.wishes and mailbox not in except_for
        ]
        if not wished:
            return NOTHING_FILED
        read = _Reader(message.envelope, message.content)
        found: dict[int, Filed] = {}
        for route, address in wished:
            standing = await self._book.of(route)
            if standing is None:
                continue
            junk = verdicts.get(route.tenant_id, NO_VERDICT).junk
            attachments = asks_for_attachments(standing.rules) and await read.attachments()
            made = plan(standing.rules, read.letter(address, attachments=attachments, junk=junk))
            for step in made.steps:
                self._metrics.count("filter_actions", step.action.does if step.why is Why.DONE else step.why)
            possible = await self._possible(route, message, made, now)
            found[route.mailbox_id] = Filed(route, address, possible, junk, standing.away)
        return found

    async def _possible(self, route: Route, message: Arrived, made: Plan, now: datetime) -> Plan:
        """The plan without forwards that cannot be; where none is left of them, the message stays."""
        if not made.forwards:
            return made
        answers = await self._forwarder.admit(route, message, made.forwards, now=now)
        for why in answers.values():
            self._metrics.count("forwards", why)
        forwards = tuple(target for target, why in answers.items() if why is ForwardWhy.FORWARDED)
        return replace(made, forwards=forwards, discard=made.discard and bool(forwards))

    async def follow(self, message: Arrived, filed: Collection[Filed], *, now: datetime) -> frozenset[int]:
        """Hand over what goes beyond the mailboxes; those for which that failed, and who must be asked again."""
        failed = set()
        for one in filed:
            try:
                for target in one.plan.forwards:
                    await self._forwarder.send(one.route, message, target, kept=not one.plan.discard, now=now)
            except StoreError:
                failed.add(one.route.mailbox_id)
            else:
                await self._answer(message, one, now)
        return frozenset(failed)

    async def _answer(self, message: Arrived, one: Filed, now: datetime) -> None:
        # What its owner throws away unread is not answered in the owner's name.
        if one.away is None or (one.plan.discard and not one.plan.forwards):
            return
        why = await self._answerer.answer(one.route, one.reached, message, one.away, junk=one.junk, now=now)
        self._metrics.count("answers", why)


class _Reader:
    """What conditions look at, taken from the message once for all its mailboxes."""

    def __init__(self, envelope: Envelope, content: bytes | bytearray) -> None:
        self._content = content
        self._attachments: bool | None = None
        headers = read_headers(content)
        sender = [envelope.sender.lookup] if envelope.sender else []
        self._letter = Letter(
            senders=(*_addresses(headers, b"from"), *sender),
            recipients=(*_addresses(headers, b"to"), *_addresses(headers, b"cc")),
            list_id=_text(headers, b"list-id"),
            subject=_text(headers, b"subject"),
            size=len(content),
        )

    async def attachments(self) -> bool:
        """Whether there is a part with a file name."""
        if self._attachments is None:
            look: Callable[[bytes | bytearray], bool] = _has_attachments
            if len(self._content) <= LARGE:
                self._attachments = look(self._content)
            else:
                self._attachments = await asyncio.to_thread(look, self._content)
        return self._attachments

    def letter(self, reached: Address, *, attachments: bool, junk: bool) -> Letter:
        """As the rules of one mailbox see it."""
        seen = self._letter
        return Letter(
            senders=seen.senders,
            reached=reached.lookup,
            recipients=seen.recipients,
            list_id=seen.list_id,
            subject=seen.subject,
            size=seen.size,
            attachments=attachments,
            junk=junk,
        )


def _has_attachments(content: bytes | bytearray) -> bool:
    return any(not part.children and part.filename for part in scan(content).walk())


def _addresses(headers: Headers, field: bytes) -> tuple[str, ...]:
    value = headers.joined(field)
    if value is None:
        return ()
    return tuple(_look_up(one.address) for one in mailboxes(parse_address_list(value)[:MAX_ADDRESSES])[:MAX_ADDRESSES])


def _look_up(text: str) -> str:
    try:
        return parse_address(text).lookup
    except BadAddress:
        return text


def _text(headers: Headers, field: bytes) -> str:
    return visible(decode_words((headers.first(field) or b"")[:MAX_FIELD]))
