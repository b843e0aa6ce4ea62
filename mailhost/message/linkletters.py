"""The two letters about a secure link: the note to its reader, and the words to its author.

In: who, where, until when. Out: a complete message. The note says nothing of the message that waits, not even its
subject: it lies with the host that must not read it. It does say who wrote, since a note from nobody would be taken
for what thieves send; and it says how to see that it is none, because thieves send such notes too.

The letter to the author holds the words that open the link. It is for the author's own mailbox, where it is sealed.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from mailhost.message.charsets import visible
from mailhost.message.dates import format_date

_WIDTH = 72
# An organisation's name is its own choice: what stands in others' mail is one short line.
MAX_NAME = 120
MAX_SUBJECT = 200


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """One reader of a message, and what the author tells them."""

    reader: str
    reference: str
    words: str


def note(
    *,
    to: str,
    author: str,
    organisation: str,
    message_id: str,
    now: datetime,
    address: str,
    host: str,
    reference: str,
    last_day: date,
) -> bytes:
    """What a reader gets: `address` is the link, `host` how every link of this cell begins."""
    of_whom = visible(organisation)[:MAX_NAME]
    whose = f"{author} ({of_whom})" if of_whom else author
    paragraphs = (
        (
            f"{whose} has written you a message. It is not in this mail: where your mail lies, others may be made to"
            " read it, so the message stays with its author's mail host. You read and answer it there:"
        ),
        f"    {address}",
        (
            f"The page asks for seven words. They come from {author} by another way, a telephone call for instance. If"
            " they have not reached you, ask for them, and never let them be sent to you by mail."
        ),
        (
            f"This is no trick, and here is how to see it: the link begins with {host}/l/ and nothing else stands"
            " before that; the page asks for those seven words and for nothing of yours, no password and no number;"
            f" and {author} knows of it, whom you can call on a number that you had before."
        ),
        f"The link is called {reference} and opens until {last_day.isoformat()}. If you do not want it, do nothing.",
    )
    return _message(
        (f"From: <{author}>", f"To: <{to}>", f"Subject: {author} has a message for you"), message_id, now, paragraphs
    )


def letter(
    *,
    to: str,
    domain: str,
    message_id: str,
    now: datetime,
    subject: str,
    readers: Sequence[Told],
    last_day: date,
    answers: bool,
    page: str,
    why: str,
) -> bytes:
    """What the author gets; `why` are sentences, `page` is where links are ended early."""
    of_what = f'"{visible(subject)[:MAX_SUBJECT]}"' if visible(subject) else "without a subject"
    paragraphs = [
        (
            f"Your message {of_what} was not sent as mail. {why} It lies here, sealed, and each reader below gets a"
            " mail with a link to it and without a word of it."
        ),
        (
            "Tell each reader their seven words: on the telephone, in person, by a messenger you both trust. Do not"
            " mail them: whoever reads that mailbox would read your message too."
        ),
    ]
    for one in readers:
        paragraphs += [f"For {one.reader}, link {one.reference}:", f"    {one.words}"]
    paragraphs += [
        (
            "Only this letter has the words. This host made them, sealed them for you, and has forgotten them; if the"
            " letter is lost, send the message again."
        ),
        (
            f"Each link opens until {last_day.isoformat()}; then the message is removed. You see how often it was"
            " opened, and can end it at once, on this page:"
        ),
        f"    {page}",
    ]
    if answers:
        paragraphs.append("An answer that is written on the page comes into this mailbox, sealed like all your mail.")
    headers = (f"From: Mail delivery <postmaster@{domain}>", f"To: <{to}>", f"Subject: {_subject_of(readers)}")
    return _message(headers, message_id, now, paragraphs)


def _subject_of(readers: Sequence[Told]) -> str:
    return (
        f"Seven words for {readers[0].reader}"
        if len(readers) == 1
        else f"Seven words for each of {len(readers)} readers"
    )


def _message(headers: Sequence[str], message_id: str, now: datetime, paragraphs: Sequence[str]) -> bytes:
    lines = [
        *headers,
        f"Date: {format_date(now)}",
        f"Message-ID: <{message_id}>",
        # RFC 3834 §5: no autoresponder answers this.
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
    ]
    for paragraph in paragraphs:
        lines += ["", *_wrapped(paragraph)]
    return "\r\n".join([*lines, ""]).encode()


def _wrapped(paragraph: str) -> list[str]:
    # What is set in is to be copied: a link or words in one piece.
    if paragraph.startswith("    "):
        return [paragraph]
    return textwrap.wrap(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)
