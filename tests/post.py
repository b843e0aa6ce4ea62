"""An MX whose owners have wishes: what it stores, what it hands to the queue, what it counts; all in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mailhost.mailauth.dkim_signing import SigningKey
from mailhost.outbox import Item
from mailhost.routing import RouteCache
from mailhost.rules.rule import Rule, targets
from mailhost.rules.standing import Standing
from mailhost.wishes.answering import Answerer
from mailhost.wishes.filing import Filing
from mailhost.wishes.forwarding import ErrandLimits, Forwarder, srs_of
from mailhost.wishes.returns import ReturnDesk
from tests.fakes import CountedMetrics, MemoryAgreements, MemoryOutbox, MemoryWishCounts, MemoryWishes
from tests.people import ADA
from tests.reputation.doubles import MemoryOfSenders
from tests.smtp.talk import HOST, Talk

SRS = srs_of(b"c" * 32)


class Post:
    """Ada's rules, and everything they reach. `keys` sign for example.is."""

    def __init__(self, *rules: Rule, limits: ErrandLimits | None = None, **made: Any) -> None:
        self.book = MemoryWishes({ADA.mailbox_id: Standing(rules)})
        self.metrics = CountedMetrics()
        self.outbox = MemoryOutbox()
        self.counts = MemoryWishCounts()
        self.memory = MemoryOfSenders()
        self.agreements = MemoryAgreements()
        self.agreements.kept = {(ADA.mailbox_id, target) for target in targets(rules)}
        self.keys: Sequence[SigningKey] = ()
        self._limits = limits or ErrandLimits()
        self._ids = 0
        self.talk = Talk(filing=self._filing, returns=self._returns, **made)
        self.talk.add("ada@example.is", replace(ADA, wishes=1))

    def _filing(self, _talk: Talk, routes: RouteCache) -> Filing:
        forwarder = Forwarder(
            hostname=HOST,
            routes=routes,
            queue=self.outbox,
            keys=self,
            srs=SRS,
            counts=self.counts,
            agreements=self.agreements,
            limits=self._limits,
            opaque_id=self._opaque_id,
        )
        answerer = Answerer(
            queue=self.outbox, memory=self.memory, counts=self.counts, limits=self._limits, key=b"a" * 32
        )
        return Filing(book=self.book, forwarder=forwarder, answerer=answerer, metrics=self.metrics)

    def _returns(self, _talk: Talk, routes: RouteCache) -> ReturnDesk:
        return ReturnDesk(hostname=HOST, routes=routes, queue=self.outbox, srs=SRS, opaque_id=self._opaque_id)

    async def signing(self, tenant_id: int, domain: str) -> Sequence[SigningKey]:
        return self.keys if (tenant_id, domain) == (ADA.tenant_id, "example.is") else ()

    def _opaque_id(self) -> str:
        self._ids += 1
        return f"{self._ids:032x}"

    @property
    def now(self) -> datetime:
        return self.talk.now

    def waiting(self) -> list[tuple[Item, bytes]]:
        """What is in the queue, with its content."""
        return [(row.item, row.content) for row in self.outbox.items.values()]

    async def arrive(self, content: bytes, *recipients: str, sender: str = "cleo@example.no") -> str:
        """A whole transaction; its last answer."""
        client = await self.talk.greeted()
        await client.envelope(*recipients, sender=sender)
        await client.line("DATA")
        answer = await client.say(content + b".\r\n")
        await client.line("QUIT")
        return answer
