"""In-memory doubles of what the judge asks; the memory is kept honest by `tests/reputation/contract.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from mailhost.deliver import Envelope
from mailhost.mailauth.verdict import ReceivePolicy
from mailhost.reputation.memory import Digest
from mailhost.reputation.weighing import Finding


class MemoryOfSenders:
    """Digests with since and until; `written` are those of correspondents, with their mailbox."""

    def __init__(self) -> None:
        self.kept: dict[Digest, tuple[datetime, datetime]] = {}
        self.written: set[tuple[Digest, int]] = set()
        self.full = False

    async def written_to(self, digests: Mapping[Digest, int]) -> bool:
        return any(pair in self.written for pair in digests.items())

    async def recall(self, digests: Collection[Digest], *, now: datetime) -> Mapping[Digest, datetime]:
        return {one: self.kept[one][0] for one in digests if one in self.kept and self.kept[one][1] > now}

    async def remember(self, digests: Collection[Digest], *, since: datetime, until: datetime) -> bool:
        if self.full:
            return False
        self.kept = {one: span for one, span in self.kept.items() if span[1] >= since}
        for one in digests:
            self.kept[one] = (self.kept[one][0] if one in self.kept else since, until)
        return True


class Choices:
    """Policies by tenant."""

    def __init__(self) -> None:
        self.chosen: dict[int, ReceivePolicy] = {}

    async def of(self, tenants: Collection[int]) -> Mapping[int, ReceivePolicy]:
        return {tenant: self.chosen[tenant] for tenant in tenants if tenant in self.chosen}


class FixedFilter:
    """A content filter that always says the same; `seen` counts what it read."""

    def __init__(self, finding: Finding | None = None) -> None:
        self.finding = finding
        self.seen = 0
        self.names: list[str] = []

    async def opinion(self, envelope: Envelope, content: bytearray, name: str) -> Finding | None:
        self.seen += 1
        self.names.append(name)
        return self.finding
