"""The in-memory fakes keep the promises of their ports."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from mailhost.ports import Delivery, HostedDomain, MailboxState, Route
from tests.contracts import DirectoryContract, LostAnswersContract, MailstoreContract
from tests.fakes import MemoryDirectory, MemoryLostAnswers, MemoryStore
from tests.people import ADA, BEN, NOW, route

IDS = {"ada": 1, "ben": 2, "mo": 4}


class MemoryStoreStage:
    def __init__(self) -> None:
        self.store = MemoryStore()

    def mailbox_id(self, who: str) -> int:
        return IDS[who]

    def delivery(self, who: str, payload: bytes = b"payload", special_use: str = "\\Inbox") -> Delivery:
        return Delivery(IDS[who], 1, 1, secrets.token_hex(16), NOW, b"header\n", payload, special_use)

    async def stored(self, who: str) -> list[tuple[bytes, bytes, str]]:
        folders = {"\\Inbox": "INBOX", "\\Junk": "Junk"}
        found = [d for d in self.store.deliveries if d.mailbox_id == IDS[who]]
        return [(d.header, bytes(d.payload), d.folder or folders[d.special_use]) for d in found]

    async def rotate_key(self, who: str) -> None:
        self.store.keys[IDS[who]] = 2

    async def suspend(self, who: str) -> None:
        self.store.keys[IDS[who]] = 0

    async def leave_room(self, who: str, octets: int) -> None:
        self.store.room[IDS[who]] = octets


class TestMemoryStore(MailstoreContract):
    @pytest.fixture
    def stage(self) -> MemoryStoreStage:
        return MemoryStoreStage()


class MemoryLostAnswersStage:
    def __init__(self) -> None:
        self.lost = MemoryLostAnswers()

    async def refresh(self) -> None: ...


class TestMemoryLostAnswers(LostAnswersContract):
    @pytest.fixture
    def stage(self) -> MemoryLostAnswersStage:
        return MemoryLostAnswersStage()


class MemoryDirectoryStage:
    def __init__(self) -> None:
        mo = route("mo", 4, state=MailboxState.INVITED, public_key=None, key_version=0)
        self._people: dict[str, Route] = {"ada": ADA, "ben": BEN, "mo": mo}
        self.directory = MemoryDirectory(
            [HostedDomain("example.is", 1, postmaster=(ADA,))],
            {f"{name}@example.is": (found,) for name, found in self._people.items()},
        )

    async def alias(self, address: str, *members: str) -> None:
        routes = (*self.directory.addresses.get(address, ()), *(self._people[who] for who in members))
        self.directory.addresses[address] = tuple({found.mailbox_id: found for found in routes}.values())

    async def catch_all(self, who: str) -> None:
        hosted = self.directory.domains["example.is"]
        self.directory.domains["example.is"] = replace(hosted, catch_all=(self._people[who],))

    async def suspend_tenant(self) -> None:
        hosted = self.directory.domains["example.is"]
        self.directory.domains["example.is"] = replace(hosted, suspended=True)
        for address, routes in self.directory.addresses.items():
            self.directory.addresses[address] = tuple(replace(r, state=MailboxState.SUSPENDED) for r in routes)

    def mailbox_id(self, who: str) -> int:
        return self._people[who].mailbox_id


class TestMemoryDirectory(DirectoryContract):
    @pytest.fixture
    def stage(self) -> MemoryDirectoryStage:
        return MemoryDirectoryStage()
