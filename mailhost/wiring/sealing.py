"""Sealing what comes in clear from its owner: a client's APPEND, an import. As a delivery, but without trace fields."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from datetime import datetime
from typing import Any

from mailhost.deliver import LARGE, summarise
from mailhost.message.describe import describe
from mailhost.outcomes import NO_VERDICT
from mailhost.seal import HybridRecipient, Sealed, seal

# Threads that describe and seal large messages; the cores are few and the work holds them fully.
SEALING_THREADS = 2


def sealing_on(executor: Executor) -> Callable[..., Coroutine[Any, Any, Sealed]]:
    """`adapters.imapstore.sealer.SealTo` that does large messages in threads of `executor`."""

    def work(recipient: HybridRecipient, content: bytes | bytearray | memoryview, moment: datetime) -> Sealed:
        summary = summarise(describe(content), 0, NO_VERDICT, moment)
        return seal(recipient, content, summary)

    async def seal_to(recipient: HybridRecipient, content: bytes | bytearray | memoryview, moment: datetime) -> Sealed:
        if len(content) <= LARGE:
            return work(recipient, content, moment)
        return await asyncio.get_running_loop().run_in_executor(executor, work, recipient, content, moment)

    return seal_to
