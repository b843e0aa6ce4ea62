"""Rules as values: conditions, actions, and the limits that keep every message's questions few.

A rule asks all of its conditions, or any of them, and says what is done. What may be asked of what stands in `ASKS`,
so that a form, a file and the evaluation agree. In: what somebody wrote. Out: a value in normal form (addresses and
folder names as they are stored), or `BadRule` with what to correct. Nothing is looked up: whether a policy lets a
forward leave is asked each time, when it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailhost.message.address import Address, BadAddress, normal_domain, parse_address
from mailhost.message.foldernames import BadName, check_new, normalized

# Rules of one mailbox: those of people with many lists, and all of them are asked of every message.
MAX_RULES: Final = 100
# Conditions of one rule, and actions of one rule: more is another rule.
MAX_CONDITIONS: Final = 10
MAX_ACTIONS: Final = 6
# Characters of what a condition looks for: an address has at most 254, and a subject is read by people.
MAX_VALUE: Final = 254
# Characters of the name that an owner gives a rule.
MAX_NAME: Final = 60
# Addresses that one mailbox may forward to, over all rules: each is a copy of every message it fits.
MAX_TARGETS: Final = 3
# Octets a size condition may name; no message is larger.
MAX_SIZE: Final = 1 << 30


class BadRule(ValueError):
    """It cannot be a rule; the text says what to correct."""


class About(StrEnum):
    """What a condition looks at."""

    SENDER = "sender"  # the addresses in From, and the envelope sender
    RECIPIENT = "recipient"  # the address it was sent to, and those in To and Cc
    LIST = "list"  # List-Id (RFC 2919)
    SUBJECT = "subject"
    SIZE = "size"  # octets
    ATTACHMENT = "attachment"
    JUNK = "junk"  # what this host concluded


class Asks(StrEnum):
    """How it looks."""

    IS = "is"
    DOMAIN = "domain"  # of the address: that domain or one below it
    DETAIL = "detail"  # the sub-address (RFC 5233): what stands between + and @
    CONTAINS = "contains"
    OVER = "over"
    UNDER = "under"
    YES = "yes"
    NO = "no"


ASKS: Final[Mapping[About, tuple[Asks, ...]]] = {
    About.SENDER: (Asks.IS, Asks.DOMAIN, Asks.CONTAINS),
    About.RECIPIENT: (Asks.IS, Asks.DETAIL, Asks.CONTAINS),
    About.LIST: (Asks.IS, Asks.CONTAINS),
    About.SUBJECT: (Asks.CONTAINS,),
    About.SIZE: (Asks.OVER, Asks.UNDER),
    About.ATTACHMENT: (Asks.YES, Asks.NO),
    About.JUNK: (Asks.YES,),
}
_WITHOUT_VALUE: Final = frozenset({Asks.YES, Asks.NO})


class Does(StrEnum):
    """What a rule does."""

    FOLDER = "folder"
    FLAG = "flag"
    FORWARD = "forward"
    DISCARD = "discard"  # no copy is kept here
    STOP = "stop"  # no later rule is asked


# RFC 9051 §2.3.2. Keywords are left out: a folder has room for few, and a message must not be refused for one.
FLAGS: Final = ("\\Seen", "\\Flagged")


@dataclass(frozen=True, slots=True)
class Condition:
    """One question. `value` is in normal form, "" where the question needs none; a size is in decimal digits."""

    about: About
    asks: Asks
    value: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: the name of a folder, a flag, an address; "" where nothing is to be said."""

    does: Does
    value: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that is `off` is kept and not asked. `any_of`: one condition is enough."""

    name: str
    conditions: tuple[Condition, ...]
    actions: tuple[Action, ...]
    any_of: bool = False
    off: bool = False


type Rules = tuple[Rule, ...]


def condition(about: str, asks: str, value: str = "") -> Condition:
    """A condition in normal form. Raises BadRule."""
    try:
        what, how = About(about), Asks(asks)
    except ValueError:
        raise BadRule(f"{about[:20]!r} {asks[:20]!r} is no condition; see the list of conditions") from None
    if how not in ASKS[what]:
        raise BadRule(f"{what!r} is asked with {' or '.join(ASKS[what])}, not with {how!r}")
    value = value.strip()
    if how in _WITHOUT_VALUE:
        return Condition(what, how)
    if not value:
        raise BadRule(f"{what!r} {how!r} needs something to look for")
    if len(value) > MAX_VALUE:
        raise BadRule(f"what a condition looks for has at most {MAX_VALUE} characters")
    if not value.isprintable():
        raise BadRule("what a condition looks for is one line without control characters")
    return Condition(what, how, _normal_value(what, how, value))


def _normal_value(what: About, how: Asks, value: str) -> str:
    if what is About.SIZE:
        if not (value.isascii() and value.isdigit() and 0 < int(value) <= MAX_SIZE):
            raise BadRule(f"a size is a whole number of octets from 1 to {MAX_SIZE}")
        return str(int(value))
    try:
        if how is Asks.DOMAIN:
            return normal_domain(value.removeprefix("@"))
        if how is Asks.IS and what in (About.SENDER, About.RECIPIENT):
            return parse_address(value).lookup
    except BadAddress as problem:
        raise BadRule(f"{value!r} cannot be looked for: {problem}") from None
    return value


def action(does: str, value: str = "") -> Action:
    """An action in normal form. Raises BadRule."""
    try:
        what = Does(does)
    except ValueError:
        raise BadRule(f"{does[:20]!r} is no action; there are {', '.join(Does)}") from None
    match what:
        case Does.FOLDER:
            return Action(what, folder_name(value))
        case Does.FLAG:
            return Action(what, _flag(value))
        case Does.FORWARD:
            return Action(what, str(target(value)))
        case _:
            return Action(what)


def folder_name(text: str) -> str:
    """The name of a folder as IMAP's CREATE would take it. Raises BadRule."""
    try:
        name = normalized(text.strip())
        check_new(name)
    except BadName as problem:
        raise BadRule(f"a folder cannot have this name: {problem}") from None
    return name


def target(text: str) -> Address:
    """An address to forward to. Raises BadRule."""
    try:
        return parse_address(text.strip())
    except BadAddress as problem:
        raise BadRule(f"{text.strip()[:MAX_VALUE]!r} is no address to forward to: {problem}") from None


def _flag(text: str) -> str:
    for flag in FLAGS:
        if text.strip().lower() == flag.lower():
            return flag
    raise BadRule(f"a rule sets {' or '.join(FLAGS)}, nothing else")


def rule(
    name: str,
    conditions: tuple[Condition, ...],
    actions: tuple[Action, ...],
    *,
    any_of: bool = False,
    off: bool = False,
) -> Rule:
    """A whole rule. Raises BadRule."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadRule(f"a rule has a name of 1 to {MAX_NAME} characters in one line")
    if not 1 <= len(conditions) <= MAX_CONDITIONS:
        raise BadRule(f"a rule has 1 to {MAX_CONDITIONS} conditions")
    if not 1 <= len(actions) <= MAX_ACTIONS:
        raise BadRule(f"a rule does 1 to {MAX_ACTIONS} things")
    done = [one.does for one in actions]
    if done.count(Does.FOLDER) > 1:
        raise BadRule("a message lies in one folder; name one")
    if Does.DISCARD in done and Does.FOLDER in done:
        raise BadRule("what is discarded lies in no folder; choose one of the two")
    return Rule(name, conditions, actions, any_of, off)


def checked(rules: Rules) -> Rules:
    """The rules, if there are not too many of them and of their targets. Raises BadRule."""
    if len(rules) > MAX_RULES:
        raise BadRule(f"a mailbox has at most {MAX_RULES} rules; join some of them")
    if len(targets(rules)) > MAX_TARGETS:
        raise BadRule(f"a mailbox forwards to at most {MAX_TARGETS} addresses")
    return rules


def targets(rules: Rules) -> frozenset[str]:
    """All addresses that rules forward to, those of rules that are off among them."""
    found = [one.value for each in rules for one in each.actions if one.does is Does.FORWARD]
    return frozenset(parse_address(value).lookup for value in found)
