"""Asking addresses elsewhere whether they take forwards: which wait, who may be asked again, and their answers.

What goes to nobody but the tenant is not asked, by the same rule that lets it through (`routing.leads_only_to`), until
its reader ends it. The letter itself is written and sent by whoever calls `ask`; `sent` or `unsent` says what became of
it. Its link counts before it leaves, and the one before it until it has left: where the program ends in between, no
letter has a dead link. The limits hold however often a filter is made and removed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, Sum

from mailhost.adapters import directory
from mailhost.message.address import Address, parse_address
from mailhost.models import ForwardAgreement, Mailbox
from mailhost.provision.errors import CannotProvision, NotFound
from mailhost.routing import leads_only_to, names_to_look_up, resolve
from mailhost.rules.rule import Rules, targets
from mailhost.wishes.agreements import (
    LETTERS,
    LETTERS_A_DAY,
    LIFE,
    NEXT,
    PAUSE,
    PEACE,
    State,
    Step,
    agreement_digest,
    counted_from,
    link_digest,
)


class AskedEnough(CannotProvision):
    """No letter now; the text says when."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An address that nothing is forwarded to. `last_day` is that of its link, None where none is under way; `ended`
    is the day on which its reader ended it."""

    address: str
    last_day: date | None
    may_ask: bool
    ended: date | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that may be sent, and has been counted. Behind `last_day` stands what its row said before."""

    agreement: int
    link: bytes
    last_day: date
    letters: int
    asked: datetime | None
    newer: bytes | memoryview | None
    expires: date


@dataclass(frozen=True, slots=True)
class Asked:
    """What a link is about: whose forwards, and since when its reader takes them, or does not want them."""

    mailbox: Mailbox
    agreed: date | None
    ended: date | None


def waiting(box: Mailbox, rules: Rules, *, key: bytes, now: datetime) -> list[Waiting]:
    """Addresses that rules in use forward to and that take nothing yet, or no longer, in their order."""
    found = []
    for target, row in _in_question(box, targets(tuple(one for one in rules if not one.off)), key, now.date()):
        address = str(target)
        if (state := _state(row, now.date())) is State.AGREED:
            continue
        # Where its letter could not be written, or nobody knows whether it left, it may be sent again.
        last_day = row.expires if row is not None and state is State.ASKED and row.token is not None else None
        ended = row.ended if row is not None and state is State.ENDED else None
        found.append(Waiting(address, last_day, _why_not(box, row, now) == "", ended))
    return found


def ask(box: Mailbox, address: str, token: str, *, key: bytes, now: datetime) -> Letter:
    """Count a letter that is about to go to the address, with a new link, which counts at once. Raises AskedEnough."""
    target, today, last_day = parse_address(address), now.date(), (now + LIFE).date()
    with transaction.atomic():
        # Two windows at once are counted one after the other.
        Mailbox.objects.select_for_update().get(pk=box.pk)
        row = _held(box, target, key, last_day)
        if why := _why_not(box, row, now):
            raise AskedEnough(why)
        if _state(row, today) is State.NONE:
            row.token, row.newer, row.ended, row.letters, row.expires = None, None, None, 0, last_day
        link = link_digest(key, token)
        letter = Letter(row.pk, link, last_day, row.letters, row.asked, row.newer, row.expires)
        row.newer, row.expires, row.letters, row.asked = link, last_day, row.letters + 1, counted_from(now)
        row.save(update_fields=["token", "newer", "ended", "expires", "letters", "asked"])
    return letter


def sent(letter: Letter) -> None:
    """The letter is on its way: an older link has ended, unless it has been pressed meanwhile."""
    ForwardAgreement.objects.filter(pk=letter.agreement, newer=letter.link, agreed=None, ended=None).update(
        token=letter.link, newer=None
    )


def unsent(letter: Letter) -> None:
    """The letter could not be written: it does not count, and an older link stays what it was."""
    row = ForwardAgreement.objects.filter(pk=letter.agreement)
    row.update(letters=letter.letters, asked=letter.asked, newer=letter.newer)
    # Whoever has answered meanwhile has other days.
    row.filter(agreed=None, ended=None).update(expires=letter.expires)


def asked_by(token: str, *, key: bytes, today: date) -> Asked:
    """What the holder of this link is asked about. Raises NotFound."""
    row = _of(token, key, today)
    return Asked(row.mailbox, row.agreed, row.ended)


def answered(token: str, step: Step, *, key: bytes, today: date) -> Asked:
    """The holder of the link says yes or no. Raises NotFound."""
    with transaction.atomic():
        row = _take(_of(token, key, today, hold=True), step, today)
    return Asked(row.mailbox, row.agreed, row.ended)


def end(box: Mailbox, address: str, *, key: bytes, today: date) -> None:
    """The operator says for a reader who wants no forwards of this mailbox; it makes no difference whether any went."""
    target = parse_address(address)
    with transaction.atomic():
        _take(_held(box, target, key, today), Step.NO, today)


def vouch(box: Mailbox, rules: Rules, *, key: bytes, today: date) -> int:
    """Take the operator's word that every address of these rules has agreed; how many had ended it and stay out."""
    ended = 0
    for target, _ in _in_question(box, targets(rules), key, today):
        with transaction.atomic():
            row = _held(box, target, key, today)
            if (_state(row, today), Step.VOUCHED) in NEXT:
                _take(row, Step.VOUCHED, today)
            else:
                ended += 1
    return ended


def sweep(today: date) -> int:
    """Forget links that nobody pressed, and whoever has been left in peace for long; how many."""
    return ForwardAgreement.objects.filter(agreed=None, expires__lt=today).delete()[0]


def _in_question(
    box: Mailbox, addresses: Collection[str], key: bytes, today: date
) -> list[tuple[Address, ForwardAgreement | None]]:
    """Those that somebody else would get mail at, and one's own whose reader has ended it, in their order."""
    parsed = [parse_address(one) for one in sorted(addresses)]
    names = {name for one in parsed for name in names_to_look_up(one)}
    found = directory.look_up(names, {one.domain for one in parsed})
    rows = [(one, _row(box, one, key)) for one in parsed]
    return [
        (one, row)
        for one, row in rows
        if _state(row, today) is State.ENDED or not leads_only_to(box.tenant_id, resolve(one, found))
    ]


def _row(box: Mailbox, target: Address, key: bytes) -> ForwardAgreement | None:
    return ForwardAgreement.objects.filter(digest=agreement_digest(key, box.pk, target)).first()


def _held(box: Mailbox, target: Address, key: bytes, expires: date) -> ForwardAgreement:
    """The row, made where there is none, for this transaction alone: what somebody else says waits until its end."""
    digest, rows = agreement_digest(key, box.pk, target), ForwardAgreement.objects.select_for_update()
    row, _ = rows.get_or_create(digest=digest, defaults={"mailbox": box, "expires": expires})
    return row


def _of(token: str, key: bytes, today: date, *, hold: bool = False) -> ForwardAgreement:
    """The row of a link; `hold` as in `_held`. Raises NotFound."""
    rows = ForwardAgreement.objects.select_related("mailbox", "mailbox__tenant")
    if hold:
        rows = rows.select_for_update(of=("self",))
    # An agreement has no last day, nor has the link that ends it.
    lasting = Q(agreed__isnull=False) | Q(expires__gte=today)
    link = link_digest(key, token)
    row = rows.filter(lasting, Q(token=link) | Q(newer=link)).first()
    if row is None:
        raise NotFound("this link has ended, or a newer letter has another one")
    return row


def _state(row: ForwardAgreement | None, today: date) -> State:
    if row is None or (row.agreed is None and row.expires < today):
        return State.NONE
    if row.ended is not None:
        return State.ENDED
    return State.ASKED if row.agreed is None else State.AGREED


def _take(row: ForwardAgreement, step: Step, today: date) -> ForwardAgreement:
    """Bring the row into the state that follows. Who says the same again changes no day."""
    before = _state(row, today)
    after = NEXT[before, step]
    if after is not before:
        row.agreed = today if after is State.AGREED else None
        row.ended = today if after is State.ENDED else None
        row.expires = today + PEACE if after is State.ENDED else row.expires
        row.save(update_fields=["agreed", "ended", "expires"])
    return row


def _why_not(box: Mailbox, row: ForwardAgreement | None, now: datetime) -> str:
    """Why no letter can be sent; "" where one can."""
    state = _state(row, now.date())
    if row is not None and state is State.ENDED:
        day = row.expires.isoformat()
        return f"its reader does not want forwards from here, and is asked again after {day} at the earliest"
    if row is not None and state is State.ASKED:
        if row.letters >= LETTERS:
            return f"{LETTERS} letters have been sent; when their link has ended, more can be"
        if row.asked is not None and now < row.asked + PAUSE:
            clock = f"{row.asked + PAUSE:%H:%M}"
            return f"a letter was sent a short while ago; another can be sent from {clock} UTC"
    lately = ForwardAgreement.objects.filter(mailbox=box, asked__gt=now - timedelta(days=1))
    if (lately.aggregate(sum=Sum("letters"))["sum"] or 0) >= LETTERS_A_DAY:
        return f"{LETTERS_A_DAY} letters have been sent today; send this one tomorrow"
    return ""
