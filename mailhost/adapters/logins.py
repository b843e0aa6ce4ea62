"""Who hands mail in: an address and an app password become an account, with one query by the hash alone.

The same app passwords as IMAP's, of either access: sending needs no key. Every refusal costs the same work.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from mailhost.adapters.database import Readers, statements
from mailhost.message.address import BadAddress, parse_address
from mailhost.ports import Account
from mailhost.seal import InvalidKey
from mailhost.seal.apppassword import app_password_hash, parse_app_password


class DatabaseLogins:
    """`ports.Logins` over the cell's database. `key` is the cell's secret for hashing app passwords."""

    def __init__(self, readers: Readers, *, key: bytes, now: Callable[[], datetime]) -> None:
        self._readers = readers
        self._key = key
        self._now = now

    async def login(self, username: str, password: str) -> Account | None:
        try:
            secret = parse_app_password(password)
        except InvalidKey:
            secret = b""
        account = await self._readers.run(_find, app_password_hash(self._key, secret), self._now().date())
        return account if account is not None and secret and account.address == _normal(username) else None


def _normal(username: str) -> str:
    try:
        return parse_address(username.strip()).lookup
    except BadAddress:
        return ""


def _find(digest: bytes, today: date) -> Account | None:
    with statements() as cursor:
        cursor.execute(
            "SELECT m.id, m.tenant_id, m.address FROM mailhost_apppassword p"
            " JOIN mailhost_mailbox m ON m.id = p.mailbox_id JOIN mailhost_tenant t ON t.id = m.tenant_id"
            " WHERE p.secret_hash = %s AND p.revoked IS NULL AND (p.expires IS NULL OR p.expires >= %s)"
            " AND m.state = 'active' AND t.state = 'active'",
            [digest, today.isoformat()],
        )
        row = cursor.fetchone()
    return Account(*row) if row else None
