"""Tokens of the programming interface: made, shown once, listed, revoked, recognised.

A token is `skerry_` and 128 random bits in base32: recognisable where somebody pasted it by mistake, and beyond
guessing, so an unknown one costs a look-up by an index and nothing else. The cell keeps a hash under `api-token.key`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Q, QuerySet

from mailhost.models import Tenant
from webadmin.api import rights
from webadmin.api.models import ApiToken
from webadmin.api.rights import Right

KEY_FILE: Final = "api-token.key"
SECRET_SIZE: Final = 16
PREFIX: Final = "skerry_"
MAX_NAME: Final = 60  # the column's width
LONGEST: Final = timedelta(days=366)  # who still needs it then makes another
MAX_TOKENS: Final = 50  # of one tenant or one operator; more are forgotten ones
_TEXT: Final = re.compile(rf"{PREFIX}([a-z2-7]{{26}})")


class NotMade(Exception):
    """No token like this; the text says what to change."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token as its owner lists it; days in ISO form. The token itself was shown once."""

    number: int
    name: str
    tenant: str
    operator: str
    rights: tuple[str, ...]
    created: str
    expires: str
    used: str | None


@dataclass(frozen=True, slots=True, repr=False)
class NewToken:
    """Shown once; the cell cannot show it again."""

    text: str
    view: TokenView


def make(
    *,
    tenant: Tenant | None,
    operator: str,
    cell: str,
    name: str,
    allowed: frozenset[Right],
    expires: date,
    today: date,
    key: bytes,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> NewToken:
    """A token for a tenant, or (`tenant` is None) for an operator. Raises NotMade."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise NotMade(f"a token's name is one line of 1 to {MAX_NAME} characters, such as 'invitations'")
    if not today < expires <= today + LONGEST:
        raise NotMade(f"a token ends between tomorrow and {(today + LONGEST).isoformat()}")
    own = ApiToken.objects.filter(tenant=tenant, operator=operator)
    if own.filter(name=name, expires__gt=today).exists():
        raise NotMade(f"there is a token {name!r} already; revoke it, or use another name")
    own.filter(expires__lte=today).delete()
    if own.count() >= MAX_TOKENS:
        raise NotMade(f"there are {MAX_TOKENS} tokens already; revoke those that nobody needs")
    letters = base64.b32encode(random_bytes(SECRET_SIZE)).decode("ascii").rstrip("=").lower()
    row = ApiToken.objects.create(
        cell=cell,
        tenant=tenant,
        operator=operator,
        name=name,
        digest=_digest(letters, key),
        rights=rights.stored(allowed),
        created=today,
        expires=expires,
    )
    return NewToken(PREFIX + letters, _view(row))


def of_tenant(slug: str) -> list[TokenView]:
    """A tenant's tokens, the newest first."""
    return views(ApiToken.objects.filter(tenant__slug=slug))


def of_operators() -> list[TokenView]:
    """All operators' tokens, the newest first."""
    return views(ApiToken.objects.filter(tenant=None))


def views(rows: QuerySet[ApiToken]) -> list[TokenView]:
    """Rows as they are listed."""
    return [_view(row) for row in rows.select_related("tenant").order_by("-pk")]


def revoke(number: int, tenant: str | None) -> bool:
    """End a token of this tenant (None: of operators) at once; whether there was one."""
    of = Q(tenant=None) if tenant is None else Q(tenant__slug=tenant)
    return ApiToken.objects.filter(of, pk=number).delete()[0] > 0


def revoke_all(operator: str) -> int:
    """End every token of an operator who is one no more; how many."""
    return ApiToken.objects.filter(tenant=None, operator=operator).delete()[0]


def find(text: str, *, key: bytes, today: date) -> ApiToken | None:
    """The token, if it is good today; the day is noted. An impossible text takes the same look-up as a possible one.

    A suspended tenant's tokens are no good, as its people cannot sign in.
    """
    match = _TEXT.fullmatch(text)
    row = ApiToken.objects.select_related("tenant").filter(digest=_digest(match[1] if match else "", key)).first()
    if row is None or row.expires <= today:
        return None
    if row.tenant is not None and row.tenant.state == Tenant.State.SUSPENDED:
        return None
    if row.used != today:
        ApiToken.objects.filter(pk=row.pk).update(used=today)
    return row


def _digest(letters: str, key: bytes) -> bytes:
    return hashlib.blake2b(letters.encode("ascii"), digest_size=32, key=key, person=b"skerry.token.v1").digest()


def _view(row: ApiToken) -> TokenView:
    return TokenView(
        number=row.pk,
        name=row.name,
        tenant=row.tenant.slug if row.tenant else "",
        operator=row.operator,
        rights=tuple(row.rights.split()),
        created=row.created.isoformat(),
        expires=row.expires.isoformat(),
        used=row.used.isoformat() if row.used else None,
    )
