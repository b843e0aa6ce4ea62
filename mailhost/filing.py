"""Filing: what the owners of the mailboxes want done with a message, asked after it is judged and before it is sealed.

In: an envelope, the content, what the judge said. Out: a `Plan` for each mailbox whose owner has rules that fit; a
mailbox without rules costs nothing. This is the one moment at which the message is here in clear, so it is the only one
at which rules can look at it, and what they look at goes nowhere else: no log, no table.

Rules that cannot be read (their key file is missing) stop no mail: it goes to the inbox, and the log says which key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from mailhost.deliver import LARGE, Envelope
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.addresslist import mailboxes, parse_address_list
from mailhost.message.charsets import visible
from mailhost.message.encodedwords import decode_words
from mailhost.message.headers import Headers, read_headers
from mailhost.message.structure import scan
from mailhost.outcomes import NO_VERDICT, Verdict
from mailhost.ports import Metrics, Route
from mailhost.rules.apply import NO_PLANS, Letter, Plan, Why, asks_for_attachments, plan
from mailhost.rules.standing import Standing

# Addresses of one field that rules look at; nobody writes to more by hand, and a stranger could name thousands.
MAX_ADDRESSES: Final = 200
# Octets of one field that rules look at: a subject is read by people (RFC 5322 §2.1.1 wants lines below 998).
MAX_FIELD: Final = 8192


class WishBook(Protocol):
    """Where owners' wishes are kept."""

    async def of(self, route: Route) -> Standing | None:
        """The wishes that `route.wishes` numbers; None where they cannot be read. Raises StoreUnavailable."""


class Filing:
    """Asks the rules of every mailbox of an envelope."""

    def __init__(self, *, book: WishBook, metrics: Metrics) -> None:
        self._book = book
        self._metrics = metrics

    async def plans(
        self, envelope: Envelope, content: bytes | bytearray, verdicts: Mapping[int, Verdict]
    ) -> Mapping[int, Plan]:
        """What is done with the message, by mailbox. Raises StoreUnavailable."""
        wished = {
            route.mailbox_id: (route, address) for route, address in envelope.mailboxes().values() if route.wishes
        }
        if not wished:
            return NO_PLANS
        found: dict[int, Plan] = {}
        read = _Reader(envelope, content)
        for mailbox, (route, address) in wished.items():
            standing = await self._book.of(route)
            if standing is None:
                continue
            junk = verdicts.get(route.tenant_id, NO_VERDICT).junk
            attachments = asks_for_attachments(standing.rules) and await read.attachments()
            made = plan(standing.rules, read.letter(address, attachments=attachments, junk=junk))
            if made.steps:
                found[mailbox] = made
            for step in made.steps:
                self._metrics.count("filter_actions", step.action.does if step.why is Why.DONE else step.why)
        return found


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
