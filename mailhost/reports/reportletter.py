"""The mail that carries a report of ours to another domain: a sentence for people, an attachment for programs.

The message is a report and no letter: it goes out with the null sender, so that nobody answers it, and it is in the
name of the postmaster of a domain hosted here, whose keys sign it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mailhost.message.dates import format_date


@dataclass(frozen=True, slots=True)
class Submitter:
    """Who reports: the cell's host name and the address of its postmaster."""

    hostname: str
    contact: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A packed report: its type, the name of its file, its octets."""

    kind: str
    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Wording:
    """What is special to a kind of report: subject, further header fields, the type of the whole, the sentence."""

    subject: str
    fields: Sequence[str]
    container: str
    sentence: str


def letter(
    submitter: Submitter, to: str, wording: Wording, attachment: Attachment, *, word: str, now: datetime
) -> bytes:
    """The whole message. `word` is 32 letters that no report can foresee."""
    packed = base64.encodebytes(attachment.data).replace(b"\n", b"\r\n")
    lines = [
        f"From: <{submitter.contact}>",
        f"To: <{to}>",
        f"Subject: {wording.subject}",
        f"Date: {format_date(now)}",
        f"Message-ID: <{word}@{submitter.contact.rpartition('@')[2]}>",
        *wording.fields,
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f"Content-Type: {wording.container};",
        f'\tboundary="={word}"',
        "",
        f"--={word}",
        "Content-Type: text/plain; charset=utf-8",
        "",
        wording.sentence,
        "",
        f"--={word}",
        f"Content-Type: {attachment.kind}",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment;",
        f'\tfilename="{attachment.name}"',
        "",
    ]
    return "\r\n".join([*lines, ""]).encode() + packed + f"--={word}--\r\n".encode()
