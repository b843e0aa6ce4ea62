"""METADATA: annotations on mailboxes and on the account (RFC 5464), where the store keeps them.

Names and values of annotations are kept in clear like folder names; nothing of a message belongs there.
"""

from __future__ import annotations

import re
from typing import cast

from mailhost.imap.commands_metadata import GetMetadata, SetMetadata
from mailhost.imap.conversation import Conversation, Reply, no, ok
from mailhost.imap.names import encode_name
from mailhost.imap.store import KeepsMetadata, TooMany
from mailhost.message.imapstrings import string

# Octets of one value: a signature or a colour, not a document.
MAX_VALUE = 16 * 1024
_QUOTABLE = re.compile(rb"[\x20-\x7e]{0,1000}")


def _keeper(conv: Conversation) -> KeepsMetadata:
    """The account as a keeper of annotations; the commands exist only where it is one."""
    return cast("KeepsMetadata", conv.account)


async def get_metadata(conv: Conversation, command: GetMetadata) -> Reply:
    """GETMETADATA."""
    name = await _mailbox(conv, command.mailbox)
    kept = (await _keeper(conv).metadata()).get(name, {})
    asked = [entry for entry in sorted(kept) if any(_covers(each, entry, command.depth) for each in command.entries)]
    limit = command.max_size
    longest = 0
    told = []
    for entry in asked:
        value = kept[entry]
        if limit is not None and len(value) > limit:
            longest = max(longest, len(value))
        else:
            told.append(b"%b %b" % (entry.encode("ascii"), _value(value)))
    if told:
        conv.untagged(b"METADATA %b (%b)" % (encode_name(name, utf8=conv.utf8), b" ".join(told)))
    # RFC 5464 §4.2.1.
    return ok("Told", b"METADATA LONGENTRIES %d" % longest if longest else b"")


async def _mailbox(conv: Conversation, wire: bytes) -> str:
    if not wire:
        return ""
    return (await conv.here.folder(conv.name(wire))).name


def _covers(asked: str, entry: str, depth: int) -> bool:
    """RFC 5464 §4.2.2: the entry itself, and what is below it down to `depth`."""
    if entry == asked:
        return True
    return entry.startswith(asked + "/") and entry.count("/", len(asked)) <= depth


def _value(value: bytes) -> bytes:
    if _QUOTABLE.fullmatch(value):
        return string(value)
    return b"%b{%d}\r\n%b" % (b"~" if b"\0" in value else b"", len(value), value)


async def set_metadata(conv: Conversation, command: SetMetadata) -> Reply:
    """SETMETADATA: all changes or none."""
    name = await _mailbox(conv, command.mailbox)
    if any(value is not None and len(value) > MAX_VALUE for _entry, value in command.changes):
        return no("A value is too large", b"METADATA MAXSIZE %d" % MAX_VALUE)
    try:
        await _keeper(conv).set_metadata(name, dict(command.changes))
    except TooMany as error:
        return no(error.text, b"METADATA TOOMANY")
    return ok("Set")
