"""Forwarded mail that could not leave stays: with the owner who wanted it forwarded, and nobody else hears of it.

The egress decision holds or refuses it, its host refuses it, or five days pass. The first sender is told nothing: to
them the message has arrived, and where its reader forwards mail is the reader's own affair. Where the mailbox kept a
copy, that is all; where it kept none, the message is delivered to it now, with two fields on top that say why. The
owner sees on the page of filters how often it happened, and for what reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from mailhost.message.fates import Fate
from mailhost.outbound.held import Held, Kept
from mailhost.outbox import Item, Passing
from mailhost.ports import INBOX, WishCounts


class Stayed:
    """What dispatch does at the end of a forward instead of writing a notice."""

    def __init__(self, *, held: Held, counts: WishCounts, now: Callable[[], datetime]) -> None:
        self._held = held
        self._counts = counts
        self._now = now

    async def ended(self, item: Item, fates: Sequence[Fate]) -> bool:
        """Keep what is kept nowhere else. False: not now, try again. Raises StoreUnavailable."""
        failed = [fate for fate in fates if fate.action == "failed"]
        if not failed:
            return True
        if item.passing is Passing.ONLY:
            kept = await self._held.keep(item, failed[0].why, folder=INBOX, field="Skerry-Not-Forwarded")
            if kept is Kept.LATER:
                return False
        for fate in failed:
            await self._counts.note(item.mailbox_id, fate.reason, now=self._now())
        return True
