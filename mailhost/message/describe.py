"""Everything a list of messages wants to know about one, taken once, when it arrives.

In: the message.  Out: a `Description`: people, subject, date, ids, attachment names, a preview, and the three IMAP
renderings.  It is what the sealed summary is made of, so that no list view ever opens a body again.

Every field has a cap, since all of them are a stranger's to fill.  Texts are cut; lists end early; an IMAP
rendering that would be too long is None, because a part of one is worth nothing: whoever needs it opens the
message and renders it again.
"""

from typing import NamedTuple

from mailhost.message.addresslist import HeaderAddress, mailboxes, parse_address_list
from mailhost.message.bodystructure import render
from mailhost.message.charsets import visible
from mailhost.message.encodedwords import decode_words
from mailhost.message.envelope import ADDRESS_FIELDS, AddressList, envelope_of
from mailhost.message.headers import Buffer, Headers, message_ids
from mailhost.message.preview import preview
from mailhost.message.structure import Part, scan

# Characters of one display name, of one address (RFC 5321 §4.5.3.1 allows 254), of a subject and a file name.
MAX_NAME = 100
MAX_ADDRESS = 254
MAX_SUBJECT = 500
MAX_FILENAME = 150
# Longer message identifiers exist only in attacks (RFC 5322 §2.1.1 caps a line at 998 characters).
MAX_ID = 250
MAX_DATE_TEXT = 60
# Entries of each address list, identifiers in References, attachment names.
MAX_PEOPLE = 50
MAX_REFERENCES = 30
MAX_ATTACHMENTS = 30
# Bytes of one IMAP rendering.
MAX_RENDERING = 6000


class Person(NamedTuple):
    """A decoded display name (may be empty) and an address as text."""

    name: str
    address: str


class Description(NamedTuple):
    """What a message says about itself; nothing in it is verified."""

    size: int
    from_: tuple[Person, ...] = ()
    sender: tuple[Person, ...] = ()
    reply_to: tuple[Person, ...] = ()
    to: tuple[Person, ...] = ()
    cc: tuple[Person, ...] = ()
    bcc: tuple[Person, ...] = ()
    subject: str = ""
    date_text: str = ""
    message_id: str = ""  # with its angle brackets
    in_reply_to: str = ""
    references: tuple[str, ...] = ()  # oldest first; the middle is left out where there are too many
    attachments: tuple[str, ...] = ()
    preview: str = ""
    envelope: str | None = None  # ASCII, as it goes on the wire
    body: str | None = None
    bodystructure: str | None = None

    def __repr__(self) -> str:
        """Nothing of the message: a description must not end in a log."""
        return f"Description(size={self.size})"


def describe(message: Buffer) -> Description:
    """The description of a whole message."""
    root = scan(message)
    headers = root.headers
    lists: dict[bytes, AddressList] = {}
    for name in ADDRESS_FIELDS:
        value = headers.joined(name)
        lists[name] = parse_address_list(value) if value else []
    date_text = visible(decode_words((headers.first(b"date") or b"")[:MAX_RENDERING]))[:MAX_DATE_TEXT]
    rendered = render(root)
    return Description(
        size=len(message),
        from_=_people(lists[b"from"]),
        sender=_people(lists[b"sender"]),
        reply_to=_people(lists[b"reply-to"]),
        to=_people(lists[b"to"]),
        cc=_people(lists[b"cc"]),
        bcc=_people(lists[b"bcc"]),
        subject=_subject(headers),
        date_text=date_text,
        message_id=_first_id(headers, b"message-id"),
        in_reply_to=_first_id(headers, b"in-reply-to"),
        references=_references(headers),
        attachments=_attachments(root),
        preview=preview(message, root),
        envelope=_capped(envelope_of(headers, lists)),
        body=_capped(rendered.body),
        bodystructure=_capped(rendered.bodystructure),
    )


def _people(entries: AddressList) -> tuple[Person, ...]:
    if not entries:
        return ()
    return tuple([_person(entry) for entry in mailboxes(entries[:MAX_PEOPLE])[:MAX_PEOPLE]])


def _person(entry: HeaderAddress) -> Person:
    return Person(entry.display[:MAX_NAME], entry.address[:MAX_ADDRESS])


def _subject(headers: Headers) -> str:
    value = headers.first(b"subject")
    # Encoded words take at most a dozen bytes a character; more of the field is not decoded.
    return visible(decode_words(value[: MAX_SUBJECT * 12]))[:MAX_SUBJECT] if value else ""


def _first_id(headers: Headers, name: bytes) -> str:
    ids = message_ids(headers.first(name), limit=1)
    return ids[0] if ids and len(ids[0]) <= MAX_ID else ""


def _references(headers: Headers) -> tuple[str, ...]:
    """RFC 5322 §3.6.4: the first and the newest tell a thread; the middle is what a long list loses."""
    value = headers.first(b"references")
    if value is None:
        return ()
    ids = [found for found in message_ids(value, limit=1000) if len(found) <= MAX_ID]
    if len(ids) > MAX_REFERENCES:
        ids = ids[:1] + ids[1 - MAX_REFERENCES :]
    return tuple(ids)


def _attachments(root: Part) -> tuple[str, ...]:
    names: list[str] = []
    for part in root.walk():
        if part.children or len(names) >= MAX_ATTACHMENTS:
            continue
        name = part.filename
        if name:
            names.append(visible(name)[:MAX_FILENAME])
    return tuple(names)


def _capped(rendering: bytes) -> str | None:
    return rendering.decode("ascii") if len(rendering) <= MAX_RENDERING else None
