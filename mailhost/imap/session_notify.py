"""The verb NOTIFY, and the telling of its news (RFC 5465)."""

from __future__ import annotations

from mailhost.imap.commands_notify import FOLDER_EVENTS, MESSAGE_EVENTS, METADATA_EVENTS, Notify
from mailhost.imap.conversation import Conversation, Reply, no, ok
from mailhost.imap.fetch import Fetcher, plan
from mailhost.imap.listing import status_line
from mailhost.imap.notify import Notifier, Words
from mailhost.imap.store import StoreError


async def notify(conv: Conversation, command: Notify) -> Reply:
    """NOTIFY: replaces what was asked before. NOTIFY NONE asks for no news at all."""
    supported = (*MESSAGE_EVENTS, *FOLDER_EVENTS, *(METADATA_EVENTS if conv.keeps_metadata else ()))
    asked = frozenset().union(*(group.events for group in command.groups))
    if command.unknown or not asked <= frozenset(supported):
        # RFC 5465 §3.1.
        return no("One of these events is not known here", f"BADEVENT ({' '.join(supported)})".encode("ascii"))
    # RFC 5465 §3.1: what has gathered until now is told first, as by NOOP.
    await conv.tell(expunges=True, ask=True)
    await conv.stop_notifying()
    notifier = Notifier(conv.here, command.groups, conv.wake)
    try:
        watched = await notifier.start()
    except StoreError:
        await notifier.close()
        raise
    conv.notifier = notifier
    if command.status:
        for each in watched:
            items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY", *(["HIGHESTMODSEQ"] if each.flags else [])]
            if each.info.name != conv.selected_name:
                conv.out.write(status_line(conv, each.info, items))
    return ok("Noted")


async def fetch_new(conv: Conversation) -> None:
    """FETCH what the client wants to know of new messages in the selected mailbox (RFC 5465 §5.2)."""
    notifier, selected = conv.notifier, conv.selected
    if notifier is None or selected is None or notifier.selected is None:
        return
    ranges = selected.take_new()
    if ranges and notifier.selected.items:
        what = plan(notifier.selected.items, uid=not conv.uidonly, modseq=conv.condstore)
        what.sets_seen = False
        await Fetcher(conv, selected, what).run(ranges)


async def news(conv: Conversation, *, look: bool) -> None:
    """Tell what happened in mailboxes that are not selected, and show new messages of the one that is."""
    await fetch_new(conv)
    notifier = conv.notifier
    if notifier is None:
        return
    words = Words(utf8=conv.utf8, condstore=conv.condstore)
    try:
        for name in notifier.changed_names(conv.selected_name):
            found = await notifier.news_of(name, words)
            if found is not None:
                conv.out.write(status_line(conv, *found))
        if look:
            await conv.write_all(await notifier.look(words))
    except StoreError:
        # RFC 5465 §5.8: nothing more can be promised; the client has to ask again.
        await conv.stop_notifying()
        conv.untagged(b"OK [NOTIFICATIONOVERFLOW] News cannot be had now; ask for them again")
