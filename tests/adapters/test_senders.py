"""The memory of senders and the tenants' choices, in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters import senders as adapter
from mailhost.adapters.senders import CHOICE_HOLDS, DatabaseChoices, DatabaseMemory
from mailhost.mailauth.verdict import ReceivePolicy
from mailhost.models import ReceivingChoice, SeenSender, WrittenTo
from tests.adapters.conftest import Cell
from tests.people import NOW
from tests.reputation.contract import MemoryContract


@dataclass
class Stage:
    """A memory over the cell's database."""

    cell: Cell

    def __post_init__(self) -> None:
        self.memory = DatabaseMemory(self.cell.shop.writer, self.cell.shop.readers)

    async def wrote(self, who: str, digest: bytes) -> int:
        mailbox = {"ada": self.cell.ada, "ben": self.cell.ben}[who].mailbox
        await sync_to_async(WrittenTo.objects.create)(mailbox=mailbox, digest=digest, kept_until=NOW.date())
        return int(mailbox.pk)


class TestMemory(MemoryContract):
    @pytest.fixture
    def senders(self, cell: Cell) -> Stage:
        return Stage(cell)

    async def test_a_full_memory_takes_no_more(self, senders: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(adapter, "MAX_ROWS", 3)
        for number in range(10):
            kept = await senders.memory.remember([b"%016d" % number], since=NOW, until=NOW + timedelta(days=1))
            assert kept == (number < 5)
        assert await sync_to_async(SeenSender.objects.count)() == 5


async def test_choices_are_read_again_after_a_while(cell: Cell) -> None:
    clock = 0.0
    tenant = cell.ada.mailbox.tenant_id
    choices = DatabaseChoices(cell.shop.readers, lambda: clock)
    assert await choices.of([tenant]) == {}
    await sync_to_async(ReceivingChoice.objects.create)(
        tenant_id=tenant, refuse_when_asked=True, refuse_spam=False, trusted_sealers="lists.demo.test\nother.test"
    )
    assert await choices.of([tenant]) == {}
    clock = CHOICE_HOLDS
    assert await choices.of([tenant, tenant + 1]) == {
        tenant: ReceivePolicy(True, False, frozenset({"lists.demo.test", "other.test"}))
    }
