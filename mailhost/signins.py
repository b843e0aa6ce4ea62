"""What an owner learns of sign-ins to their mailbox: a note, sealed to the mailbox's own key the moment it is made.

A note says when, with what kind of program, from which country, how it went, and how many attempts had failed before.
The host keeps sealed notes and counts them; only the owner's keys open one. No address of a client is in it: the
country was looked up in a table on this machine and the address forgotten. A note is a sealed message like mail, so
whatever opens mail opens it. Times inside are exact, because only the owner reads them; the row beside it has a day.

Pure: the recipient, the moment and the country come in, an age file comes out.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mailhost.seal.identity import HybridRecipient
from mailhost.seal.sealed import seal
from mailhost.seal.summary import Summary

KEPT: Final = 100  # notes of a mailbox: some months of one browser and two programs
# A program that signs in again and again is noted once in this time, for each country it comes from.
AGAIN_AFTER: Final = timedelta(hours=6)
PADDED: Final = 192  # octets of the text before compression: what is sealed hardly differs in length
_PLACE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ?")


class Program(StrEnum):
    """What signed in."""

    BROWSER = "browser"
    SEALED = "imap-sealed"
    SESSION = "imap-session"
    SENDING = "submission"


class Result(StrEnum):
    """How it went."""

    IN = "in"
    WRONG_FACTOR = "wrong-factor"  # the password was right: somebody else may know it
    RECOVERED = "recovered"  # a new password by the 24 words


@dataclass(frozen=True, slots=True)
class Note:
    """One sign-in. `country` is a code, empty where it is not known or this machine itself."""

    at: datetime
    program: Program
    result: Result
    country: str = ""
    failures: int = 0  # wrong passwords under this name since the last sign-in


def sealed(note: Note, recipient: str) -> bytes:
    """The note as an age file to `age1pq1…`. Raises ValueError for what is no recipient."""
    country = note.country if len(note.country) == 2 and set(note.country) <= _PLACE else ""
    values = asdict(note) | {"at": note.at.isoformat(timespec="seconds"), "country": country}
    text = json.dumps(values, sort_keys=True).ljust(PADDED).encode()
    made = seal(HybridRecipient.from_text(recipient), text, Summary(size=len(text), internaldate=0))
    return made.header + made.payload
