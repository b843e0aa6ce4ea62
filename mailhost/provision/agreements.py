"""Asking addresses elsewhere whether they take forwards: which wait, who may be asked again, and their answer.

An address of the tenant's own domains is not asked: what is forwarded there leaves to nobody. The letter itself is
written and sent by whoever calls `ask`; here stand the limits, which hold however often a filter is made and removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Sum

from mailhost.agreements import LETTERS, LETTERS_A_DAY, LIFE, PAUSE, agreement_digest, link_digest
from mailhost.message.address import Address, parse_address
from mailhost.models import Domain, ForwardAgreement, Mailbox
from mailhost.provision.errors import CannotProvision, NotFound
from mailhost.rules.rule import Rules, targets


class AskedEnough(CannotProvision):
    """No letter now; the text says when."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An address that has not agreed. `last_day` is that of its link, None where none is under way."""

    address: str
    last_day: date | None
    may_ask: bool


def waiting(box: Mailbox, rules: Rules, *, key: bytes, now: datetime) -> list[Waiting]:
    """Addresses that rules in use forward to and that have not agreed, in their order."""
    found = []
    for address in sorted(targets(tuple(one for one in rules if not one.off))):
        target = parse_address(address)
        if not _is_own(box, target):
            row = _row(box, target, key)
            if row is None or row.agreed is None:
                open_ = row is not None and row.expires >= now.date()
                last_day = row.expires if row is not None and open_ else None
                found.append(Waiting(address, last_day, may_ask=_why_not(box, row, now) == ""))
    return found


def ask(box: Mailbox, address: str, *, key: bytes, token: str, now: datetime) -> date:
    """Note that a letter with this link goes to the address; its last day. An older link ends. Raises AskedEnough."""
    target = parse_address(address)
    with transaction.atomic():
        # Two windows at once are counted one after the other.
        Mailbox.objects.select_for_update().get(pk=box.pk)
        row = _row(box, target, key)
        if why := _why_not(box, row, now):
            raise AskedEnough(why)
        letters = row.letters if row is not None and row.expires >= now.date() else 0
        values = {
            "mailbox": box,
            "token": link_digest(key, token),
            "expires": (now + LIFE).date(),
            "letters": letters + 1,
            "asked": now.replace(minute=0, second=0, microsecond=0),
        }
        made, _ = ForwardAgreement.objects.update_or_create(
            digest=agreement_digest(key, box.pk, target), defaults=values
        )
    return made.expires


def asked_by(token: str, *, key: bytes, today: date) -> Mailbox:
    """Whose forwards the holder of this link is asked about. Raises NotFound."""
    return _of(token, key, today).mailbox


def agree(token: str, *, key: bytes, today: date) -> Mailbox:
    """The holder of the link takes them; the link is used up. Raises NotFound."""
    row = _of(token, key, today)
    ForwardAgreement.objects.filter(pk=row.pk).update(agreed=today, token=None)
    return row.mailbox


def vouch(box: Mailbox, rules: Rules, *, key: bytes, today: date) -> int:
    """Take the operator's word that every address of these rules has agreed; how many of them had to be asked."""
    found = [target for target in map(parse_address, targets(rules)) if not _is_own(box, target)]
    for target in found:
        values = {"mailbox": box, "token": None, "agreed": today, "expires": today, "asked": None}
        ForwardAgreement.objects.update_or_create(digest=agreement_digest(key, box.pk, target), defaults=values)
    return len(found)


def sweep(today: date) -> int:
    """Forget links that nobody pressed; how many."""
    return ForwardAgreement.objects.filter(agreed=None, expires__lt=today).delete()[0]


def _is_own(box: Mailbox, target: Address) -> bool:
    return Domain.objects.filter(tenant=box.tenant_id, name=target.domain, verified__isnull=False).exists()


def _row(box: Mailbox, target: Address, key: bytes) -> ForwardAgreement | None:
    return ForwardAgreement.objects.filter(digest=agreement_digest(key, box.pk, target)).first()


def _of(token: str, key: bytes, today: date) -> ForwardAgreement:
    rows = ForwardAgreement.objects.select_related("mailbox", "mailbox__tenant")
    row = rows.filter(token=link_digest(key, token), expires__gte=today).first()
    if row is None:
        raise NotFound("this link has ended, or it was pressed already")
    return row


def _why_not(box: Mailbox, row: ForwardAgreement | None, now: datetime) -> str:
    """Why no letter can be sent; "" where one can."""
    if row is not None and row.expires >= now.date():
        if row.letters >= LETTERS:
            return f"{LETTERS} letters have been sent; when their link has ended, more can be"
        if row.asked is not None and now < row.asked + PAUSE:
            return "a letter was sent within the last hour; wait for it"
    lately = ForwardAgreement.objects.filter(mailbox=box, asked__gt=now - timedelta(days=1))
    if (lately.aggregate(sum=Sum("letters"))["sum"] or 0) >= LETTERS_A_DAY:
        return f"{LETTERS_A_DAY} letters have been sent today; send this one tomorrow"
    return ""
