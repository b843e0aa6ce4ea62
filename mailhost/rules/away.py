"""The answer of somebody who is away: what it says, and when this host keeps silent (RFC 3834 §2).

In: the wish of an owner, and what arrived: its envelope sender, its header, the addresses under which the owner is
reached. Out: a reason to keep silent, or `ANSWER`. The rule behind all of them: a program answers a person who wrote to
this very owner, and nothing else. Programs that answer programs fill the world with mail, an answer to a list goes to
thousands, and an answer to junk tells its sender that somebody lives here.

Who was answered lately is asked elsewhere (`wishes.answering`), by a keyed hash.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.addresslist import mailboxes, parse_address_list
from mailhost.message.headers import Headers
from mailhost.rules.rule import BadRule

# Characters of the answer: a page, and nothing that somebody on a telephone would have to scroll for long.
MAX_TEXT: Final = 4000
# Characters of a subject of one's own; one line that people read.
MAX_SUBJECT: Final = 200
# RFC 3834 §2: days between two answers to one correspondent; seven are the usual.
USUAL_DAYS: Final = 7
MAX_DAYS: Final = 60
# Addresses of one header field that are looked through for the owner's.
MAX_ADDRESSES: Final = 500

# Fields that only mailing lists write (RFC 2369 §3, RFC 2919 §3).
_LIST_FIELDS: Final = frozenset(
    {b"list-id", b"list-unsubscribe", b"list-post", b"list-help", b"list-subscribe", b"list-owner", b"list-archive"}
)
_ADDRESSED: Final = (b"to", b"cc", b"resent-to", b"resent-cc")
# RFC 3834 §2, and what programs call themselves that do not follow it.
_PROGRAMS: Final = ("mailer-daemon", "listserv", "majordomo", "noreply", "no-reply", "donotreply", "do-not-reply")


class Why(StrEnum):
    """Why there is no answer, or that there is one; the value is also the label of a metric."""

    ANSWER = "answer"
    NOT_NOW = "not_now"
    NO_SENDER = "no_sender"
    FROM_ITSELF = "from_itself"
    BY_A_PROGRAM = "by_a_program"
    FROM_A_LIST = "from_a_list"
    NOT_ADDRESSED = "not_addressed"
    JUNK = "junk"


@dataclass(frozen=True, slots=True)
class Away:
    """An answer, and the days on which it is given, the last one included; None is without end. Days are those of UTC.

    `subject` "" stands for "Auto: " and the subject of what is answered (RFC 3834 §3.1.5).
    """

    text: str
    subject: str = ""
    since: date | None = None
    until: date | None = None
    days: int = USUAL_DAYS
    off: bool = False

    def is_on(self, today: date) -> bool:
        """Whether it is given on that day."""
        begun = self.since is None or self.since <= today
        return not self.off and begun and (self.until is None or today <= self.until)


def away(
    text: str,
    *,
    subject: str = "",
    since: date | None = None,
    until: date | None = None,
    days: int = USUAL_DAYS,
    off: bool = False,
) -> Away:
    """The wish in normal form. Raises BadRule."""
    text = "\n".join(text.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n"))
    if not text.strip() or len(text) > MAX_TEXT:
        raise BadRule(f"an answer has 1 to {MAX_TEXT} characters")
    if any(not (char.isprintable() or char in "\n\t") for char in text):
        raise BadRule("an answer has no control characters")
    subject = subject.strip()
    if len(subject) > MAX_SUBJECT or not subject.isprintable():
        raise BadRule(f"a subject is one line of at most {MAX_SUBJECT} characters")
    if not 1 <= days <= MAX_DAYS:
        raise BadRule(f"between two answers to one person are 1 to {MAX_DAYS} days")
    if since is not None and until is not None and until < since:
        raise BadRule("the last day is before the first")
    return Away(text, subject, since, until, days, off)


def write(wish: Away) -> dict[str, Any]:
    """The JSON object of this wish."""
    found: dict[str, Any] = {"text": wish.text, "days": wish.days}
    if wish.subject:
        found["subject"] = wish.subject
    for word, day in (("since", wish.since), ("until", wish.until)):
        if day is not None:
            found[word] = day.isoformat()
    return found | ({"off": True} if wish.off else {})


def read(found: Any) -> Away:
    """A wish from its JSON object. Raises BadRule."""
    words = {"text", "days", "subject", "since", "until", "off"}
    if not isinstance(found, Mapping) or found.keys() - words:
        raise BadRule(f"an answer is an object with {', '.join(sorted(words))}")
    days, off = found.get("days", USUAL_DAYS), found.get("off", False)
    texts = [found.get("text"), found.get("subject", "")]
    if not isinstance(days, int) or isinstance(days, bool) or not isinstance(off, bool):
        raise BadRule("days is a number, off is true or false")
    if not all(isinstance(one, str) for one in texts):
        raise BadRule("text and subject are texts")
    since, until = (_day(found.get(word)) for word in ("since", "until"))
    return away(str(texts[0]), subject=str(texts[1]), since=since, until=until, days=days, off=off)


def _day(text: Any) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadRule("a day is written as 2027-03-14") from None


def edition(wish: Away) -> str:
    """Another text for every other wish: who has seen one answer may see the next."""
    return json.dumps(write(wish), sort_keys=True)


def answers(
    wish: Away, sender: Address | None, headers: Headers, own: Collection[str], *, junk: bool, today: date
) -> Why:
    """Whether the message is answered. `own` are addresses of the owner in look-up form."""
    if not wish.is_on(today):
        return Why.NOT_NOW
    # RFC 3834 §2 and RFC 5321 §4.5.5: nothing is ever answered that came with the null sender.
    if sender is None:
        return Why.NO_SENDER
    if junk:
        return Why.JUNK
    if sender.lookup in own or sender.split()[0].lookup in own:
        return Why.FROM_ITSELF
    if _by_a_program(sender, headers):
        return Why.BY_A_PROGRAM
    if _from_a_list(sender, headers):
        return Why.FROM_A_LIST
    # RFC 3834 §2: only who is named in a field for recipients was written to, and not a list or an alias of many.
    return Why.ANSWER if _addressed(headers, own) else Why.NOT_ADDRESSED


def _by_a_program(sender: Address, headers: Headers) -> bool:
    # RFC 3834 §5: everything but "no" says that no person wrote this.
    submitted = (headers.first(b"auto-submitted") or b"no").lower().partition(b";")[0].strip()
    content = (headers.first(b"content-type") or b"").lower().lstrip()
    local = sender.local.lower()
    return (
        submitted != b"no"
        or content.startswith(b"multipart/report")
        or headers.has_any({b"x-auto-response-suppress"})
        or any(local == name or local.startswith((f"{name}+", f"{name}-", f"{name}=")) for name in _PROGRAMS)
    )


def _from_a_list(sender: Address, headers: Headers) -> bool:
    precedence = (headers.first(b"precedence") or b"").lower().strip()
    local = sender.local.lower()
    return (
        headers.has_any(_LIST_FIELDS)
        or precedence in {b"list", b"bulk", b"junk"}
        # RFC 3834 §2: names that lists send under.
        or local.startswith("owner-")
        or local.endswith(("-request", "-owner", "-bounces", "-bounce"))
    )


def _addressed(headers: Headers, own: Collection[str]) -> bool:
    for field in _ADDRESSED:
        value = headers.joined(field)
        if value is None:
            continue
        for one in mailboxes(parse_address_list(value)[:MAX_ADDRESSES])[:MAX_ADDRESSES]:
            try:
                found = parse_address(one.address)
            except BadAddress:
                continue
            if found.lookup in own or found.split()[0].lookup in own:
                return True
    return False
