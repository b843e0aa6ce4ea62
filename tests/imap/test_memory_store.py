"""The fake keeps the store's promises."""

from __future__ import annotations

import pytest

from mailhost.imap.store import LoginRefused
from tests.imap.dialogue import ADA, PASSWORD
from tests.imap.letters import OpenAccount
from tests.imap.memory import MemoryAccount, MemoryStore
from tests.imap.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def open_account(self) -> OpenAccount:
        store = MemoryStore()
        store.add_person(ADA, PASSWORD)

        async def open_account() -> MemoryAccount:
            return await store.login(ADA, PASSWORD, source="")

        return open_account


async def test_a_wrong_password_and_an_unknown_name_are_refused_alike() -> None:
    store = MemoryStore()
    store.add_person(ADA, PASSWORD)
    texts = set()
    for username, password in ((ADA, "wrong"), ("nobody@example.is", PASSWORD)):
        with pytest.raises(LoginRefused) as refused:
            await store.login(username, password, source="")
        texts.add(refused.value.text)
    assert len(texts) == 1
