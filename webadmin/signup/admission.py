"""Who may sign up: somebody with a voucher, or, where the house is open, somebody whose browser did some work."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from webadmin.environ import Environ
from webadmin.signup import holding, vouchers, work
from webadmin.signup.models import Pass
from webadmin.signup.steps import Answers


class NotAdmitted(Exception):
    """Neither voucher nor work; `field` of the form, or None, and what to say."""

    def __init__(self, field: str | None, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.text = text


def challenge(environ: Environ, *, key: bytes, now: datetime, random_bytes: bytes) -> str:
    """The work for one visitor's browser."""
    return work.challenge(environ.signup_work, key, now=now.timestamp(), random_bytes=random_bytes)


def still(answers: Answers, now: datetime) -> bool:
    """Whether these answers were admitted before and may ask on."""
    if not answers.admitted:
        return False
    digest = bytes.fromhex(answers.admitted)
    return Pass.objects.filter(digest=digest, forget_at__gt=now, asked__lt=holding.MAX_ASKED).exists()


def admit(answers: Answers, typed: Mapping[str, Any], environ: Environ, *, key: bytes, now: datetime) -> Answers:
    """The answers with their pass. A voucher typed later replaces the work. Raises NotAdmitted."""
    if typed["voucher"]:
        return _by_voucher(answers, typed["voucher"], key=key, now=now)
    if still(answers, now):
        return answers
    if environ.who_signs_up != "open":
        raise NotAdmitted("voucher", _("Signing up here needs a voucher: ask whoever runs this host for one."))
    return replace(answers, admitted=_by_work(answers, typed, environ, key=key, now=now).hex(), voucher=0)


def _by_voucher(answers: Answers, typed: str, *, key: bytes, now: datetime) -> Answers:
    try:
        found = vouchers.find(typed, key=key, today=now.date())
    except vouchers.NoVoucher:
        raise NotAdmitted(
            "voucher", _("This voucher is not known here, used up or too old. Check each letter.")
        ) from None
    # A voucher asks about so many names a day, whoever shows it.
    digest = hashlib.blake2b(bytes(found.digest) + now.date().isoformat().encode(), digest_size=32).digest()
    holding.admit(digest, now + timedelta(days=1), now)
    return replace(answers, admitted=digest.hex(), voucher=found.pk)


def _by_work(answers: Answers, typed: Mapping[str, Any], environ: Environ, *, key: bytes, now: datetime) -> bytes:
    until = now + timedelta(days=1)
    if environ.signup_work == 0:
        digest = hashlib.sha256(answers.number.encode()).digest()
        holding.admit(digest, until, now)
        return digest
    try:
        digest = work.check(typed["challenge"], typed["counters"], key, now=now.timestamp())
    except work.BadWork:
        raise NotAdmitted(
            None, _("Your browser has not finished its piece of work, or too long ago. Send the form once more.")
        ) from None
    if not holding.admit(digest, until, now):
        raise NotAdmitted(None, _("This piece of work was used before. Send the form once more."))
    return digest
