"""Vouchers: an operator's word for somebody, as a code to hand over. Counts so often, until a day.

The code is 80 random bits in four groups; the table has a keyed hash of it, so a copy of the table founds nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db.models import F

from webadmin.signup.models import Voucher

SECRET_SIZE: Final = 10
MAX_TYPED: Final = 40
MAX_NOTE: Final = 60  # the column's width
_CODE: Final = re.compile(r"[a-z2-7]{16}")


class NoVoucher(Exception):
    """No such voucher, or it is used up or has ended; which of them is not said."""


@dataclass(frozen=True, slots=True)
class VoucherView:
    """A voucher as an operator lists it; the code is shown once, when it is made."""

    number: int
    note: str
    uses_left: int
    expires: str  # ISO date
    created: str


def make(
    *, key: bytes, random_bytes: bytes, note: str, uses: int, expires: date, today: date
) -> tuple[str, VoucherView]:
    """A new voucher and its code, which nobody can read again. `random_bytes` are ten."""
    letters = base64.b32encode(random_bytes).decode("ascii").lower()
    row = Voucher.objects.create(
        digest=_digest(letters, key), note=note, uses_left=uses, expires=expires, created=today
    )
    return "-".join(letters[place : place + 4] for place in range(0, len(letters), 4)), _view(row)


def listing() -> list[VoucherView]:
    """All that were made and not revoked, newest first."""
    return [_view(row) for row in Voucher.objects.order_by("-pk")]


def revoke(number: int) -> bool:
    """Whether there was such a voucher."""
    return Voucher.objects.filter(pk=number).delete()[0] > 0


def find(typed: str, *, key: bytes, today: date) -> Voucher:
    """The voucher of a code, good today. Raises NoVoucher."""
    letters = re.sub(r"[\s-]", "", typed[:MAX_TYPED].lower())
    # An impossible code is looked up all the same: the answer takes the same time.
    row = Voucher.objects.filter(digest=_digest(letters, key), uses_left__gt=0, expires__gte=today).first()
    if row is None or not _CODE.fullmatch(letters):
        raise NoVoucher
    return row


def use(number: int, *, today: date) -> None:
    """Take one use away, inside the founding's transaction. Raises NoVoucher."""
    good = Voucher.objects.filter(pk=number, uses_left__gt=0, expires__gte=today)
    if not good.update(uses_left=F("uses_left") - 1):
        raise NoVoucher


def _digest(letters: str, key: bytes) -> bytes:
    return hashlib.blake2b(letters.encode(), digest_size=32, key=key, person=b"skerry.voucher").digest()


def _view(row: Voucher) -> VoucherView:
    return VoucherView(row.pk, row.note, row.uses_left, row.expires.isoformat(), row.created.isoformat())
