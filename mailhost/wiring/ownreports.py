"""Reports of the cell's own, on their way into the outbound queue: who they are from, and how they are handed in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from mailhost.adapters.database import Readers
from mailhost.adapters.directory import DatabaseDirectory
from mailhost.message.address import Address, parse_address
from mailhost.outbox import Forward, Outgoing, Queue, TlsNeed
from mailhost.reports.reportletter import Submitter
from mailhost.routing import RouteCache, Routes


@dataclass(frozen=True, slots=True)
class Reporter:
    """The cell's postmaster, in whose name reports leave, and whose tenant's policy decides where they may go."""

    submitter: Submitter
    tenant_id: int
    mailbox_id: int

    async def hand_in(
        self, queue: Queue, to: Address, content: bytes, *, word: str, tls: TlsNeed = TlsNeed.ORDINARY, now: datetime
    ) -> None:
        """Queue a report; `word` is the one in it. Raises StoreFull, StoreUnavailable."""
        await queue.put(
            Outgoing(
                opaque_id=word,
                tenant_id=self.tenant_id,
                mailbox_id=self.mailbox_id,
                sender="",
                author=self.submitter.contact,
                recipients=(Forward(str(to), to.domain),),
                content=content,
                tls=tls,
            ),
            now=now,
        )


async def reporter(readers: Readers, hostname: str) -> Reporter | None:
    """Who answers for the cell: the postmaster of its oldest domain, None while nobody does."""
    directory = DatabaseDirectory(readers)
    domain = await directory.first_domain()
    if domain is None:
        return None
    contact = f"postmaster@{domain}"
    found = await RouteCache(directory, time.monotonic).resolve(parse_address(contact))
    if not isinstance(found, Routes) or not found.routes:
        return None
    return Reporter(Submitter(hostname, contact), found.routes[0].tenant_id, found.routes[0].mailbox_id)
