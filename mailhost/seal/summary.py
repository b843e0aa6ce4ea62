"""What a list of mails shows, in a small sealed box of its own.

A mailbox of 10,000 mails is listed without opening one body: who, what, when, how big, and the IMAP ENVELOPE,
BODY and BODYSTRUCTURE (RFC 9051 §7.5.2) as they go out on the wire. This rides in the header of the sealed file
and is opened with the file key by one symmetric operation.

In: a `Summary`. Out: JSON in UTF-8, filled with spaces to a multiple of 256 bytes so that its length does not
betray the subject, at most 16 KiB. What does not fit is cut in the order of `SHRINKING`, and `cut` names every
field that is no longer whole: who needs it whole opens the body. Parsing refuses with `CannotOpen` what has the
wrong shape, and ignores fields it does not know.

A header sealed by a *client* carries what that client claims. Only in headers made by the server are
`envelope`, `body`, `bodystructure` and `verdict` facts; never put a stranger's text on the wire.
"""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple, final

from mailhost.seal.errors import CannotOpen

MAX_SUMMARY_SIZE = 16 * 1024
STEP = 256
PREVIEW_LENGTH = 160
# Room kept for the names of the fields that were cut.
_CUT_ROOM = 256
_MAX_NUMBER = 2**63 - 1

# Cut from top to bottom until the rest fits: field, how many characters or entries of it stay.
# First the wire texts, which the body can always give again, biggest first; then what is long in hostile mails only.
SHRINKING = (
    ("bodystructure", 0),
    ("body", 0),
    ("envelope", 0),
    ("attachments", 20),
    ("references", 20),
    ("cc", 20),
    ("bcc", 20),
    ("to", 20),
    ("reply_to", 20),
    ("from", 20),
    ("subject", 1000),
    ("verdict", 1000),
    ("attachments", 0),
    ("references", 0),
    ("cc", 0),
    ("bcc", 0),
    ("reply_to", 0),
    ("sender", 0),
    ("in_reply_to", 0),
    ("to", 0),
    ("date", 0),
    ("message_id", 0),
    ("from", 0),
    ("subject", 0),
    ("verdict", 0),
    ("preview", 0),
)


class Address(NamedTuple):
    """A display name (decoded, may be empty) and an address."""

    name: str
    address: str


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Summary:
    """One message's line in a list. It has no repr of its contents: it must not end in a log."""

    size: int  # bytes of the opened message (RFC822.SIZE)
    internaldate: int  # seconds since 1970-01-01 UTC (INTERNALDATE)
    from_: tuple[Address, ...] = ()
    sender: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    subject: str = ""  # decoded
    date: str = ""  # the Date field as written
    message_id: str = ""  # with its angle brackets
    in_reply_to: str = ""
    references: tuple[str, ...] = ()  # oldest first
    attachments: tuple[str, ...] = ()  # file names, decoded
    preview: str = ""  # at most PREVIEW_LENGTH characters of text
    verdict: str = ""  # the server's Authentication-Results, without the server's name
    envelope: str | None = None  # the three wire texts: one character per byte (latin-1), None where cut
    body: str | None = None
    bodystructure: str | None = None
    cut: tuple[str, ...] = ()  # JSON names of the fields that are not whole


class Listed(NamedTuple):
    """The part of a summary that IMAP lists show; names and types as in `Summary`."""

    size: int
    internaldate: int
    preview: str
    references: tuple[str, ...]
    envelope: str | None
    body: str | None
    bodystructure: str | None


_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().decode


def encode_summary(summary: Summary) -> bytes:
    """Padded JSON, at most MAX_SUMMARY_SIZE bytes whatever the message holds."""
    fields = {
        "size": summary.size,
        "internaldate": summary.internaldate,
        "from": summary.from_,
        "sender": summary.sender,
        "reply_to": summary.reply_to,
        "to": summary.to,
        "cc": summary.cc,
        "bcc": summary.bcc,
        "subject": summary.subject,
        "date": summary.date,
        "message_id": summary.message_id,
        "in_reply_to": summary.in_reply_to,
        "references": summary.references,
        "attachments": summary.attachments,
        "preview": summary.preview[:PREVIEW_LENGTH],
        "verdict": summary.verdict,
        "envelope": summary.envelope,
        "body": summary.body,
        "bodystructure": summary.bodystructure,
        "cut": summary.cut,
    }
    fields = {name: value for name, value in fields.items() if value or value == 0}
    data = _to_bytes(fields)
    if len(data) > MAX_SUMMARY_SIZE:
        data = _to_bytes(_shrunk(fields, len(data)))
    return data.ljust(-(-len(data) // STEP) * STEP)


def _to_bytes(value: object) -> bytes:
    # A mail's author may have smuggled half a surrogate pair into a decoded word; a mail is not lost for that.
    return _encode(value).encode("utf-8", "replace")


def _shrunk(fields: dict[str, Any], size: int) -> dict[str, Any]:
    """The fields without as many of the cuttable ones as it takes, and `cut` with their names."""
    cut = list(fields.get("cut", ()))
    for name, kept in SHRINKING:
        if size <= MAX_SUMMARY_SIZE - _CUT_ROOM:
            break
        value = fields.get(name, "")
        if len(value) <= kept:
            continue
        fields[name] = value[:kept] if name != "references" else _ends(value, kept)
        size -= len(_to_bytes(value)) - len(_to_bytes(fields[name]))
        if name not in cut:
            cut.append(name)
    fields = {name: value for name, value in fields.items() if value or value == 0}
    return fields | {"cut": cut}


def _ends(references: tuple[str, ...], kept: int) -> tuple[str, ...]:
    """The thread's root and its youngest members: what threading needs most (RFC 5322 §3.6.4)."""
    return references[:1] + references[1 - kept :] if kept else ()


def decode_summary(data: bytes) -> Summary:
    """The summary in padded JSON, else `CannotOpen`."""
    get = _fields(data).get
    return Summary(
        size=_number(get("size")),
        internaldate=_number(get("internaldate")),
        from_=_addresses(get("from")),
        sender=_addresses(get("sender")),
        reply_to=_addresses(get("reply_to")),
        to=_addresses(get("to")),
        cc=_addresses(get("cc")),
        bcc=_addresses(get("bcc")),
        subject=_text(get("subject")),
        date=_text(get("date")),
        message_id=_text(get("message_id")),
        in_reply_to=_text(get("in_reply_to")),
        references=_texts(get("references")),
        attachments=_texts(get("attachments")),
        preview=_text(get("preview")),
        verdict=_text(get("verdict")),
        envelope=_text(get("envelope")) or None,
        body=_text(get("body")) or None,
        bodystructure=_text(get("bodystructure")) or None,
        cut=_texts(get("cut")),
    )


def decode_listed(data: bytes) -> Listed:
    """What lists show of the summary in padded JSON, else `CannotOpen`; the shape of the rest is not looked at."""
    get = _fields(data).get
    return Listed(
        _number(get("size")),
        _number(get("internaldate")),
        _text(get("preview")),
        _texts(get("references")),
        _text(get("envelope")) or None,
        _text(get("body")) or None,
        _text(get("bodystructure")) or None,
    )


def _fields(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_SUMMARY_SIZE:
        raise CannotOpen
    try:
        fields = _decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise CannotOpen from None
    if type(fields) is not dict:
        raise CannotOpen
    return fields


def _number(value: object) -> int:
    # A bool is an int to isinstance, so the type itself is asked.
    if type(value) is not int or not -_MAX_NUMBER <= value <= _MAX_NUMBER:
        raise CannotOpen
    return value


def _text(value: object) -> str:
    if value is None:
        return ""
    if type(value) is not str:
        raise CannotOpen
    return value


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if type(value) is not list or not all(type(text) is str for text in value):
        raise CannotOpen
    return tuple(value)


def _addresses(value: object) -> tuple[Address, ...]:
    if value is None:
        return ()
    if type(value) is not list:
        raise CannotOpen
    found = []
    for pair in value:
        if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str or type(pair[1]) is not str:
            raise CannotOpen
        found.append(Address(pair[0], pair[1]))
    return tuple(found)
