"""Ten clients do what they like to one mailbox; every answer is checked against a model of what each was told.

Each client keeps the list of UIDs by sequence number exactly as the RFC lets it: EXISTS makes it longer, EXPUNGE and
VANISHED shorter, FETCH must name the UID that stands at that number. The store takes a random pause before and after
every call, so that everything interleaves with everything. At the end all clients ask once more and must agree with
the store. `STRESS_SECONDS` and `STRESS_SEED` make it longer or repeat it.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mailhost.imap.store import SYSTEM_FLAGS
from tests.imap.dialogue import ADA, PASSWORD, Client, ada_with, logical_lines, make_endpoint, message
from tests.imap.memory import MemoryAccount, MemoryFolder, MemoryStore

SECONDS = float(os.environ.get("STRESS_SECONDS", "3"))
CLIENTS = 10
FLAGS = (*SYSTEM_FLAGS, "$One", "$Two")


class Model:
    """What one client believes."""

    def __init__(self, client: Client, chance: random.Random, *, qresync: bool) -> None:
        self.client = client
        self.chance = chance
        self.qresync = qresync
        self.uids: list[int | None] = []
        self.flags: dict[int, frozenset[str]] = {}
        self.numbered = False  # a command is being answered during which numbers must stand still
        self.commands = 0

    async def ask(self, line: str | bytes, *, numbered: bool = False) -> list[str]:
        """One command to its tagged answer."""
        self.commands += 1
        self.numbered = numbered
        data = line.encode() if isinstance(line, str) else line
        self.client.send(b"t " + data + b"\r\n")
        heard: list[str] = []
        waited = 0
        while not heard or not heard[-1].startswith("t "):
            await asyncio.sleep(0)
            for said in logical_lines(self.client.take()):
                heard.append(said)
                self.hear(said)
            waited += 1
            assert waited < 100_000, f"no answer to {data!r}"
        assert heard[-1].startswith(("t OK", "t NO")), (data, heard[-1])
        assert "SERVERBUG" not in heard[-1], data
        self.numbered = False
        return heard

    def hear(self, said: str) -> None:
        """Follow one untagged response."""
        if found := re.fullmatch(r"\* (\d+) EXISTS", said):
            count = int(found[1])
            assert count >= len(self.uids), f"EXISTS {count} but {len(self.uids)} are known"
            self.uids += [None] * (count - len(self.uids))
        elif found := re.fullmatch(r"\* (\d+) EXPUNGE", said):
            assert not self.numbered, "EXPUNGE while numbers must stand still"
            assert not self.qresync
            self.forget(self.uids.pop(int(found[1]) - 1))
        elif found := re.fullmatch(r"\* VANISHED ([\d:,]+)", said):
            assert self.qresync
            assert not self.numbered, "VANISHED while numbers must stand still"
            for uid in numbers(found[1]):
                del self.uids[self.place_of(uid)]
                self.forget(uid)
        elif found := re.match(r"\* (\d+) FETCH \((.*)\)$", said, re.DOTALL):
            self.fetched(int(found[1]), found[2])

    def place_of(self, uid: int) -> int:
        """Where a UID stands; one not fetched yet stands between its neighbours."""
        if uid in self.uids:
            return self.uids.index(uid)
        place = 0
        while place < len(self.uids) and (known := self.uids[place]) != uid and (known is None or known < uid):
            if known is None and all(later is None or later > uid for later in self.uids[place:]):
                return place
            place += 1
        raise AssertionError(f"VANISHED {uid}, never heard of")

    def forget(self, uid: int | None) -> None:
        if uid is not None:
            self.flags.pop(uid, None)

    def fetched(self, number: int, items: str) -> None:
        assert number <= len(self.uids), f"FETCH {number} of {len(self.uids)}"
        if uid_found := re.search(r"UID (\d+)", items):
            uid = int(uid_found[1])
            known = self.uids[number - 1]
            assert known in (None, uid), f"number {number} is UID {known}, not {uid}"
            self.uids[number - 1] = uid
        place = self.uids[number - 1]
        if place is not None and (flags := re.search(r"FLAGS \(([^)]*)\)", items)):
            self.flags[place] = frozenset(flags[1].split()) - {"\\Recent"}

    # Things to do

    def number(self) -> str:
        return str(self.chance.randint(1, len(self.uids)))

    def some(self) -> str:
        first, last = sorted(self.chance.randint(1, len(self.uids)) for _ in range(2))
        return self.chance.choice([f"{first}:{last}", str(first), f"{first},{last}", "*", f"{last}:*"])

    def uid_set(self) -> str:
        known = [uid for uid in self.uids if uid is not None] or [1]
        return self.chance.choice([str(self.chance.choice(known)), f"{self.chance.choice(known)}:*", "1:*"])

    async def act(self) -> None:
        """One random command."""
        chance = self.chance
        flags = " ".join(chance.sample(FLAGS, chance.randint(1, 3)))
        op = chance.choice(["", "+", "-"]) + "FLAGS" + chance.choice(["", ".SILENT"])
        body = message(f"Stress {chance.random()}")
        append = b"APPEND INBOX (%b) {%d+}\r\n" % (flags.encode(), len(body)) + body
        if not self.uids or chance.random() < 0.15:
            await self.ask(append)
            return
        choices: list[tuple[str, bool]] = [
            (f"FETCH {self.some()} (UID FLAGS)", True),
            (f"UID FETCH {self.uid_set()} (FLAGS)", False),
            (f"FETCH {self.number()} (UID BODY[TEXT])", True),
            (f"STORE {self.some()} {op} ({flags})", True),
            (f"UID STORE {self.uid_set()} {op} ({flags})", False),
            ("SEARCH OR SEEN NOT FLAGGED", True),
            ("UID SEARCH SUBJECT stress UNDELETED", False),
            ("EXPUNGE", False),
            (f"UID EXPUNGE {self.uid_set()}", False),
            (f"COPY {self.number()} INBOX", False),
            (f"MOVE {self.number()} INBOX", False),
            (f"UID MOVE {self.uid_set()} Trash" if chance.random() < 0.2 else "NOOP", False),
            ("NOOP", False),
            ("CHECK", False),
        ]
        line, numbered = chance.choice(choices)
        await self.ask(line, numbered=numbered)

    async def select(self) -> None:
        """Begin, or begin again."""
        self.uids, self.flags = [], {}
        await self.ask("SELECT INBOX")
        await self.ask("FETCH 1:* (UID FLAGS)" if self.uids else "NOOP", numbered=True)


def numbers(text: str) -> list[int]:
    found: list[int] = []
    for piece in text.split(","):
        first, _colon, last = piece.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


def with_pauses(method: Callable[..., Awaitable[Any]], chance: random.Random) -> Callable[..., Awaitable[Any]]:
    async def slowly(*arguments: Any, **options: Any) -> Any:
        for _turn in range(chance.randint(0, 3)):
            await asyncio.sleep(0)
        result = await method(*arguments, **options)
        for _turn in range(chance.randint(0, 3)):
            await asyncio.sleep(0)
        return result

    return slowly


async def one_client(model: Model, until: float) -> None:
    await model.ask(f"LOGIN {ADA} {PASSWORD}")
    if model.qresync:
        await model.ask("ENABLE QRESYNC")
    await model.select()
    while time.monotonic() < until:
        if model.chance.random() < 0.01:
            await model.select()
        await model.act()
        await asyncio.sleep(0)


def truth(store: MemoryStore) -> dict[int, frozenset[str]]:
    _password, mailbox = store._people[ADA]
    box = mailbox.boxes["INBOX"]
    return {uid: frozenset(box.names(m.flags)) for uid, m in box.messages.items()}


@pytest.mark.slow  # thousands of commands
async def test_ten_clients_on_one_mailbox_agree_with_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    seed = int(os.environ.get("STRESS_SEED", str(random.SystemRandom().randrange(1 << 32))))
    print(f"STRESS_SEED={seed}")
    chance = random.Random(seed)
    for owner, names in (
        (MemoryFolder, ("snapshot", "changes", "meta", "store_flags", "expunge", "copy", "move")),
        (MemoryAccount, ("append", "open")),
    ):
        for name in names:
            monkeypatch.setattr(owner, name, with_pauses(getattr(owner, name), chance))
    store = ada_with(20)
    endpoint = make_endpoint(store)
    models = []
    for number in range(CLIENTS):
        client = Client(endpoint)
        client.take()
        models.append(Model(client, random.Random(chance.random()), qresync=number % 3 == 0))
    until = time.monotonic() + SECONDS
    await asyncio.gather(*[one_client(model, until) for model in models])
    for model in models:
        await model.ask("NOOP")
        await model.ask("FETCH 1:* (UID FLAGS)" if model.uids else "NOOP", numbered=True)
        await model.ask("NOOP")
    expected = truth(store)
    for model in models:
        assert model.uids == list(expected)
        assert {uid: {f.lower() for f in flags} for uid, flags in model.flags.items()} == {
            uid: {f.lower() for f in flags} for uid, flags in expected.items()
        }
    assert sum(model.commands for model in models) > 200
