"""Who hands mail in: an address and an app password become an account.

The same app passwords as IMAP's, of either access: sending needs no key.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from mailhost.adapters.apppasswords import Door, behind
from mailhost.adapters.database import Readers
from mailhost.ports import Account

_DOOR: Final = Door("m.id, m.tenant_id, m.address", tenant="t.state = 'active'")


class DatabaseLogins:
    """`ports.Logins` over the cell's database. `key` is the cell's secret for hashing app passwords."""

    def __init__(self, readers: Readers, *, key: bytes, now: Callable[[], datetime]) -> None:
        self._readers = readers
        self._key = key
        self._now = now

    async def login(self, username: str, password: str) -> Account | None:
        found = await behind(self._readers, _DOOR, username, password, key=self._key, today=self._now().date())
        return Account(*found.row) if found is not None else None
