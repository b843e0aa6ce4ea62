"""An answer that somebody wrote on the page of a secure link, as a message for the mailbox it answers.

In: who answers, what they wrote, files. Out: a complete message (RFC 5322 §3.6). Whoever knows the link's words can
write here, and that is all that is known of them, so the message says it where every mail program shows it: in the
name beside the address, and as the first line. What a stranger typed cannot end a field or a part.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTPUTF8

from mailhost.message.charsets import visible
from mailhost.message.dates import format_date

MAX_SUBJECT = 300
MAX_FILE_NAME = 100
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,40}/[a-z0-9][a-z0-9.+-]{0,80}")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
# A part that claims to be a message or a multipart would be taken apart by whoever reads it.
_OPAQUE = "application/octet-stream"


@dataclass(frozen=True, slots=True, repr=False)
class SentFile:
    """A file with the name and type its sender's browser gave it."""

    name: str
    type: str
    content: bytes


def answer(
    *,
    reader: str,
    to: str,
    subject: str,
    text: str,
    files: Sequence[SentFile],
    reference: str,
    message_id: str,
    answers: str,
    now: datetime,
) -> bytes:
    """`reader` is whom the link was made for, `answers` the Message-ID of what they answer, "" if it had none."""
    made = EmailMessage(policy=SMTPUTF8)
    made["From"] = f'"{reader.replace(chr(92), "").replace(chr(34), "")} by link {reference}" <{reader}>'
    made["To"] = f"<{to}>"
    made["Subject"] = visible(subject)[:MAX_SUBJECT] or f"Answer by link {reference}"
    made["Date"] = format_date(now)
    made["Message-ID"] = f"<{message_id}>"
    if _MESSAGE_ID.fullmatch(answers):
        made["In-Reply-To"] = made["References"] = answers
    said = f"[Written on the page of link {reference}, by somebody who knows its seven words.]"
    made.set_content(f"{said}\n\n{_lines(text)}\n", cte="base64")
    for file in files:
        kind, _, sub = _kind(file.type).partition("/")
        name = visible(file.name).replace("/", "").replace(chr(92), "")[:MAX_FILE_NAME]
        made.add_attachment(file.content, maintype=kind, subtype=sub, filename=name or "file")
    return made.as_bytes(policy=SMTPUTF8)


def _kind(type_: str) -> str:
    kind = type_.lower().partition(";")[0].strip()
    if not _TYPE.fullmatch(kind) or kind.startswith(("message/", "multipart/")):
        return _OPAQUE
    return kind


def _lines(text: str) -> str:
    """The text without half characters and with one kind of line end."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return "\n".join(whole.splitlines()).replace("\0", "")
