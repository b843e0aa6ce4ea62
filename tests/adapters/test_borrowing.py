"""A long list borrows openers and says the same as one without them, however they fare; a short one borrows none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from asgiref.sync import sync_to_async

from mailhost.adapters.imapstore import index as index_module
from mailhost.adapters.imapstore.index import Index
from mailhost.adapters.imapstore.openers import Opener, OpenerGone
from mailhost.adapters.imapstore.opening import answer
from mailhost.adapters.imapstore.sessionview import SessionView
from mailhost.imap.store import Damaged, Meta
from mailhost.ports import StoreUnavailable
from mailhost.seal import HybridIdentity
from tests.adapters.conftest import Cell
from tests.adapters.test_segments import Ada, CountingView

COUNT = 40


@dataclass
class Fake:
    """`Openers` that answer in this process; `fails` is the question from which on each of them is gone."""

    fails: int = 1_000_000
    nonsense: bytes | None = None
    free: int = 1
    asked: int = 0
    borrowed: list[int] = field(default_factory=list)
    held: int = 0

    def borrow(self, identities: Sequence[HybridIdentity], most: int) -> Sequence[Opener]:
        self.borrowed.append(most)
        self.held += min(most, self.free)
        return [_Fake(self, SessionView(identities, 0)) for _ in range(min(most, self.free))]


@dataclass
class _Fake:
    owner: Fake
    view: SessionView

    async def ask(self, question: bytes) -> bytes:
        await asyncio.sleep(0)
        self.owner.asked += 1
        if self.owner.asked >= self.owner.fails:
            raise OpenerGone
        return answer(self.view, question) if self.owner.nonsense is None else self.owner.nonsense

    def close(self) -> None:
        self.owner.held -= 1


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty messages are many."""
    monkeypatch.setattr(index_module, "ASKED_TOGETHER", 4)
    monkeypatch.setattr(index_module, "WORTH_BORROWING", 8)


@pytest.fixture
def ada(cell: Cell) -> Ada:
    return Ada(cell, [cell.ada.identity])


async def listed(ada: Ada, uids: Sequence[int], openers: Fake | None) -> tuple[list[Meta | Damaged], int]:
    """What a session sees that may borrow, and how many headers it opened itself."""
    view = CountingView(identities=ada.identities)
    folder = await sync_to_async(ada.cell.ada.inbox)()
    index = Index(
        ada.cell.shop, view, ada.identities[0], folder.pk, folder.opaque_id, folder.uidvalidity_session, openers
    )
    return list(await index.meta(uids)), view.opened


async def test_a_share_is_opened_elsewhere_and_the_list_is_the_same(ada: Ada) -> None:
    uids = await ada.fill(COUNT)
    wanted, all_of_them = await listed(ada, uids, None)
    openers = Fake()
    assert (await listed(ada, uids, openers))[0] == wanted
    assert (all_of_them, openers.held, openers.borrowed) == (COUNT, 0, [3])
    assert openers.asked > 0


@pytest.mark.parametrize("openers", [Fake(fails=1), Fake(fails=2), Fake(nonsense=b""), Fake(nonsense=b"\xff" * 90)])
async def test_what_an_opener_does_not_do_is_done_here(ada: Ada, openers: Fake) -> None:
    uids = await ada.fill(COUNT)
    wanted, _opened = await listed(ada, uids, None)
    assert (await listed(ada, uids, openers))[0] == wanted
    assert openers.held == 0


async def test_where_none_is_free_all_is_done_here(ada: Ada) -> None:
    uids = await ada.fill(COUNT)
    assert (await listed(ada, uids, Fake(free=0)))[1] == COUNT


async def test_a_damaged_header_is_damaged_wherever_it_is_opened(ada: Ada) -> None:
    uids = await ada.fill(COUNT)
    box = ada.cell.ada
    await ada.cell.mailstore.commit([box.delivery(header=b"age-encryption.org/v1\n", payload=b"x") for _ in range(8)])
    everything = [*uids, *range(uids[-1] + 1, uids[-1] + 9)]
    wanted, _opened = await listed(ada, everything, None)
    assert sum(isinstance(meta, Damaged) for meta in wanted) == 8
    assert (await listed(ada, everything, Fake()))[0] == wanted


async def test_a_short_list_borrows_none(ada: Ada) -> None:
    uids = await ada.fill(COUNT)
    openers = Fake()
    await listed(ada, uids[: index_module.WORTH_BORROWING - 1], openers)
    assert openers.borrowed == []


async def test_when_the_store_fails_openers_are_given_back(ada: Ada, monkeypatch: pytest.MonkeyPatch) -> None:
    uids = await ada.fill(COUNT)
    openers = Fake()

    def fails(*_arguments: object) -> None:
        raise StoreUnavailable("locked")

    monkeypatch.setattr(Index, "_opened", fails)
    with pytest.raises(StoreUnavailable):
        await listed(ada, uids, openers)
    assert openers.held == 0
