"""What one user does, however much of it, does not keep others waiting: turns are counted, not seconds."""

from __future__ import annotations

import asyncio
from array import array

import pytest

from mailhost.imap.limits import Limits
from mailhost.imap.store import Snapshot
from tests.imap.dialogue import ADA, PASSWORD, Client, Counters, ada_with, make_endpoint
from tests.imap.memory import MemoryFolder, MemoryStore

HUGE = 500_000
BEN = "ben@example.is"


@pytest.fixture
def huge(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """Ada's INBOX seems to hold half a million messages, every third of them read."""
    arrays = array("I", range(1, HUGE + 1)), array("Q", [0, 0, 1] * (HUGE // 3 + 1))[:HUGE], array("Q", [1]) * HUGE

    async def snapshot(folder: MemoryFolder, *, claim_recent: bool) -> Snapshot:
        uids, flags, modseqs = (each[:] for each in arrays)
        return Snapshot(uids, flags, modseqs, (), folder.uidvalidity, HUGE + 1, 1, 1)

    monkeypatch.setattr(MemoryFolder, "snapshot", snapshot)
    store = ada_with()
    store.add_person(BEN, PASSWORD)
    return store


async def turns(busy: Client, quick: Client, line: str) -> tuple[int, bytes]:
    """How many commands the quick client gets answered while the busy one's is under way, and that one's answer."""
    busy.send(f"a {line}\r\n".encode())
    answered = 0
    while b"a OK" not in busy.transport.written[-200:]:
        assert b"b OK" in await quick.ask("b NOOP")
        answered += 1
        assert answered < 100_000, "the busy client is never served"
    return answered, busy.take()


@pytest.mark.slow  # half a million
@pytest.mark.parametrize(
    ("line", "least"),
    [
        ("FETCH 1:* (UID FLAGS)", 40),
        ("UID FETCH 1:4294967295 (FLAGS MODSEQ)", 40),
        ("SEARCH UNSEEN", 20),
        ("UID SEARCH UID 1:4294967295 NOT SEEN OR LARGER 1000000 MODSEQ 5", 20),
        ("SEARCH RETURN (COUNT) 1:4294967295", 1),
    ],
)
async def test_half_a_million_messages_leave_room_for_others(huge: MemoryStore, line: str, least: int) -> None:
    endpoint = make_endpoint(huge)
    busy, quick = Client(endpoint), Client(endpoint)
    await quick.ask(f"x LOGIN {BEN} {PASSWORD}")
    await busy.ask(f"x LOGIN {ADA} {PASSWORD}")
    assert b"* %d EXISTS" % HUGE in await busy.ask("x SELECT INBOX")
    answered, _answer = await turns(busy, quick, line)
    assert answered >= least


@pytest.mark.slow  # made to be slow
async def test_crafted_patterns_over_long_names_leave_room_for_others() -> None:
    store = ada_with()
    store.add_person(BEN, PASSWORD)
    _password, mailbox = store._people[ADA]
    for number in range(200):
        store.make_box(mailbox, "a" * 500 + str(number))
    endpoint = make_endpoint(store)
    busy, quick = Client(endpoint), Client(endpoint)
    for client, name in ((busy, ADA), (quick, BEN)):
        await client.ask(f"x LOGIN {name} {PASSWORD}")
    patterns = " ".join(["*a" * 100 + "b"] * 20)
    answered, answer = await turns(busy, quick, f'LIST "" ({patterns})')
    assert answered >= 25
    assert b"* LIST" not in answer
    answered, _answer = await turns(busy, quick, f'LSUB "" {"*a" * 100}b')
    assert answered >= 25


async def test_more_patterns_than_anybody_needs_are_refused() -> None:
    client = Client(make_endpoint(ada_with()))
    await client.ask(f"x LOGIN {ADA} {PASSWORD}")
    assert b"a OK" in await client.ask(f'a LIST "" ({" ".join(["x"] * 64)})')
    assert b"a BAD [LIMIT]" in await client.ask(f'a LIST "" ({" ".join(["x"] * 65)})')


async def test_a_user_who_runs_wild_is_slowed_down_on_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    plain = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await plain(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    store = ada_with()
    store.add_person(BEN, PASSWORD)
    metrics = Counters()
    endpoint = make_endpoint(store, limits=Limits(commands_rate=1, commands_burst=20), metrics=metrics)
    one, two, other = (Client(endpoint) for _number in range(3))
    for client, name in ((one, ADA), (two, ADA), (other, BEN)):
        assert b"x OK" in await client.ask(f"x LOGIN {name} {PASSWORD}")
    for _number in range(9):
        for client in (one, two):
            assert b"a OK" in await client.ask("a NOOP")
    assert "commands_slowed" not in metrics.counts
    assert b"a OK" in await one.ask("a NOOP")
    assert metrics.counts["commands_slowed"] == 1
    assert max(slept) > 0.5
    assert b"a OK" in await other.ask("a NOOP")
    assert metrics.counts["commands_slowed"] == 1
