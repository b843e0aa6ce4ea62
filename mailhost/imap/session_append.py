"""APPEND: messages from the client into a folder, durable before the answer (RFC 9051 §6.3.12)."""

from __future__ import annotations

from mailhost.imap import commands_folders as commands
from mailhost.imap.conversation import Conversation, Reply, bad, no, ok
from mailhost.imap.sequence import format_set
from mailhost.imap.session_messages import canonical_flags
from mailhost.imap.store import NewMessage, NoSuchFolder


async def append(conv: Conversation, command: commands.Append) -> Reply:
    """APPEND. All messages of one command are stored or none (RFC 3502)."""
    if len(command.messages) > 1 and not conv.offers("MULTIAPPEND"):
        return bad("One message at a time")
    name = conv.name(command.mailbox)
    keywords = conv.selected.keywords if conv.selected is not None and conv.selected.folder.name == name else ()
    messages = []
    for message in command.messages:
        if not message.content:
            # RFC 3502 §6.3.11: an empty literal cancels; alone it is no message either.
            return no("An empty message cannot be kept", b"CANNOT")
        flags = tuple(canonical_flags(message.flags, keywords))
        messages.append(NewMessage(message.content, flags, message.date))
    try:
        uidvalidity, uids = await conv.here.append(name, messages, now=conv.clock())
    except NoSuchFolder as error:
        # RFC 9051 §6.3.12: the client may create it and try again.
        return no(error.text, b"TRYCREATE")
    conv.metrics.count("append", len(uids))
    if conv.selected is not None and conv.selected.folder.name == name:
        await conv.tell(expunges=True, ask=True)
    return ok("Appended", b"APPENDUID %d %b" % (uidvalidity, format_set(uids)))
