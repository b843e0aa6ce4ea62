"""The letters about a secure link: the note to its reader; to its author the words, and that it lapsed unread.

In: who, where, until when, and the author's language. Out: a complete message. The note says nothing of the message
that waits, not even its subject: it lies with the host that must not read it. It does say who wrote, since a note from
nobody would be taken for what thieves send; and it says how to see that it is none, because thieves send such notes
too. Its reader may not know the author's language, so English stands below it.

The letter to the author holds the words that open the link. It is for the author's own mailbox, where it is sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from mailhost.message.charsets import visible
from mailhost.message.letter import SET_IN, Say, english
from mailhost.message.letter import letter as written

# An organisation's name is its own choice: what stands in others' mail is one short line.
MAX_NAME = 120
MAX_SUBJECT = 200
_BETWEEN = "* * *"


@dataclass(frozen=True, slots=True, repr=False)
class Told:
    """One reader of a message, and what the author tells them."""

    reader: str
    reference: str
    words: str


@dataclass(frozen=True, slots=True, repr=False)
class Invitation:
    """What a note says: `address` is the link, `host` how every link of this cell begins."""

    author: str
    organisation: str
    address: str
    host: str
    reference: str
    last_day: date


def note(invitation: Invitation, *, to: str, message_id: str, now: datetime, say: Say) -> bytes:
    """What a reader gets."""
    paragraphs = _invited(invitation, say)
    if paragraphs != (below := _invited(invitation, english)):
        paragraphs = [*paragraphs, _BETWEEN, *below]
    return written(
        sender=f"<{invitation.author}>",
        to=to,
        subject=say("{author} has a message for you").format(author=invitation.author),
        message_id=message_id,
        now=now,
        paragraphs=paragraphs,
    )


def _invited(about: Invitation, say: Say) -> list[str]:
    of_whom = visible(about.organisation)[:MAX_NAME]
    author = about.author
    return [
        say(
            "{author} has written you a message. It is not in this mail: where your mail lies, others may be made to"
            " read it, so the message stays with its author's mail host. You read and answer it there:"
        ).format(author=f"{author} ({of_whom})" if of_whom else author),
        f"{SET_IN}{about.address}",
        say(
            "The page asks for seven words. They come from {author} by another way, a telephone call for instance. If"
            " they have not reached you, ask for them, and never let them be sent to you by mail."
        ).format(author=author),
        say(
            "This is no trick, and here is how to see it: the link begins with {host}/l/ and nothing else stands"
            " before that; the page asks for those seven words and for nothing of yours, no password and no number;"
            " and {author} knows of it, whom you can call on a number that you had before."
        ).format(host=about.host, author=author),
        say("The link is called {reference} and opens until {day}. If you do not want it, do nothing.").format(
            reference=about.reference, day=about.last_day.isoformat()
        ),
    ]


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
    say: Say,
) -> bytes:
    """What the author gets; `why` are sentences, `page` is where links are ended early."""
    lies = say("It lies here, sealed, and each reader below gets a mail with a link to it and without a word of it.")
    paragraphs = [
        f"{_not_sent(visible(subject)[:MAX_SUBJECT], say)} {say(why)} {lies}",
        say(
            "Tell each reader their seven words: on the telephone, in person, by a messenger you both trust. Do not"
            " mail them: whoever reads that mailbox would read your message too."
        ),
    ]
    for one in readers:
        paragraphs += [
            say("For {reader}, link {reference}:").format(reader=one.reader, reference=one.reference),
            f"{SET_IN}{one.words}",
        ]
    paragraphs += [
        say(
            "Only this letter has the words. This host made them, sealed them for you, and has forgotten them; if the"
            " letter is lost, send the message again."
        ),
        say(
            "Each link opens until {day}; then the message is removed. You see how often it was opened, and can end"
            " it at once, on this page:"
        ).format(day=last_day.isoformat()),
        f"{SET_IN}{page}",
    ]
    if answers:
        paragraphs.append(
            say("An answer that is written on the page comes into this mailbox, sealed like all your mail.")
        )
    return written(
        sender=f"Mail delivery <postmaster@{domain}>",
        to=to,
        subject=_subject_of(readers, say),
        message_id=message_id,
        now=now,
        paragraphs=paragraphs,
    )


def _not_sent(subject: str, say: Say) -> str:
    if not subject:
        return say("Your message without a subject was not sent as mail.")
    return say('Your message "{subject}" was not sent as mail.').format(subject=subject)


def _subject_of(readers: Sequence[Told], say: Say) -> str:
    if len(readers) == 1:
        return say("Seven words for {reader}").format(reader=readers[0].reader)
    return say("Seven words for each of {number} readers").format(number=len(readers))


def lapsed(
    *, to: str, domain: str, message_id: str, now: datetime, reference: str, made: date, last_day: date, say: Say
) -> bytes:
    """What the author gets when a link has ended and nobody opened it. Who its reader was, only the author knows."""
    return written(
        sender=f"Mail delivery <postmaster@{domain}>",
        to=to,
        subject=say("Nobody opened link {reference}").format(reference=reference),
        message_id=message_id,
        now=now,
        paragraphs=[
            say(
                "The link {reference} was made on {made} for a message of yours. It ended on {day}, nobody had opened"
                " it, and the message that lay behind it is removed from this host."
            ).format(reference=reference, made=made.isoformat(), day=last_day.isoformat()),
            say(
                "This host does not know who its reader was: your letter with the words of link {reference} says it."
                " To reach them after all, send the message again and tell them the new words."
            ).format(reference=reference),
        ],
    )
