"""Login: an address and an app password become an account in one view.

App passwords are 128 random bits, so a keyed hash finds the row and no slow hash is needed; account passwords
never come here. A session app password also unwraps the keyring, whose identities then live in the view until
LOGOUT. Every refusal is the same answer after the same work (`apppasswords`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailhost.adapters.apppasswords import Door, behind, still_good
from mailhost.adapters.imapstore.account import DatabaseAccount
from mailhost.adapters.imapstore.answers import imap_answers
from mailhost.adapters.imapstore.openers import Openers
from mailhost.adapters.imapstore.sealedview import SealedView
from mailhost.adapters.imapstore.sealer import MailboxSealer, SealTo
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.signins import SignInBook
from mailhost.adapters.workshop import Workshop
from mailhost.imap.store import LoginRefused
from mailhost.seal import CannotOpen, HybridIdentity
from mailhost.seal.apppassword import app_password_wrap_key
from mailhost.seal.keyring import open_keyring, unwrap_keyring_key
from mailhost.signins import Program

REFUSED: Final = "Wrong address or app password; make a new app password if this one was lost"

# A tenant that is held or leaving still reads what it has.
_DOOR: Final = Door(
    "m.id, m.tenant_id, m.address, p.access, p.wrap, m.keyring, k.recipient, k.serial",
    tenant="t.state IN ('active', 'held', 'leaving')",
    joins=" JOIN mailhost_mailboxkey k ON k.mailbox_id = m.id"
    " AND k.serial = (SELECT MAX(serial) FROM mailhost_mailboxkey WHERE mailbox_id = m.id)",
)


@dataclass(frozen=True, slots=True, repr=False)
class _Login:
    """The row behind an app password."""

    mailbox_id: int
    address: str
    access: str
    wrap: bytes | None
    keyring: bytes | None
    recipient: str
    serial: int


class DatabaseAccounts:
    """`imap.store.Accounts`. `key` is the cell's secret for hashing app passwords."""

    def __init__(
        self,
        shop: Workshop,
        *,
        key: bytes,
        seal_to: SealTo,
        append_limit: int,
        now: Callable[[], datetime],
        book: SignInBook | None = None,
        openers: Openers | None = None,
    ) -> None:
        self._shop = shop
        self._key = key
        self._seal_to = seal_to
        self._append_limit = append_limit
        self._now = now
        self._book = book
        self._openers = openers

    async def login(self, username: str, password: str, *, source: str) -> DatabaseAccount:
        with imap_answers():
            found = await behind(self._shop.readers, _DOOR, username, password, key=self._key, today=self._now().date())
        if found is None:
            raise LoginRefused(REFUSED)
        mailbox_id, tenant, address, access, wrap, keyring, recipient, serial = found.row
        row = _Login(mailbox_id, address, access, _bytes(wrap), _bytes(keyring), recipient, serial)
        view = (
            self._session(row, found.secret) if row.access == "session" else SealedView(row.address, self._append_limit)
        )
        if self._book is not None:
            program = Program.SESSION if row.access == "session" else Program.SEALED
            self._book.note(row.mailbox_id, program, source)
        sealer = MailboxSealer(self._shop, row.mailbox_id, self._seal_to, (row.recipient, row.serial))
        return DatabaseAccount(
            self._shop,
            row.mailbox_id,
            view,
            sealer,
            tenant=str(tenant),
            login_id=found.app_password,
            openers=self._openers,
        )

    async def still_good(self, login_ids: Collection[int]) -> Collection[int]:
        with imap_answers():
            return await still_good(self._shop.readers, _DOOR, login_ids, today=self._now().date())

    def _session(self, row: _Login, secret: bytes) -> SessionView:
        if row.wrap is None or row.keyring is None:
            raise LoginRefused(REFUSED)
        try:
            keyring = open_keyring(unwrap_keyring_key(app_password_wrap_key(secret), row.wrap), row.keyring)
        except CannotOpen:
            # The wrap is older than the keyring key: after a compromise every app password is made anew.
            raise LoginRefused(REFUSED) from None
        identities: tuple[HybridIdentity, ...] = keyring.identities
        return SessionView(identities, self._append_limit)


def _bytes(value: object) -> bytes | None:
    return None if value is None else bytes(value)  # type: ignore[call-overload]  # bytes or memoryview
