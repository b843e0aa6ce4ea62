"""The adapters on a real database keep the promises of the ports, exactly as the fakes of other tests do."""

from __future__ import annotations

import secrets

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters.directory import DatabaseDirectory
from mailhost.adapters.imapstore.folder import Workshop
from mailhost.adapters.lost_answers import DatabaseLostAnswers
from mailhost.models import Alias, Domain, Mailbox, MailboxKey, MailboxUsage, Message, Tenant
from mailhost.ports import Delivery
from tests.adapters.conftest import NOW, Box, Cell
from tests.contracts import DirectoryContract, LostAnswersContract, MailstoreContract


class DatabaseStage:
    """Ada and Ben of the adapters' fixtures, in the words of the contracts."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._boxes: dict[str, Box] = {"ada": cell.ada, "ben": cell.ben}
        self.store = cell.mailstore

    def mailbox_id(self, who: str) -> int:
        return self._boxes[who].mailbox.pk

    def delivery(self, who: str, payload: bytes = b"payload", special_use: str = "\\Inbox") -> Delivery:
        mailbox = self._boxes[who].mailbox
        return Delivery(mailbox.pk, mailbox.tenant_id, 1, secrets.token_hex(16), NOW, b"header\n", payload, special_use)

    async def stored(self, who: str) -> list[tuple[bytes, bytes, str]]:
        def look() -> list[tuple[bytes, bytes, str]]:
            places = Message.objects.filter(folder__mailbox_id=self.mailbox_id(who)).order_by("folder__name", "uid")
            return [
                (
                    bytes(place.sealed.header),
                    self._cell.shop.blobs.read(place.sealed.blob)
                    if place.sealed.blob
                    else bytes(place.sealed.payload or b""),
                    place.folder.name,
                )
                for place in places.select_related("sealed", "folder")
            ]

        return await sync_to_async(look)()

    async def rotate_key(self, who: str) -> None:
        await sync_to_async(MailboxKey.objects.create)(
            mailbox_id=self.mailbox_id(who), serial=2, recipient="age1pq1x", signing_key=bytes(32), created=NOW.date()
        )

    async def suspend(self, who: str) -> None:
        await sync_to_async(Mailbox.objects.filter(pk=self.mailbox_id(who)).update)(state="suspended")

    async def leave_room(self, who: str, octets: int) -> None:
        def change() -> None:
            used = MailboxUsage.objects.get(mailbox_id=self.mailbox_id(who)).bytes
            Mailbox.objects.filter(pk=self.mailbox_id(who)).update(quota_bytes=used + octets)

        await sync_to_async(change)()


class TestDatabaseMailstore(MailstoreContract):
    @pytest.fixture
    def stage(self, cell: Cell) -> DatabaseStage:
        return DatabaseStage(cell)


class DatabaseLostAnswersStage:
    def __init__(self, workshop: Workshop) -> None:
        self.lost = DatabaseLostAnswers(workshop.writer, workshop.readers)

    async def refresh(self) -> None:
        await self.lost.refresh()


class TestDatabaseLostAnswers(LostAnswersContract):
    @pytest.fixture
    def stage(self, workshop: Workshop) -> DatabaseLostAnswersStage:
        return DatabaseLostAnswersStage(workshop)


class DatabaseDirectoryStage:
    def __init__(self, workshop: Workshop, boxes: dict[str, Mailbox]) -> None:
        self.directory = DatabaseDirectory(workshop.readers)
        self._boxes = boxes
        self._domain = boxes["ada"].domain

    async def alias(self, address: str, *members: str) -> None:
        def make() -> None:
            for who in members:
                Alias.objects.create(cell="is-1", domain=self._domain, address=address, mailbox=self._boxes[who])

        await sync_to_async(make)()

    async def catch_all(self, who: str) -> None:
        await sync_to_async(Domain.objects.filter(pk=self._domain.pk).update)(catch_all=self._boxes[who])

    async def suspend_tenant(self) -> None:
        await sync_to_async(Tenant.objects.update)(state="suspended")

    def mailbox_id(self, who: str) -> int:
        return self._boxes[who].pk


class TestDatabaseDirectory(DirectoryContract):
    @pytest.fixture
    def stage(self, workshop: Workshop, people: tuple[Box, Box]) -> DatabaseDirectoryStage:
        ada, ben = (box.mailbox for box in people)
        for box in people:
            MailboxKey.objects.filter(mailbox=box.mailbox).update(recipient=box.identity.recipient.text)
        mo = Mailbox.objects.create(
            cell="is-1",
            tenant=ada.tenant,
            domain=ada.domain,
            address="mo@example.is",
            invited_at=NOW,
            quota_bytes=10**6,
            uidvalidity_next=1,
        )
        MailboxUsage.objects.create(mailbox=mo)
        return DatabaseDirectoryStage(workshop, {"ada": ada, "ben": ben, "mo": mo})
