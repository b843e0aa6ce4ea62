"""Mail for demo mailboxes: delivered by the cell's own receiving, sealed like any other, and read by nobody here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from random import Random
from typing import Final

from mailhost.wiring import posting
from mailhost.wiring.surroundings import Surroundings

_SUBJECTS: Final = (
    "The minutes of Tuesday", "Lunch?", "Your invoice", "A question about the boat", "Photographs", "Re: the roof",
    "Timetable for May", "Keys", "Reading list", "Tickets",
)  # fmt: skip
_LINES: Final = (
    "Thank you for your mail.",
    "I have attached nothing, as promised.",
    "Let us speak about it on Thursday.",
    "The ferry leaves at seven.",
    "Greetings from the harbour.",
)


def post(around: Surroundings, addresses: Sequence[str], each: int, seed: int, now: datetime) -> int:
    """So many mails to every address; how many were taken."""
    return sum(posting.post_all(around, list(_letters(addresses, each, seed, now))))


def _letters(addresses: Sequence[str], each: int, seed: int, now: datetime) -> Iterator[tuple[str, bytes]]:
    chance = Random(seed)  # noqa: S311  # believable, and the same every time; nothing secret comes of it
    for address in addresses:
        for number in range(each):
            letter = EmailMessage()
            letter["From"] = f"Someone Elsewhere <someone{number}@reader.test>"
            letter["To"] = address
            letter["Subject"] = chance.choice(_SUBJECTS)
            letter["Date"] = format_datetime(now - timedelta(hours=number))
            letter["Message-ID"] = f"<{chance.getrandbits(64):016x}@reader.test>"
            letter.set_content("\n\n".join(chance.choices(_LINES, k=chance.randrange(1, 8))))
            yield address, letter.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
