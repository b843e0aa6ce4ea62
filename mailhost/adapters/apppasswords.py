"""The one look-up of an app password: a name and a secret become the row of the mailbox behind them, or nothing.

IMAP and submission let people in by the same passwords. What each needs to know of the mailbox differs, and so does
whether a tenant is served whose data's place is unproven; both are in `Door`. Every refusal costs the same work: one
query, by the keyed hash alone, whatever name was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mailhost.adapters.database import Readers, Row, statements
from mailhost.message.address import BadAddress, parse_address
from mailhost.seal import InvalidKey
from mailhost.seal.apppassword import app_password_hash, parse_app_password


@dataclass(frozen=True, slots=True)
class Door:
    """What one kind of login asks of p (app password), m (mailbox), t (tenant) and what `joins` adds, in SQL."""

    columns: str
    tenant: str  # condition on the tenant
    joins: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Behind:
    """A login that is right: the secret of the app password, and the door's columns."""

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
    found = await readers.run(_find, door, app_password_hash(key, secret), today)
    if found is None or not secret:
        return None
    address, *row = found
    return Behind(secret, tuple(row)) if address == _normal(username) else None


def _normal(username: str) -> str:
    try:
        return parse_address(username.strip()).lookup
    except BadAddress:
        return ""


def _find(door: Door, digest: bytes, today: date) -> Row | None:
    with statements() as cursor:
        cursor.execute(
            f"SELECT m.address, {door.columns} FROM mailhost_apppassword p"
            f" JOIN mailhost_mailbox m ON m.id = p.mailbox_id JOIN mailhost_tenant t ON t.id = m.tenant_id{door.joins}"
            " WHERE p.secret_hash = %s AND p.revoked IS NULL AND (p.expires IS NULL OR p.expires >= %s)"
            f" AND m.state = 'active' AND {door.tenant}",
            [digest, today.isoformat()],
        )
        found: Row | None = cursor.fetchone()
    return found
