"""Reserving names for signups under way, and counting how many names one pass asks about.

Whether a name is free is worth knowing to a spammer, so the question costs a proof of work or a voucher and is answered
a few times for each. A free name, a taken one and one that looks like a taken one are looked up in the same way.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from mailhost.models import Alias, Mailbox
from webadmin.signup import names
from webadmin.signup.models import HeldName, Pass

MAX_ASKED: Final = 10  # names for one proof of work or one voucher a day: somebody who hesitates, not a list


class AskedEnough(Exception):
    """This pass asked about too many names."""


class NotFree(Exception):
    """The name, or one that looks like it, is taken or reserved."""


def admit(digest: bytes, until: datetime, now: datetime) -> bool:
    """Write down a pass; False where it was shown before."""
    Pass.objects.filter(forget_at__lte=now).delete()
    _row, fresh = Pass.objects.get_or_create(digest=digest, defaults={"forget_at": until})
    return fresh


def count(digest: bytes, now: datetime) -> None:
    """Count one question. Raises AskedEnough, also for a pass that has ended."""
    if not Pass.objects.filter(digest=digest, asked__lt=MAX_ASKED, forget_at__gt=now).update(asked=F("asked") + 1):
        raise AskedEnough


def spend(digest: bytes, now: datetime) -> None:
    """A piece of work founds one tenant, however many names it asked about. Raises AskedEnough for one that has."""
    good = Pass.objects.filter(digest=digest, asked__lte=MAX_ASKED, forget_at__gt=now)
    if not good.update(asked=MAX_ASKED + 1):
        raise AskedEnough


def reserve(local: str, domain: str, *, holder: bytes, key: bytes, now: datetime) -> None:
    """Hold a name for a day and let go of the holder's earlier one. Raises NotFree."""
    digest, address = digest_of(local, domain, key), f"{local}@{domain}"
    with transaction.atomic():
        HeldName.objects.filter(until__lte=now).delete()
        taken = [
            Mailbox.objects.filter(address=address).exists(),
            Alias.objects.filter(address=address).exists(),
            _is_anothers(digest, holder),
        ]
        if any(taken):
            raise NotFree
        HeldName.objects.filter(holder=holder).exclude(digest=digest).delete()
        HeldName.objects.update_or_create(digest=digest, defaults={"holder": holder, "until": now + HeldName.RESERVED})


def give(local: str, domain: str, *, holder: bytes, key: bytes) -> None:
    """The name has an owner now and is nobody else's ever after; inside the founding's transaction. Raises NotFree.

    The answers of a signup outlive its reservation: meanwhile the name, or one that looks like it, may be another's.
    """
    digest = digest_of(local, domain, key)
    if _is_anothers(digest, holder):
        raise NotFree
    HeldName.objects.update_or_create(digest=digest, defaults={"holder": None, "until": None})


def _is_anothers(digest: bytes, holder: bytes) -> bool:
    return HeldName.objects.filter(digest=digest).filter(~Q(holder=holder) | Q(holder=None)).exists()


def digest_of(local: str, domain: str, key: bytes) -> bytes:
    """The name as the table knows it."""
    text = f"{names.skeleton(local)}@{domain}".encode()
    return hashlib.blake2b(text, digest_size=32, key=key, person=b"skerry.name").digest()
