"""What became of a message's recipients, in words for its author: the part of a notice that a person reads.

In: fates, and the author's language. Out: a subject and lines. The sentences are English with names in braces; what
another host said stands in it as it came, as one line of printable ASCII.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailhost.message.dates import format_date
from mailhost.message.letter import Say

# What a notice is called after: the first of these that is in it.
SUBJECTS: Final = {
    "failed": "Your message was not delivered",
    "delayed": "Your message is delayed",
    "relayed": "Your message was handed on",
    "delivered": "Your message was delivered",
}
_WIDTH: Final = 76
_UNPRINTABLE = re.compile(r"[^ -~]+")


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one recipient.  `action` is `failed`, `delayed`, `relayed` or `delivered` (RFC 3464 §2.3.3),
    `status` the enhanced code, `why` sentences for the author, `host` and `said` the other side's name and words where
    there was one, `reason` the code of `why`."""

    recipient: str
    action: str
    status: str
    why: str
    host: str = ""
    said: str = ""
    original: str = ""  # ORCPT as given, xtext
    reason: str = ""


def chief(fates: Sequence[Fate]) -> str:
    """The action that a notice is about: of several recipients, what the author must act on."""
    return next((one for one in SUBJECTS if any(fate.action == one for fate in fates)), "delayed")


def for_people(fates: Sequence[Fate], hostname: str, gives_up: datetime | None, say: Say) -> list[str]:
    """The lines of the notice."""
    lines = [say("This is the mail system of {hostname}.").format(hostname=hostname), ""]
    for paragraph in _opening(chief(fates), gives_up, say):
        lines += [*textwrap.wrap(paragraph, _WIDTH), ""]
    # Failures first: of several recipients they are what the author must act on.
    for fate in sorted(fates, key=lambda fate: list(SUBJECTS).index(fate.action)):
        why = textwrap.wrap(say(fate.why), _WIDTH, initial_indent="    ", subsequent_indent="    ")
        lines += [f"  {fate.recipient}", *why]
        if fate.said:
            lines.append(f"    {_answered(fate, say)}")
        lines.append("")
    return lines


def _opening(action: str, gives_up: datetime | None, say: Say) -> list[str]:
    match action:
        case "failed":
            return [say("Your message could not be delivered to:")]
        case "delayed" if gives_up is not None:
            again = say("Your message has not been delivered yet. You need do nothing: it is tried again until {day}.")
            return [again.format(day=format_date(gives_up)), say("It still waits for:")]
        case "delayed":
            again = say("Your message has not been delivered yet. You need do nothing: it is tried again.")
            return [again, say("It still waits for:")]
        case _:
            return [say("You asked to be told (NOTIFY=SUCCESS):")]


def _answered(fate: Fate, say: Say) -> str:
    if host := clean(fate.host):
        return say("What {host} answered: {said}").format(host=host, said=clean(fate.said))
    return say("What the other host answered: {said}").format(said=clean(fate.said))


def clean(text: str) -> str:
    """Words of other hosts as one line of printable ASCII."""
    return _UNPRINTABLE.sub("?", text)
