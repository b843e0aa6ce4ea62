"""APPEND and REPLACE: messages from the client into a folder, durable before the answer (RFC 9051 §6.3.12)."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.imap.binary_append import without_nul
from mailhost.imap.commands_folders import Append, AppendMessage
from mailhost.imap.commands_messages import Replace
from mailhost.imap.conversation import Conversation, Reply, bad, no, ok
from mailhost.imap.sequence import count, format_set
from mailhost.imap.session_messages import READ_ONLY, canonical_flags
from mailhost.imap.store import CannotDo, NewMessage, NoSuchFolder
from mailhost.imap.tokens import BadCommand


async def append(conv: Conversation, command: Append) -> Reply:
    """APPEND. All messages of one command are stored or none (RFC 3502)."""
    if len(command.messages) > 1 and not conv.offers("MULTIAPPEND"):
        return bad("One message at a time")
    name = conv.name(command.mailbox)
    messages = _new_messages(conv, name, command.messages)
    try:
        uidvalidity, uids = await conv.here.append(name, messages, now=conv.clock(), claim_recent=_claims(conv, name))
    except NoSuchFolder as error:
        # RFC 9051 §6.3.12: the client may create it and try again.
        return no(error.text, b"TRYCREATE")
    conv.metrics.count("append", len(uids))
    if conv.selected is not None and conv.selected.folder.name == name:
        conv.selected.stale = True
        conv.selected.own.update(uids)
    return ok("Appended", b"APPENDUID %d %b" % (uidvalidity, format_set(uids)))


def _claims(conv: Conversation, name: str) -> bool:
    selected = conv.selected
    return selected is not None and selected.folder.name == name and not selected.read_only


def _new_messages(conv: Conversation, name: str, messages: Sequence[AppendMessage]) -> list[NewMessage]:
    selected = conv.selected
    keywords = selected.keywords if selected is not None and selected.folder.name == name else ()
    result = []
    for message in messages:
        if not message.content:
            # RFC 3502 §6.3.11: an empty literal cancels the command; alone it is no message either.
            raise CannotDo("An empty message cannot be kept")
        if len(message.content) > conv.here.view.append_limit:
            raise CannotDo("The message is larger than this mailbox takes", "TOOBIG")
        if message.utf8 and not conv.utf8:
            # RFC 6855 §4.
            raise BadCommand("UTF8 needs ENABLE UTF8=ACCEPT")
        flags = tuple(canonical_flags(message.flags, keywords))
        result.append(NewMessage(without_nul(message.content), flags, message.date))
    return result


async def replace(conv: Conversation, command: Replace) -> Reply:
    """REPLACE: one step of the store, so that nobody ever sees both messages or neither (RFC 8508 §3.4)."""
    selected = conv.folder
    if selected.read_only:
        return READ_ONLY
    ranges = conv.resolve(command.sequence, uid=command.uid)
    if count(ranges) != 1:
        return no("There is no such message", b"NONEXISTENT")
    (old,) = selected.uids_of(ranges)
    name = conv.name(command.append.mailbox)
    (message,) = _new_messages(conv, name, command.append.messages)
    try:
        uidvalidity, uid = await conv.here.replace(selected.folder.folder_id, old, name, message, now=conv.clock())
    except NoSuchFolder as error:
        return no(error.text, b"TRYCREATE")
    # RFC 8508 §3.2: APPENDUID is told before the old message's EXPUNGE.
    conv.untagged(b"OK [APPENDUID %d %d] The new message is kept" % (uidvalidity, uid))
    await conv.tell(expunges=True, ask=True, own=True)
    return ok("Replaced")
