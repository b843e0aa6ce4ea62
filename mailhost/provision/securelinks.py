"""Secure links as pages and commands see them: opened by words, answered, listed, ended, swept, and chosen by tenants.

Nobody signs in to read: whoever has a link's token and the key that its words give is its reader. Both are compared as
keyed hashes. A token that leads nowhere gets a salt all the same, always the same one, and the refusal that wrong words
get, so nobody learns from an answer whether a link was there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

from django.db import transaction
from django.db.models import Count, F, Q

from mailhost.models import LinkChoice, Mailbox, SecureLink, Tenant
from mailhost.outbound.securelinks import MAX_DAYS, LinkRules, Record
from mailhost.provision import tenants
from mailhost.provision.errors import BadName, CannotProvision, NotFound, WrongSecret
from mailhost.provision.removal import Blobs
from mailhost.seal import CannotOpen
from mailhost.seal.link import check_link, token_digest
from mailhost.seal.password import Argon2Parameters, fake_salt

# Answers to one link: a conversation, and not a way to fill a mailbox.
MAX_ANSWERS: Final = 50
BATCH: Final = 100  # rows a transaction of the sweep
# So long a link that nobody opened waits, without its message, to be told of: a full mailbox may be emptied.
UNTOLD: Final = timedelta(days=7)


class AnswersClosed(CannotProvision):
    """The link takes no answer, or no more of them."""


class StoredBlobs(Blobs, Protocol):
    """Where large contents lie, to be read as well."""

    def read(self, name: str) -> bytes:
        """The whole file. Raises FileNotFoundError."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a page needs to make keys of words."""

    salt: bytes
    parameters: str


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A link whose reader has proven the words. `record` says whose answer it would be."""

    number: int
    reference: str
    last_day: date
    rules: LinkRules
    record: Record


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link in its author's list; for whom it is stands in the author's letter and nowhere else."""

    number: int
    reference: str
    made: date
    last_day: date
    opened: int
    answers: int


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A link that ended unread, and whose it was."""

    number: int
    mailbox: Mailbox
    reference: str
    made: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Counts:
    """A tenant's links that are open."""

    links: int
    unread: int
    answers: int


def offer(token: str, *, key: bytes, fake_key: bytes, today: date) -> Offer:
    """Salt and cost for a link's words, invented where there is no such link. The same work for both."""
    invented = fake_salt(fake_key, token)
    row = _find(token, key, today)
    return Offer(bytes(row.salt), row.parameters) if row else Offer(invented, Argon2Parameters().text)


def open_link(token: str, auth_key: bytes, *, key: bytes, today: date) -> Opened:
    """The link of these words. Raises WrongSecret for every other token and key."""
    # What leads nowhere has a verifier that no key fits, so both refusals come from the same comparison.
    row = _find(token, key, today) or SecureLink(verifier=bytes(32), record=b"")
    try:
        check_link(key, auth_key, bytes(row.verifier))
        record = Record.opened(auth_key, bytes(row.record))
    except CannotOpen:
        raise WrongSecret("these are not the words of this link, or it has ended") from None
    return Opened(row.pk, row.reference, row.expires - timedelta(days=1), rules_of(row.tenant), record)


def content(opened: Opened, blobs: StoredBlobs) -> bytes:
    """The sealed message, counted as opened once more. Raises WrongSecret where it was ended in between."""
    row = SecureLink.objects.filter(pk=opened.number).first()
    try:
        found = bytes(row.content) or blobs.read(row.blob) if row else None
    except FileNotFoundError:
        found = None
    if found is None:
        raise WrongSecret("this link has ended")
    SecureLink.objects.filter(pk=opened.number).update(opened=F("opened") + 1)
    return found


def begin_answer(opened: Opened, *, attachments: bool) -> None:
    """Count an answer before it is delivered, so that no two browsers get past the limit. Raises AnswersClosed."""
    if not opened.rules.answers:
        raise AnswersClosed("this organisation takes no answers by link")
    if attachments and not opened.rules.attachments:
        raise AnswersClosed("this organisation takes no files by link")
    room = SecureLink.objects.filter(pk=opened.number, answers__lt=MAX_ANSWERS)
    if not room.update(answers=F("answers") + 1):
        raise AnswersClosed(f"this link has had {MAX_ANSWERS} answers, which is all it takes")


def answer_failed(opened: Opened) -> None:
    """The answer did not arrive and does not count."""
    SecureLink.objects.filter(pk=opened.number, answers__gt=0).update(answers=F("answers") - 1)


def listing(box: Mailbox, today: date) -> list[LinkView]:
    """The open links of a mailbox, the newest first."""
    rows = SecureLink.objects.filter(mailbox=box, expires__gt=today).order_by("-made", "-pk")
    return [
        LinkView(one.pk, one.reference, one.made, one.expires - timedelta(days=1), one.opened, one.answers)
        for one in rows.only("reference", "made", "expires", "opened", "answers")
    ]


def end(box: Mailbox, number: int, *, blobs: Blobs) -> str:
    """End a link at once, message and all; its reference. Raises NotFound for another mailbox's."""
    row = SecureLink.objects.filter(mailbox=box, pk=number).only("reference", "blob").first()
    if row is None:
        raise NotFound("there is no such link; it may have ended by itself")
    _remove([row], blobs)
    return str(row.reference)


def counts(tenant: Tenant, today: date) -> Counts:
    """How many links are open, and how many of them nobody has opened."""
    rows = SecureLink.objects.filter(tenant=tenant, expires__gt=today)
    found = rows.aggregate(
        links=Count("pk"), unread=Count("pk", filter=Q(opened=0)), answered=Count("pk", filter=Q(answers__gt=0))
    )
    return Counts(found["links"], found["unread"], found["answered"])


def rules_of(tenant: Tenant) -> LinkRules:
    """The tenant's choice, or the defaults."""
    row = LinkChoice.objects.filter(tenant=tenant).first()
    name = str(tenant.name)
    return LinkRules(name) if row is None else LinkRules(name, row.days, row.answers, row.attachments)


def choose(slug: str, *, days: int, answers: bool, attachments: bool) -> LinkRules:
    """What new links of a tenant do; answers and files of open ones as well. Raises NotFound, BadName."""
    if not 1 <= days <= MAX_DAYS:
        raise BadName(f"a link lives from 1 to {MAX_DAYS} days, not {days}")
    tenant = tenants.get(slug)
    chosen = {"days": days, "answers": answers, "attachments": attachments}
    LinkChoice.objects.update_or_create(tenant=tenant, defaults=chosen)
    return rules_of(tenant)


def lapsed(today: date, *, after: int = 0) -> list[Lapsed]:
    """Links that have ended and that nobody opened, whose authors are to be told; some of them, in their order."""
    rows = SecureLink.objects.filter(expires__lte=today, opened=0, pk__gt=after).order_by("pk")
    found = rows.select_related("mailbox", "mailbox__domain").only("reference", "made", "expires", "mailbox")[:BATCH]
    return [Lapsed(one.pk, one.mailbox, one.reference, one.made, one.expires - timedelta(days=1)) for one in found]


def told(numbers: Collection[int], blobs: Blobs) -> None:
    """Remove links that have ended: their authors know."""
    _remove(list(SecureLink.objects.filter(pk__in=numbers).only("blob")), blobs)


def sweep(today: date, blobs: Blobs) -> int:
    """Remove what has expired, and the messages of those whose authors could not be told yet; how many went whole."""
    removed = 0
    over = SecureLink.objects.filter(Q(opened__gt=0) | Q(expires__lte=today - UNTOLD), expires__lte=today)
    while rows := list(over.only("blob")[:BATCH]):
        _remove(rows, blobs)
        removed += len(rows)
    for row in SecureLink.objects.filter(expires__lte=today).exclude(content=b"", blob="").only("blob"):
        SecureLink.objects.filter(pk=row.pk).update(content=b"", blob="")
        if row.blob:
            blobs.remove(row.blob)
    return removed


def _find(token: str, key: bytes, today: date) -> SecureLink | None:
    # Nobody of a suspended tenant signs in, and nothing that they sent is handed out until it is resumed.
    rows = SecureLink.objects.exclude(tenant__state=Tenant.State.SUSPENDED).select_related("tenant").defer("content")
    return rows.filter(token=token_digest(key, token), expires__gt=today).first()


def _remove(rows: Sequence[SecureLink], blobs: Blobs) -> None:
    with transaction.atomic():
        SecureLink.objects.filter(pk__in=[row.pk for row in rows]).delete()
    # A crash in between leaves a file without a row, which the store's sweep takes away.
    for row in rows:
        if row.blob:
            blobs.remove(row.blob)
