"""What imapd counts reaches the cell's metrics."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from mailhost.wiring import imapd
from mailhost.wiring.imapd import ImapEvents
from tests.fakes import CountedMetrics


def test_what_was_counted_is_handed_on_once() -> None:
    metrics = CountedMetrics()
    events = ImapEvents(metrics)
    for _ in range(3):
        events.count("login")
    events.count("append", 500)
    assert not metrics.counts
    events.hand_on()
    events.hand_on()
    assert metrics.counts == {("imap_events", "login"): 3, ("imap_events", "append"): 500}


async def test_it_is_handed_on_again_and_again_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imapd, "HAND_ON", 0.0)
    metrics = CountedMetrics()
    events = ImapEvents(metrics)
    telling = asyncio.create_task(events.keep_handing_on())
    events.count("login")
    for _ in range(10):
        await asyncio.sleep(0)
    assert metrics.counts == {("imap_events", "login"): 1}
    events.count("login")
    telling.cancel()
    with suppress(asyncio.CancelledError):
        await telling
    assert metrics.counts == {("imap_events", "login"): 2}
