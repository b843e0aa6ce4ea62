"""What a mail program hands in, made fit to leave: RFC 6409 §8 and what our users must not give away.

In: the message as it was submitted.  Out: the same without the fields that name blind copies, the author's machine
or the author's program, and with the Date and Message-ID that every message has (RFC 5322 §3.6).  Nothing else is
touched, so a message that the client signed or sealed stays what it was.

Received fields that are in it already stay: they are how a loop between two hosts is seen.  Never raises.
"""

import re
from datetime import datetime

from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.addresslist import mailboxes, parse_address_list
from mailhost.message.dates import format_date
from mailhost.message.headers import Headers, read_headers, with_fields, without_fields

# RFC 5322 §3.6.3: blind copies are for the sender's eyes. The others say where and with what the author writes.
REMOVED = frozenset(
    {
        b"bcc",
        b"resent-bcc",
        b"return-path",
        b"user-agent",
        b"x-mailer",
        b"x-mimeole",
        b"x-originating-ip",
        b"x-originating-client",
        b"x-client-ip",
        b"x-sender-ip",
        b"x-source-ip",
        b"x-originating-hostname",
        # What `outbound.held` wrote on a copy that is sent again.
        b"skerry-held",
        b"skerry-held-because",
    }
)
_HAS_ID = re.compile(rb"<[^<>\s]+>")


def prepared(content: bytes | bytearray, *, message_id: str, date: datetime) -> bytes:
    """The message as it leaves; `message_id` (without brackets) and `date` are used where it has none."""
    headers = read_headers(content)
    cleaned = without_fields(content, REMOVED) if headers.has_any(REMOVED) else bytes(content)
    missing = []
    if not headers.has_any({b"date"}):
        missing.append(b"Date: %b\r\n" % format_date(date).encode())
    if not _HAS_ID.search(headers.first(b"message-id") or b""):
        cleaned = without_fields(cleaned, {b"message-id"})
        missing.append(b"Message-ID: <%b>\r\n" % message_id.encode())
    return with_fields(cleaned, *missing) if missing else cleaned


def authors(headers: Headers, field: bytes) -> tuple[Address, ...] | None:
    """The addresses of an originator field; None where one of them is no address, () where the field is missing."""
    value = headers.joined(field)
    if value is None:
        return ()
    found = []
    for one in mailboxes(parse_address_list(value)):
        try:
            found.append(parse_address(one.address))
        except BadAddress:
            return None
    return tuple(found)
