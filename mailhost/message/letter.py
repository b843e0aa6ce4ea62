"""A letter that the house itself writes: plain text in the language of whom it concerns.

In: the fields that differ, a subject, paragraphs. Out: a complete message in ASCII, as far as its addresses are, so
that every host on the way takes it. Sentences are written in English beside the code that says them, with names in
braces for what is put in; `Say` gives such a sentence in another language, with the same names.
"""

import quopri
import textwrap
from collections.abc import Callable, Sequence
from datetime import datetime

from mailhost.message.dates import format_date
from mailhost.message.encodedwords import encode_words

_WIDTH = 72
# What is set in is to be copied: a link or words in one piece.
SET_IN = "    "

type Say = Callable[[str], str]


def english(sentence: str) -> str:
    """The `Say` of a letter in English, and of what nobody has translated."""
    return sentence


def letter(*, sender: str, to: str, subject: str, message_id: str, now: datetime, paragraphs: Sequence[str]) -> bytes:
    """`sender` is the value of From, `to` an address."""
    body = "\r\n\r\n".join(["\r\n".join(_wrapped(paragraph)) for paragraph in paragraphs]) + "\r\n"
    encoding = "7bit" if body.isascii() else "quoted-printable"
    text = body.encode()
    if not body.isascii():
        text = quopri.encodestring(text.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    lines = [
        f"From: {sender}".encode(),
        f"To: <{to}>".encode(),
        b"Subject: " + encode_words(subject).replace(b"?= =?", b"?=\r\n =?"),
        f"Date: {format_date(now)}".encode(),
        f"Message-ID: <{message_id}>".encode(),
        # RFC 3834 §5: no autoresponder answers this.
        b"Auto-Submitted: auto-generated",
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}".encode(),
    ]
    return b"\r\n".join([*lines, b"", text])


def _wrapped(paragraph: str) -> list[str]:
    if paragraph.startswith(SET_IN):
        return [paragraph]
    return textwrap.wrap(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)
