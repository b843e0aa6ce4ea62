"""A POST that is sent again with the same idempotency key is done once and answered twice with the same words.

Before the act a row says that it is under way; afterwards it holds the answer. A crash in between leaves a row without
an answer, and the same key is then refused: it is not known whether the act happened, and it is never done twice. What
was refused leaves no row, so it can be sent again with the same key.

The answer may hold what the cell must not keep (a new app password, an address): it lies in a box under a key that is
made from the token, of which the cell keeps only a hash. So may the request: what stands for it is hashed under such a
key as well, since addresses can be guessed. In: the token's text, the client's key, the request. Out: what is to be
done, or the answer of the first time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from webadmin.api.models import AnsweredPost

MAX_KEY: Final = 64


class KeyUsed(Exception):
    """The key was used for another request."""


class UnderWay(Exception):
    """The first request with this key has no answer."""


def is_key(text: str) -> bool:
    """Whether a client may choose this as a key: 1 to 64 visible letters of ASCII."""
    return 0 < len(text) <= MAX_KEY and text.isascii() and text.isprintable() and " " not in text


def once(
    token: str, key: str, path: str, body: bytes, now: datetime, act: Callable[[], tuple[int, bytes]]
) -> tuple[int, bytes]:
    """Status and body of the answer: of `act`, or of the first time. Raises KeyUsed, UnderWay."""
    digest = _hash(b"skerry.repeat.v1", token.encode(), key.encode())
    asking = _hash(b"skerry.asked.v1", token.encode(), key.encode())
    asked = _hash(b"skerry.asked.v1", path.encode("utf-8", "surrogatepass"), body, asking)
    box = SecretBox(_hash(b"skerry.answer.v1", token.encode(), key.encode()))
    sweep(now)
    try:
        with transaction.atomic():
            AnsweredPost.objects.create(digest=digest, asked=asked, forget_at=now + AnsweredPost.KEPT)
    except IntegrityError:
        return _first_time(digest, asked, box)
    rows = AnsweredPost.objects.filter(digest=digest)
    status, answer = act()
    if status < 400:
        rows.update(status=status, answer=box.encrypt(answer))
    elif status < 500 or status == 503:
        rows.delete()  # nothing was changed; after any other failure nobody knows, and the row stays without an answer
    return status, answer


def _first_time(digest: bytes, asked: bytes, box: SecretBox) -> tuple[int, bytes]:
    row = AnsweredPost.objects.filter(digest=digest).first()
    if row is not None and bytes(row.asked) != asked:
        raise KeyUsed
    if row is None or not row.status:
        raise UnderWay
    try:
        return row.status, box.decrypt(bytes(row.answer))
    except CryptoError:
        raise UnderWay from None


def sweep(now: datetime) -> int:
    """Forget answers whose time is over; how many."""
    return AnsweredPost.objects.filter(forget_at__lte=now).delete()[0]


def _hash(person: bytes, first: bytes, second: bytes, key: bytes = b"") -> bytes:
    whole = hashlib.blake2b(digest_size=32, person=person, key=key)
    whole.update(len(first).to_bytes(4) + first + second)
    return whole.digest()
