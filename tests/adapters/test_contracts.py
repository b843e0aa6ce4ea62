"""The adapters keep the promises of their ports: the same tests that the in-memory fakes pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters.directory import DatabaseDirectory
from mailhost.adapters.imapstore.account import DatabaseAccount
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.adapters.lost_answers import DatabaseLostAnswers
from mailhost.adapters.mailstore import DatabaseMailstore
from mailhost.deliver import summarise
from mailhost.imap.store import Account
from mailhost.message.describe import describe
from mailhost.models import Alias, Domain, Folder, Mailbox, MailboxKey, MailboxUsage, Message, Subscription, Tenant
from mailhost.outcomes import NO_VERDICT
from mailhost.ports import Delivery, MailboxState
from mailhost.seal import Sealed, seal
from tests.adapters.conftest import NOW, Box, Cell
from tests.contracts import DirectoryContract, LostAnswersContract, MailstoreContract
from tests.imap.letters import OpenAccount
from tests.imap.store_contract import StoreContract


@dataclass
class Stage:
    """The real cell, set up by the words of the contracts."""

    cell: Cell
    store: DatabaseMailstore = field(init=False)
    directory: DatabaseDirectory = field(init=False)
    lost: DatabaseLostAnswers = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.cell.mailstore
        self.directory = DatabaseDirectory(self.cell.shop.readers)
        self.lost = DatabaseLostAnswers(self.cell.shop.writer, self.cell.shop.readers)

    def box(self, who: str) -> Box:
        return {"ada": self.cell.ada, "ben": self.cell.ben}[who]

    def mailbox_id(self, who: str) -> int:
        return int(self.box(who).mailbox.pk)

    def delivery(self, who: str, payload: bytes = b"payload", special_use: str = "\\Inbox") -> Delivery:
        return self.box(who).delivery(payload=payload, special_use=special_use)

    async def stored(self, who: str) -> list[tuple[bytes, bytes, str]]:
        def read() -> list[tuple[bytes, bytes, str]]:
            places = Message.objects.filter(folder__mailbox=self.box(who).mailbox).order_by("sealed_id")
            return [
                (
                    bytes(place.sealed.header),
                    self.cell.shop.blobs.read(place.sealed.blob)
                    if place.sealed.blob
                    else bytes(place.sealed.payload or b""),
                    place.folder.name,
                )
                for place in places.select_related("sealed", "folder")
            ]

        return await sync_to_async(read)()

    async def rotate_key(self, who: str) -> None:
        await sync_to_async(MailboxKey.objects.create)(
            mailbox=self.box(who).mailbox, serial=2, recipient="age1pq1new", signing_key=bytes(32), created=NOW.date()
        )

    async def suspend(self, who: str) -> None:
        await sync_to_async(Mailbox.objects.filter(pk=self.mailbox_id(who)).update)(state="suspended")

    async def leave_room(self, who: str, octets: int) -> None:
        def change() -> None:
            used = MailboxUsage.objects.get(pk=self.mailbox_id(who)).bytes
            Mailbox.objects.filter(pk=self.mailbox_id(who)).update(quota_bytes=used + octets)

        await sync_to_async(change)()

    async def refresh(self) -> None:
        await self.lost.refresh()

    async def alias(self, address: str, *members: str) -> None:
        def make() -> None:
            for member in members:
                Alias.objects.create(
                    cell="is-1", domain=Domain.objects.get(), address=address, mailbox=self.box(member).mailbox
                )

        await sync_to_async(make)()

    async def catch_all(self, who: str) -> None:
        await sync_to_async(Domain.objects.update)(catch_all=self.box(who).mailbox)

    async def suspend_tenant(self) -> None:
        await sync_to_async(Tenant.objects.update)(state="suspended")


@pytest.fixture
async def stage(cell: Cell) -> Stage:
    return Stage(cell)


class TestMailstore(MailstoreContract):
    pass


class TestLostAnswers(LostAnswersContract):
    pass


class TestDirectory(DirectoryContract):
    async def test_a_tenant_that_is_leaving_puts_mail_off(self, stage: Stage) -> None:
        await sync_to_async(Tenant.objects.update)(state=Tenant.State.LEAVING)
        found = await stage.directory.lookup(["ada@example.is"], ["example.is"])
        assert found.addresses["ada@example.is"][0].state is MailboxState.HELD
        assert not found.domains["example.is"].suspended

    @pytest.fixture(autouse=True)
    async def _invited_mo(self, cell: Cell) -> None:
        def invite() -> None:
            ada = cell.ada.mailbox
            mo = Mailbox.objects.create(
                cell="is-1",
                tenant=ada.tenant,
                domain=ada.domain,
                address="mo@example.is",
                invited_at=NOW,
                quota_bytes=1000,
                uidvalidity_next=1,
            )
            MailboxUsage.objects.create(mailbox=mo)

        await sync_to_async(invite)()


class TestImapStore(StoreContract):
    @pytest.fixture
    async def open_account(self, cell: Cell) -> AsyncIterator[OpenAccount]:
        await sync_to_async(_give_default_folders)(cell.ada.mailbox)
        watching = asyncio.create_task(cell.shop.changes.run())

        async def seal_append(
            content: bytes | bytearray | memoryview, moment: datetime, /, *, again: bool
        ) -> tuple[Sealed, int]:
            summary = summarise(describe(content), 0, NO_VERDICT, moment)
            return seal(cell.ada.identity.recipient, content, summary), 1

        async def open_account() -> Account:
            view = SessionView([cell.ada.identity], 10**6)
            return DatabaseAccount(cell.shop, cell.ada.mailbox.pk, view, seal_append)

        yield open_account
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _give_default_folders(mailbox: Mailbox) -> None:
    """What provisioning gives every mailbox."""
    have = set(Folder.objects.filter(mailbox=mailbox).values_list("name", flat=True))
    for position, name in enumerate(("Archive", "Drafts", "Sent")):
        if name not in have:
            Folder.objects.create(
                cell="is-1",
                mailbox=mailbox,
                name=name,
                special_use=f"\\{name}",
                opaque_id=f"{name:0<32}",
                uidvalidity_sealed=100 + 2 * position,
                uidvalidity_session=101 + 2 * position,
            )
    for name in ("INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"):
        Subscription.objects.create(mailbox=mailbox, name=name)
