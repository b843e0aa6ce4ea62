"""May it leave, and if not, what becomes of it: the egress decision carried out for each recipient of an item.

In: an item and the hosts of its destination. Out: shares, each a part of the recipients with what is to be done about
them. A message may be handed to any host of its destination (a backup hands it on to the first), so one answer holds
for all hosts together. What the answer keeps here goes back to its author (`outbound.held`) or waits behind a link
(`outbound.securelinks`); both are durable before the share says so.

An author may have agreed to readable mail for some of the readers (`mailhost.consents`): their share goes, the rest is
kept. An author may ask for a link where nothing forbids the mail: then nobody needs to be asked. A message that only
its reader can open goes as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from mailhost.consents import Consents
from mailhost.outbound.held import Held, Kept
from mailhost.outbound.mxwalk import Target
from mailhost.outbound.securelinks import Linked, SecureLinks
from mailhost.outbound.transport import Decider, Permission, Verdict
from mailhost.outbox import Forward, Item, Passing
from mailhost.ports import Metrics

type Asked = dict[tuple[int, tuple[Target, ...], bool, bool, bool, bool, bool], Permission]

ASKED_FOR: Final = "You asked for it to stay here."


@dataclass(frozen=True, slots=True)
class Share:
    """Some recipients of an item: they `go`, or it ends here for `reason` with `more` sentences about it, or, where it
    waits, it is looked at again later. Without reason and not going, their author knows already."""

    recipients: tuple[Forward, ...]
    goes: bool = False
    waits: bool = False
    reason: str = ""
    more: str = ""


class Leaving:
    """Asks, and keeps what must stay. Holds no state of its own; `asked` is the memory of one claim."""

    def __init__(
        self,
        *,
        decider: Decider,
        consents: Consents,
        held: Held,
        links: SecureLinks,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._decider = decider
        self._consents = consents
        self._held = held
        self._links = links
        self._metrics = metrics
        self._now = now

    async def shares(self, item: Item, targets: Sequence[Target], asked: Asked) -> tuple[Share, ...]:
        """What becomes of each recipient. Raises StoreUnavailable, StoreFull."""
        if item.link and not (item.sealed or item.note):
            return (await self._link(item, ASKED_FOR),)
        found = await self.ask(item, targets, asked, secure=True)
        if found.verdict is Verdict.ALLOW:
            return (Share(item.recipients, goes=True),)
        agreed = await self._agreed(item, targets, asked)
        rest = tuple(forward for forward in item.recipients if forward not in agreed)
        shares = (Share(agreed, goes=True),) if agreed else ()
        return (*shares, await self._share(replace(item, recipients=rest), found)) if rest else shares

    async def _agreed(self, item: Item, targets: Sequence[Target], asked: Asked) -> tuple[Forward, ...]:
        """Recipients for whom the author's standing consent lets it go. What is passed on, somebody else wrote."""
        if item.passing is not Passing.NO or item.note:
            return ()
        today = self._now().astimezone(UTC).date()
        names = [forward.address for forward in item.recipients]
        given = await self._consents.given(item.mailbox_id, names, today=today)
        if not given:
            return ()
        found = await self.ask(item, targets, asked, secure=True, standing=True)
        if found.verdict is not Verdict.ALLOW:
            return ()
        return tuple(forward for forward in item.recipients if forward.address in given)

    async def ask(
        self, item: Item, targets: Sequence[Target], asked: Asked, *, secure: bool, standing: bool = False
    ) -> Permission:
        """The decision about an item, made once for each question. Raises StoreUnavailable."""
        key = (item.tenant_id, tuple(targets), secure, item.sealed, item.consent, item.note, standing)
        if key not in asked:
            asked[key] = await self._decider.may_leave(
                item.tenant_id,
                item.recipients[0].domain,
                targets,
                secure=secure,
                sealed=item.sealed,
                consent=item.consent,
                note=item.note,
                standing=standing,
                now=self._now(),
            )
        return asked[key]

    async def _share(self, item: Item, found: Permission) -> Share:
        match found.verdict:
            case Verdict.DENY:
                return Share(item.recipients, reason="egress_denied", more=found.said)
            case Verdict.HOLD | Verdict.LINK if item.passing is not Passing.NO:
                # What is passed on has no author here to decide or to be told words: its mailbox keeps it.
                return Share(item.recipients, reason="egress_held", more=found.said)
            case Verdict.HOLD:
                return await self._hold(item, found.said)
            case Verdict.LINK:
                return await self._link(item, found.said)
            case Verdict.ALLOW:
                return Share(item.recipients, goes=True)

    async def _hold(self, item: Item, said: str) -> Share:
        match await self._held.keep(item, said):
            case Kept.LATER:
                return Share(item.recipients, waits=True, reason="held_waits")
            case Kept.NOWHERE:
                return Share(item.recipients, reason="egress_not_kept", more=said)
            case Kept.KEPT:
                self._metrics.count("queue_attempts", "held")
                return Share(item.recipients, reason="egress_held", more=said)

    async def _link(self, item: Item, said: str) -> Share:
        match await self._links.make(item, said):
            case Linked.LATER:
                return Share(item.recipients, waits=True, reason="link_waits")
            case Linked.NOWHERE:
                # Nobody could be told the words; the author's folder takes what has no sender to tell them.
                return await self._hold(item, said)
            case Linked.LINKED:
                self._metrics.count("queue_attempts", "linked")
                return Share(item.recipients)
