"""Who hands mail in: an address and an app password become an account.

The same app passwords as IMAP's, of either access: sending needs no key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from mailhost.adapters.apppasswords import Door, behind, still_good
from mailhost.adapters.database import Readers
from mailhost.adapters.signins import SignInBook
from mailhost.ports import Account
from mailhost.signins import Program

# Seconds for which "this login is good" is believed: MAIL comes right behind AUTH, and a newsletter asks each moment.
FRESH: Final = 1.0
# Logins whose answer is remembered; some kilobytes.
MAX_FRESH: Final = 10_000

_DOOR: Final = Door("m.id, m.tenant_id, m.address", tenant="t.state = 'active'")


class DatabaseLogins:
    """`ports.Logins` over the cell's database. `key` is the cell's secret for hashing app passwords."""

    def __init__(
        self,
        readers: Readers,
        *,
        key: bytes,
        now: Callable[[], datetime],
        book: SignInBook | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._readers = readers
        self._key = key
        self._now = now
        self._book = book
        self._monotonic = monotonic
        self._fresh: dict[int, float] = {}  # app password: until

    async def login(self, username: str, password: str) -> Account | None:
        found = await behind(self._readers, _DOOR, username, password, key=self._key, today=self._now().date())
        if found is None:
            return None
        mailbox_id, tenant_id, address = found.row
        account = Account(mailbox_id, tenant_id, address, found.app_password)
        self._remember(account)
        if self._book is not None:
            self._book.note(account.mailbox_id, Program.SENDING)
        return account

    async def still_good(self, account: Account) -> bool:
        if self._fresh.get(account.app_password, 0.0) > self._monotonic():
            return True
        asked = (account.app_password,)
        good = bool(await still_good(self._readers, _DOOR, asked, today=self._now().date()))
        if good:
            self._remember(account)
        return good

    def _remember(self, account: Account) -> None:
        if len(self._fresh) >= MAX_FRESH:
            self._fresh.clear()
        self._fresh[account.app_password] = self._monotonic() + FRESH
