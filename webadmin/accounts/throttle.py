"""Guessing is slowed down by name, and nobody can lock out somebody else.

Failed sign-ins are counted under the name that was typed, for browsers that never signed in under it, and for each
known browser by itself. So whoever guesses from elsewhere makes strangers wait, not the owner's own browser, which
holds a signed mark of an earlier sign-in. After `FREE` failures each further one doubles the wait, up to `LONGEST`.

Names stand in the table as keyed hashes, for a day; where anybody came from is not known here. Unknown names are
counted like known ones, so that a wait tells nothing about who exists.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from webadmin.accounts.models import Account, Failures

FREE: Final = 5  # mistakes without a wait: a tired owner's, not a guesser's
FIRST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(minutes=15)
COOKIE: Final = "skerry_known"
KNOWN_FOR: Final = 180 * 24 * 3600  # seconds
_SALT: Final = "webadmin.known-browser"


@dataclass(frozen=True, slots=True)
class Counter:
    """What is counted: one name, from strangers' browsers or from one known one."""

    digest: bytes


def counter(name: str, key: bytes, browser: str = "") -> Counter:
    """`browser` is the mark of a known browser, empty for a stranger's; `key` the key file for such hashes."""
    text = f"{name}\0{browser}".encode("utf-8", "surrogatepass")
    return Counter(hashlib.blake2b(text, digest_size=32, key=key, person=b"skerry.failed.v1").digest())


def attempt(which: Counter, now: datetime) -> timedelta:
    """Zero: an attempt may be made now, and is a failure unless `succeeded` follows. Else how long to wait.

    Counted before it is looked at: guesses that are sent side by side would all find the counter as it was.
    """
    with transaction.atomic():
        Failures.objects.filter(forget_at__lte=now).delete()
        row, _made = Failures.objects.select_for_update().get_or_create(
            digest=which.digest, defaults={"wait_until": now, "forget_at": now + Failures.KEPT}
        )
        wait: timedelta = max(row.wait_until, now) - now
        if not wait:
            row.count += 1
            row.wait_until = now + pause(row.count)
            row.forget_at = now + Failures.KEPT
            row.save()
    return wait


def in_seconds(wait: timedelta) -> int:
    """A wait as it is said to a person: whole seconds, rounded up."""
    return -(-wait // timedelta(seconds=1))


def pause(failures: int) -> timedelta:
    """The wait after so many failures in a row."""
    if failures < FREE:
        return timedelta(0)
    doubled: timedelta = FIRST * 2 ** min(failures - FREE, 16)
    return min(doubled, LONGEST)


def count_of(which: Counter, now: datetime) -> int:
    """How many failures are remembered."""
    return Failures.objects.filter(digest=which.digest, forget_at__gt=now).values_list("count", flat=True).first() or 0


def succeeded(which: Counter) -> int:
    """The attempt was right: forget them all; how many failed before it."""
    rows = Failures.objects.filter(digest=which.digest)
    attempts: int = rows.values_list("count", flat=True).first() or 1
    rows.delete()
    return attempts - 1


def browser_of(request: HttpRequest, name: str) -> str:
    """The mark of a browser that signed in under this name before; empty for a stranger's."""
    try:
        found = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=KNOWN_FOR)
    except signing.BadSignature:
        return ""
    if not isinstance(found, list) or len(found) != 2 or found[0] != _tag(name):
        return ""
    return str(found[1])


def remember(response: HttpResponse, account: Account) -> None:
    """Give this browser its mark; the name in it is a hash."""
    value = signing.dumps([_tag(account.shown_name), secrets.token_hex(16)], salt=_SALT)
    response.set_cookie(
        COOKIE,
        value,
        max_age=KNOWN_FOR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
        path="/",
    )


def _tag(name: str) -> str:
    # Of another salt than the mark it stands in: a signature over a name is none over a mark, whatever the name.
    return signing.Signer(salt=f"{_SALT}.name").signature(name)
