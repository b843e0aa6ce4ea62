"""Notices about mail that could not be delivered, or not yet: delivery status notifications (RFC 3464, RFC 6522).

In: what was sent, to whom, and what became of each recipient.  Out: a complete message of three parts: sentences for
a person, the same facts for a program, and the header of the original.  Never its body: whoever cannot be reached
by the message must not be reached by a copy of it either, and a notice of 50 MiB helps nobody.

Words of other hosts stand in it as one line of printable ASCII.  The envelope sender of a notice is the null path, so
nothing ever answers it (RFC 5321 §6.1).
"""

import re
from collections.abc import Sequence
from datetime import datetime

from mailhost.message.dates import format_date
from mailhost.message.encodedwords import encode_words
from mailhost.message.fates import SUBJECTS, Fate, chief, clean, for_people
from mailhost.message.headers import Buffer, header_end, searchable
from mailhost.message.letter import Say, english

_HEX = re.compile(r"\+([0-9A-F]{2})")
# Of the original header this much is given back; a longer one is cut at a line end.
MAX_HEADER = 32 * 1024


def notice(
    *,
    to: str,
    hostname: str,
    domain: str,
    message_id: str,
    boundary: str,
    now: datetime,
    queued: datetime,
    fates: Sequence[Fate],
    original: Buffer,
    envid: str = "",
    gives_up: datetime | None = None,
    say: Say = english,
) -> bytes:
    """The notice to the author `to`.  `boundary` must not occur in the original: give random letters.  `say` gives the
    sentences of the author's language; what programs read is the same in all."""
    subject = encode_words(say(SUBJECTS[chief(fates)])).decode("ascii").replace("?= =?", "?=\r\n =?")
    utf8 = not all(text.isascii() for text in (to, *(fate.recipient for fate in fates)))
    lines = [
        f"From: Mail delivery <postmaster@{domain}>",
        f"To: <{to}>",
        f"Subject: {subject}",
        f"Date: {format_date(now)}",
        f"Message-ID: <{message_id}>",
        # RFC 3834 §5: no autoresponder answers this.
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f'\tboundary="{boundary}"',
        # RFC 2045 §6.4: who holds parts of eight bits says so.
        "Content-Transfer-Encoding: 8bit",
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        *for_people(fates, hostname, gives_up, say),
        f"--{boundary}",
        f"Content-Type: message/{'global-' if utf8 else ''}delivery-status",
        # RFC 6533 §4: addresses beyond ASCII stand in it as they are; else it must be 7bit (RFC 3464 §2.1).
        *(["Content-Transfer-Encoding: 8bit"] if utf8 else []),
        "",
        *_for_programs(fates, hostname, queued, envid, gives_up),
        f"--{boundary}",
        # RFC 6522 §4: headers alone; RFC 6533 §6 for those with UTF-8 in them.
        f"Content-Type: {'message/global-headers' if utf8 else 'text/rfc822-headers'}",
        "Content-Transfer-Encoding: 8bit",
        "",
    ]
    return "\r\n".join([*lines, ""]).encode() + _header(original) + f"\r\n--{boundary}--\r\n".encode()


def _for_programs(
    fates: Sequence[Fate], hostname: str, queued: datetime, envid: str, gives_up: datetime | None
) -> list[str]:
    lines = [f"Reporting-MTA: dns; {hostname}"]
    if envid:
        lines.append(f"Original-Envelope-Id: {clean(plain(envid))}")
    lines.append(f"Arrival-Date: {format_date(queued)}")
    for fate in fates:
        lines.append("")
        if fate.original:
            kind, _, value = fate.original.partition(";")
            lines.append(f"Original-Recipient: {clean(kind)}; {clean(plain(value))}")
        # RFC 6533 §3: an address beyond ASCII has a type of its own.
        lines.append(f"Final-Recipient: {'rfc822' if fate.recipient.isascii() else 'utf-8'}; {fate.recipient}")
        lines += [f"Action: {fate.action}", f"Status: {fate.status}"]
        if fate.host:
            lines.append(f"Remote-MTA: dns; {clean(fate.host)}")
        if fate.said:
            lines.append(f"Diagnostic-Code: smtp; {clean(fate.said)}")
        if gives_up is not None and fate.action == "delayed":
            lines.append(f"Will-Retry-Until: {format_date(gives_up)}")
    return [*lines, ""]


def plain(xtext: str) -> str:
    """What an xtext stands for (RFC 3461 §4): the commands of SMTP need it, the fields of a notice do not."""
    return _HEX.sub(lambda found: chr(int(found[1], 16)), xtext)


def _header(original: Buffer) -> bytes:
    data = searchable(original)
    end = header_end(data)
    block = bytes(data[: min(end, MAX_HEADER)])
    if end > MAX_HEADER:
        block = block[: block.rfind(b"\n") + 1]
    return block.rstrip(b"\r\n") + b"\r\n"
