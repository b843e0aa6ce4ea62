"""Giving, listing and taking back an owner's standing consents.

The reader's address is kept twice, both times unreadable here: as a keyed hash that is looked for when mail leaves, and
sealed to the owner, who opens the list with the account password. A consent lapses by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from jurisdiction.policy import Policy
from mailhost.consents import DAYS, MAX_CONSENTS, MAX_DAYS, consent_digest, last_day
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.models import Consent, Mailbox, MailboxKey
from mailhost.provision.errors import AccessForbidden, BadName, NoKeyYet, NotFound
from mailhost.seal import HybridRecipient, Summary, seal


@dataclass(frozen=True, slots=True)
class ConsentView:
    """A consent as this host knows it. `shown` is the reader's address, sealed to the owner."""

    number: int
    made: date
    last_day: date
    shown: bytes


def add(box: Mailbox, reader: str, *, policy: Policy, key: bytes, today: date, days: int = DAYS) -> ConsentView:
    """Agree to readable mail for `reader`, anew if it was given before. Raises BadName, AccessForbidden, NoKeyYet."""
    if not policy.consent:
        raise AccessForbidden(
            "the policy does not leave consent to authors; begin the subject with [link], or ask for another policy"
        )
    if not 1 <= days <= MAX_DAYS:
        raise BadName(f"a consent counts from 1 to {MAX_DAYS} days, not {days}")
    address = _parsed(reader)
    digest = consent_digest(key, box.pk, address)
    if not Consent.objects.filter(digest=digest).exists() and box.consent_set.count() >= MAX_CONSENTS:
        raise BadName(f"there are {MAX_CONSENTS} consents; take some back first, or ask for another policy")
    row, _made = Consent.objects.update_or_create(
        digest=digest,
        defaults={"mailbox": box, "shown": _sealed(box, address), "made": today, "kept_until": last_day(today, days)},
    )
    return _view(row)


def listing(box: Mailbox, today: date) -> list[ConsentView]:
    """Those in force, the newest first."""
    return [_view(row) for row in Consent.objects.filter(mailbox=box, kept_until__gte=today).order_by("-made", "-pk")]


def revoke(box: Mailbox, reader: str, *, key: bytes) -> None:
    """Take a consent back: nothing more leaves under it. Raises BadName, NotFound."""
    digest = consent_digest(key, box.pk, _parsed(reader))
    if not Consent.objects.filter(mailbox=box, digest=digest).delete()[0]:
        raise NotFound(f"there is no consent for {reader}")


def revoke_number(box: Mailbox, number: int) -> None:
    """Take one of the list back. Raises NotFound for another mailbox's."""
    if not Consent.objects.filter(mailbox=box, pk=number).delete()[0]:
        raise NotFound("there is no such consent; it may have lapsed")


def count(box: Mailbox, today: date) -> int:
    """How many are in force: what whoever is not the owner may know."""
    return Consent.objects.filter(mailbox=box, kept_until__gte=today).count()


def revoke_all(box: Mailbox) -> int:
    """Take every consent of a mailbox back: what still waits is asked about anew. How many there were."""
    return int(Consent.objects.filter(mailbox=box).delete()[0])


def sweep(today: date) -> int:
    """Forget what has lapsed; how many."""
    return Consent.objects.filter(kept_until__lt=today).delete()[0]


def _parsed(reader: str) -> Address:
    try:
        return parse_address(reader.strip())
    except BadAddress as wrong:
        raise BadName(f"{reader!r} is no mail address: {wrong}") from None


def _sealed(box: Mailbox, reader: Address) -> bytes:
    newest = MailboxKey.objects.filter(mailbox=box).order_by("-serial").first()
    if newest is None:
        raise NoKeyYet("the mailbox has no key yet: nothing can be sealed to its owner")
    text = str(reader).encode()
    sealed = seal(HybridRecipient.from_text(newest.recipient), text, Summary(size=len(text), internaldate=0))
    return sealed.header + bytes(sealed.payload)


def _view(row: Consent) -> ConsentView:
    return ConsentView(row.pk, row.made, row.kept_until, bytes(row.shown))
