"""The one look-up of an app password: a name and a secret become the row of the mailbox behind them, or nothing.

IMAP and submission let people in by the same passwords. What each needs to know of the mailbox differs, and so does
whether a tenant is served whose data's place is unproven; both are in `Door`. Every refusal costs the same work: one
query, by the keyed hash alone, whatever name was given.

What was let in is asked about again, by the app password's id, while it stays: the same conditions.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Final

from mailhost.adapters.database import Cursor, Readers, Row, fetch_together, listed, one_of, statements
from mailhost.message.address import BadAddress, parse_address
from mailhost.seal import InvalidKey
from mailhost.seal.apppassword import app_password_hash, parse_app_password

_FROM: Final = (
    "FROM mailhost_apppassword p"
    " JOIN mailhost_mailbox m ON m.id = p.mailbox_id JOIN mailhost_tenant t ON t.id = m.tenant_id"
)
# Takes today as a parameter.
_GOOD: Final = "p.revoked IS NULL AND (p.expires IS NULL OR p.expires >= %s) AND m.state = 'active'"


@dataclass(frozen=True, slots=True)
class Door:
    """What one kind of login asks of p (app password), m (mailbox), t (tenant) and what `joins` adds, in SQL."""

    columns: str
    tenant: str  # condition on the tenant
    joins: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Behind:
    """A login that is right: the app password's id and secret, and the door's columns."""

    app_password: int
    secret: bytes
    row: Row


async def behind(
    readers: Readers, door: Door, username: str, password: str, *, key: bytes, today: date
) -> Behind | None:
    """Whom the password lets in; None for a wrong name or password. Raises StoreFull, StoreUnavailable.

    `key` is the cell's secret for hashing app passwords.
    """
    try:
        secret = parse_app_password(password)
    except InvalidKey:
        secret = b""
    digest = app_password_hash(key, secret)
    found = await readers.again(digest, _find, door, digest, today)
    if found is None or not secret:
        return None
    address, number, *row = found
    # Most programs write it as it is stored.
    right = username == address or _normal(username) == address
    return Behind(number, secret, tuple(row)) if right else None


async def still_good(readers: Readers, door: Door, ids: Collection[int], *, today: date) -> frozenset[int]:
    """Those of these app passwords that the door would open for now. Raises StoreFull, StoreUnavailable."""
    return await readers.run(_still_good, door, ids, today) if ids else frozenset()


def _normal(username: str) -> str:
    try:
        return parse_address(username.strip()).lookup
    except BadAddress:
        return ""


def _find(cursor: Cursor, door: Door, digest: bytes, today: date) -> Row | None:
    cursor.execute(
        f"SELECT m.address, p.id, {door.columns} {_FROM}{door.joins}"
        f" WHERE p.secret_hash = %s AND {_GOOD} AND {door.tenant}",
        [digest, today.isoformat()],
    )
    found: Row | None = cursor.fetchone()
    return found


def _still_good(door: Door, ids: Collection[int], today: date) -> frozenset[int]:
    with statements() as cursor:
        found = fetch_together(
            cursor,
            "p.id",
            f"{_FROM} WHERE {one_of('p.id')} AND {_GOOD} AND {door.tenant}",
            [listed(ids), today.isoformat()],
        )
    return frozenset(row[0] for row in found)
