"""IMAP ENVELOPE: ten fields of a header that let a client draw a list (RFC 9051 §7.5.2, RFC 3501 §7.4.2).

    ("Thu, 2 Jan 2025 10:00:00 +0000" "Hello" ((NIL NIL "ada" "example.is")) … NIL "<1@example.is>")

In: the header fields of a message.  Out: the bytes between `ENVELOPE ` and the next item.  Values are sent as
they stand in the header, with their encoded words; only what cannot be sent as it is gets changed
(`imapstrings`).  A missing From gives NIL, and Sender and Reply-To follow From where they are absent or empty.
An address without a domain gets an empty host, never NIL: a NIL host would start or end a group.
"""

import re

from mailhost.message.address import BadAddress, normal_domain
from mailhost.message.addresslist import Group, HeaderAddress, parse_address_list
from mailhost.message.headers import Headers
from mailhost.message.imapstrings import identifier, string, text

type AddressList = list[HeaderAddress | Group]

# RFC 9051 §7.5.2, in the order of the ENVELOPE.
ADDRESS_FIELDS = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")

_PLAIN_MAILBOX = re.compile(rb"[!#-\[\]-~]{1,256}+\Z").match


def envelope(headers: Headers, *, utf8: bool = False) -> bytes:
    """The ENVELOPE of one header block."""
    lists = {name: parse_address_list(value) if (value := headers.joined(name)) else [] for name in ADDRESS_FIELDS}
    return envelope_of(headers, lists, utf8=utf8)


def envelope_of(headers: Headers, lists: dict[bytes, AddressList], *, utf8: bool = False) -> bytes:
    """The ENVELOPE of a header whose address fields are already parsed, by lower-case field name."""
    sender = address_list(lists[b"from"], utf8=utf8)
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        identifier(headers.first(b"date")),
        text(headers.first(b"subject"), utf8=utf8),
        sender,
        # RFC 9051 §7.5.2: an absent or empty Sender or Reply-To is the same as From.
        address_list(lists[b"sender"], utf8=utf8) if lists[b"sender"] else sender,
        address_list(lists[b"reply-to"], utf8=utf8) if lists[b"reply-to"] else sender,
        address_list(lists[b"to"], utf8=utf8),
        address_list(lists[b"cc"], utf8=utf8),
        address_list(lists[b"bcc"], utf8=utf8),
        identifier(headers.first(b"in-reply-to")),
        identifier(headers.first(b"message-id")),
    )


def address_list(entries: AddressList, *, utf8: bool = False) -> bytes:
    """A parenthesised list of address structures, or NIL."""
    if not entries:
        return b"NIL"
    out: list[bytes] = []
    for entry in entries:
        if isinstance(entry, Group):
            # RFC 9051 §7.5.2: a NIL host starts a group, NIL mailbox and host end it.
            out.append(b"(NIL NIL %b NIL)" % text(entry.name, utf8=utf8))
            out.extend(_address(member, utf8=utf8) for member in entry.members)
            out.append(b"(NIL NIL NIL NIL)")
        else:
            out.append(_address(entry, utf8=utf8))
    return b"(%b)" % b"".join(out)


def _address(entry: HeaderAddress, *, utf8: bool) -> bytes:
    local, domain = entry.local, entry.domain
    name = b"NIL" if entry.name is None else text(entry.name, utf8=utf8)
    if entry.route is None and _PLAIN_MAILBOX(local) and _PLAIN_MAILBOX(domain):
        return b'(%b NIL "%b" "%b")' % (name, local, domain)
    return b"(%b %b %b %b)" % (name, identifier(entry.route), text(local, utf8=utf8), _host(domain, utf8=utf8))


def _host(domain: bytes, *, utf8: bool) -> bytes:
    """An internationalised domain as A-labels for a 7-bit client (RFC 6532 meets RFC 5890)."""
    if utf8 or domain.isascii():
        return text(domain, utf8=utf8)
    try:
        return string(normal_domain(domain.decode("utf-8")).encode("ascii"))
    except (UnicodeDecodeError, BadAddress):
        return identifier(domain)
