"""Secure links: what may not leave stays here, and its reader gets a link to a page of the cell.

For each reader of a message the cell makes an address that nobody can guess and a passphrase of seven words, seals the
message to the words (`seal.link`) and forgets them. Two letters tell of it. The *note* goes to the reader, like any
mail: whose message waits, where, and that the words come another way; nothing of the message. The *letter* goes to the
author's own mailbox, sealed like all that lies there: the words, for which reader they are, and until when.

The order is the safety: first the sealed message with its row, then the author's letter, then the notes, then the item
leaves the queue. Address, words and salt are drawn from the item's seed, so a crash in between makes the same link
again and never a second one: letter and note may come twice, and say the same. The seed lies in the item's sealed
envelope, beside the message that it guards, and goes with it; then nobody can draw the words again.

The words stand in no row and no log: in memory while the letter is sealed, and then in the letter. Author and reader
are written to in the language that the author reads the pages in.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto
from typing import Final, Protocol

from mailhost.deliver import Client, Envelope, Recipient
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.headers import read_headers
from mailhost.message.letter import Say
from mailhost.message.linkletters import Invitation, Told, letter, note
from mailhost.outbox import Forward, Item, Outbox, Outgoing, Queue
from mailhost.outcomes import Deferred
from mailhost.ports import INBOX, Route
from mailhost.receive import Receiver
from mailhost.seal import CannotOpen, Summary, decrypt, encrypt, seal
from mailhost.seal.identity import RandomBytes
from mailhost.seal.link import (
    AUTH_KEY_SIZE,
    link_keys,
    link_verifier,
    new_reference,
    new_salt,
    new_token,
    new_words,
    record_identity,
    token_digest,
)
from mailhost.seal.password import Argon2Parameters

# Long enough for a holiday; what nobody reads in that time was not wanted. A quarter of a year is the most.
DAYS: Final = 30
MAX_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class LinkRules:
    """A tenant's choice and its name. `days` is how long a link lives, the rest is what its reader may send back."""

    organisation: str = ""
    days: int = DAYS
    answers: bool = True
    attachments: bool = True


@dataclass(frozen=True, slots=True, repr=False)
class NewLink:
    """A link as it is stored; `content` is an age file, `record` another."""

    token: bytes
    verifier: bytes
    salt: bytes
    parameters: str
    reference: str
    made: date
    expires: date
    record: bytes
    content: bytes


class LinkStore(Protocol):
    """Where links lie. Every call raises StoreFull, StoreUnavailable."""

    async def rules(self, tenant_id: int) -> LinkRules:
        """The tenant's choice."""

    async def language(self, mailbox_id: int) -> str:
        """In which language the mailbox's owner reads the pages; "" for one who has not been seen there."""

    async def add(
        self, links: Sequence[NewLink], *, tenant_id: int, mailbox_id: int, now: datetime
    ) -> Collection[bytes]:
        """All of them or none; durable on return. The tokens of those that are new: one that is there already gets a
        new content and a new day."""

    async def remove(self, tokens: Collection[bytes]) -> None:
        """Forget links that nobody was told of."""


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """Whose answer it will be, and to whom; known only while the reader's page sends its key."""

    reader: str
    author: str  # the mailbox that gets the answer
    shown: str  # the address the message was sent from
    message_id: str = ""

    def sealed(self, auth_key: bytes) -> bytes:
        """As it lies in the link's row."""
        data = {"reader": self.reader, "author": self.author, "shown": self.shown, "message_id": self.message_id}
        return encrypt([record_identity(auth_key).recipient], json.dumps(data).encode())

    @classmethod
    def opened(cls, auth_key: bytes, sealed: bytes) -> Record:
        """The inverse of `sealed`. Raises CannotOpen."""
        if len(auth_key) != AUTH_KEY_SIZE:
            raise CannotOpen
        return cls(**json.loads(decrypt([record_identity(auth_key)], sealed)))


class Linked(Enum):
    """What became of the message."""

    LINKED = auto()
    LATER = auto()  # no room or no store just now
    NOWHERE = auto()  # its author cannot be told the words


@dataclass(frozen=True, slots=True, repr=False)
class _Fresh:
    """One reader's link while it is made: the only place where the words and the address of a link are together."""

    forward: Forward
    token: str
    words: str
    link: NewLink


class SecureLinks:
    """Makes links. `address` is the scheme, host and port of the cell's pages, `queue` the entrance that signs, `say`
    gives the sentences of a language."""

    def __init__(
        self,
        *,
        hostname: str,
        address: str,
        key: bytes,
        receiver: Receiver,
        outbox: Outbox,
        queue: Queue,
        store: LinkStore,
        say: Callable[[str], Say],
        now: Callable[[], datetime],
        parameters: Argon2Parameters | None = None,
        random_bytes: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._hostname = hostname
        self._address = address
        self._key = key
        self._receiver = receiver
        self._outbox = outbox
        self._queue = queue
        self._store = store
        self._say = say
        self._now = now
        self._parameters = parameters or Argon2Parameters()
        self._random_bytes = random_bytes
        # One passphrase at a time takes its 64 MiB, however many destinations are worked on.
        self._one_at_a_time = asyncio.Lock()

    async def make(self, item: Item, why: str) -> Linked:
        """Make a link for each of the item's recipients; `why` are sentences. Durable when LINKED, nothing otherwise.

        Raises StoreUnavailable, StoreFull.
        """
        content = await self._outbox.content(item)
        author = await self._author(item)
        if content is None or not isinstance(author, _Author):
            return Linked.NOWHERE if content is None or author is Linked.NOWHERE else Linked.LATER
        rules = await self._store.rules(item.tenant_id)
        fresh = [await self._fresh(item, forward, content, rules) for forward in item.recipients]
        route = author.routes[0]
        say = self._say(await self._store.language(route.mailbox_id))
        links = [one.link for one in fresh]
        new = await self._store.add(links, tenant_id=route.tenant_id, mailbox_id=route.mailbox_id, now=self._now())
        told = await self._tell_author(author, fresh, rules, content, why, say)
        if told is not Linked.LINKED:
            # Of one that an earlier try made its author may have been told, and its reader.
            await self._store.remove(new)
            return told
        for one in fresh:
            await self._queue.put(self._note(item, one, rules, route, say), now=self._now())
        return Linked.LINKED

    async def _author(self, item: Item) -> _Author | Linked:
        """The mailbox that handed the message in and nobody else behind its address; where there is none, why."""
        try:
            address = parse_address(item.author)
            sender = parse_address(item.sender)
        except BadAddress:
            # Receipts come from the null sender: there is nobody whose message it could be called.
            return Linked.NOWHERE
        routes = await self._receiver.recipient(address, 0)
        if not isinstance(routes, tuple):
            return Linked.LATER if isinstance(routes, Deferred) else Linked.NOWHERE
        own = tuple(route for route in routes if route.address == item.author)
        return _Author(address, sender, own) if own else Linked.NOWHERE

    async def _fresh(self, item: Item, forward: Forward, content: bytes, rules: LinkRules) -> _Fresh:
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._made, item, forward, content, rules)

    def _made(self, item: Item, forward: Forward, content: bytes, rules: LinkRules) -> _Fresh:
        random_bytes = drawn(item.seed, forward.address) if item.seed else self._random_bytes
        token, words, salt = new_token(random_bytes), new_words(random_bytes), new_salt(random_bytes)
        keys = link_keys(words, salt, self._parameters)
        now = self._now()
        sealed = seal(keys.identity.recipient, content, Summary(size=len(content), internaldate=int(now.timestamp())))
        message_id = read_headers(content).text(b"message-id") or ""
        record = Record(forward.address, item.author, item.sender, message_id)
        today = now.astimezone(UTC).date()
        link = NewLink(
            token=token_digest(self._key, token),
            verifier=link_verifier(self._key, keys.auth_key),
            salt=salt,
            parameters=self._parameters.text,
            reference=new_reference(random_bytes),
            made=today,
            expires=today + timedelta(days=rules.days + 1),
            record=record.sealed(keys.auth_key),
            content=sealed.header + sealed.payload,
        )
        return _Fresh(forward, token, words, link)

    async def _tell_author(
        self, author: _Author, fresh: Sequence[_Fresh], rules: LinkRules, content: bytes, why: str, say: Say
    ) -> Linked:
        text = letter(
            to=str(author.sender),
            domain=author.address.domain,
            message_id=f"{secrets.token_hex(16)}@{author.address.domain}",
            now=self._now(),
            subject=read_headers(content).text(b"subject") or "",
            readers=[Told(one.forward.address, one.link.reference, one.words) for one in fresh],
            last_day=self._last_day(fresh[0].link),
            answers=rules.answers,
            page=f"{self._address}/mailbox/links/",
            why=why,
            say=say,
        )
        recipients = [Recipient(author.sender, author.routes)]
        envelope = Envelope(None, Client("", self._hostname, "LMTP"), recipients=recipients)
        found = await self._receiver.give_back(envelope, bytearray(text), INBOX)
        return Linked.LATER if isinstance(found, Deferred) else Linked.LINKED if found.code < 300 else Linked.NOWHERE

    def _note(self, item: Item, one: _Fresh, rules: LinkRules, route: Route, say: Say) -> Outgoing:
        sender = parse_address(item.sender)
        invitation = Invitation(
            author=str(sender),
            organisation=rules.organisation,
            address=f"{self._address}/l/{one.token}",
            host=self._address,
            reference=one.link.reference,
            last_day=self._last_day(one.link),
        )
        message_id = f"{secrets.token_hex(16)}@{sender.domain}"
        text = note(invitation, to=one.forward.address, message_id=message_id, now=self._now(), say=say)
        return Outgoing(
            opaque_id=secrets.token_hex(16),
            tenant_id=item.tenant_id,
            mailbox_id=route.mailbox_id,
            sender=item.sender,
            # What the author wanted to hear about the message, he hears about the note.
            recipients=(one.forward,),
            content=text,
            smtputf8=not text.isascii(),  # where an address is not: all else is encoded
            tls=item.tls,
            author=item.author,
            note=True,
        )

    @staticmethod
    def _last_day(link: NewLink) -> date:
        return link.expires - timedelta(days=1)


def drawn(seed: str, reader: str) -> RandomBytes:
    """Bytes for one reader's link, the same each time: SHAKE256 (FIPS 202 §6.2) of a seed that nobody else has."""
    stream = hashlib.shake_256(f"skerry.link.draw.v1\0{seed}\0{reader}".encode())
    at = 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        return stream.digest(at)[at - size :]

    return take


@dataclass(frozen=True, slots=True)
class _Author:
    """The author's mailbox, and the address the message was sent from."""

    address: Address
    sender: Address
    routes: tuple[Route, ...]
