"""One message, all rules: what is done with it, each thing with its reason.

In: a `Letter`, which is what conditions may look at, and the rules in their order. Out: a `Plan`. Three things that
are not obvious:

* Mail that this host takes for junk is shown to those rules only that ask for junk. A forged sender must not open
  a door that its owner made for somebody.
* Junk is never forwarded: this host would lend its good name to it.
* The first folder stands. A later rule may add flags and forwards, and may not move the message again.

Texts are compared without case. Every look is one search in one short text, so the work is bounded by the limits of
`rule` and of the header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mailhost.message.address import BadAddress, parse_address
from mailhost.rules.rule import About, Action, Asks, Condition, Does, Rule, Rules


@dataclass(frozen=True, slots=True)
class Letter:
    """What conditions may look at. Addresses are in look-up form where they are addresses at all.

    `reached` is the address it was sent to. `attachments`: whether there are any; asked for only where a rule asks.
    """

    senders: tuple[str, ...] = ()
    reached: str = ""
    recipients: tuple[str, ...] = ()  # in To and Cc
    list_id: str = ""
    subject: str = ""
    size: int = 0
    attachments: bool = False
    junk: bool = False


class Why(StrEnum):
    """What became of one action; the value is also the label of a metric."""

    DONE = "done"
    FOLDER_CHOSEN = "folder_chosen"  # by an earlier rule
    JUNK_STAYS = "junk_stays"  # junk is not forwarded
    TWICE = "twice"  # an earlier rule forwards there already


@dataclass(frozen=True, slots=True)
class Step:
    """An action of a rule that fits, and what became of it. `rule` counts from 1."""

    rule: int
    action: Action
    why: Why


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with one message in one mailbox. `folder` "" is the usual one."""

    folder: str = ""
    flags: tuple[str, ...] = ()
    forwards: tuple[str, ...] = ()
    discard: bool = False
    steps: tuple[Step, ...] = ()


NO_PLAN: Final = Plan()
# By mailbox: where nobody has rules.
NO_PLANS: Final[Mapping[int, Plan]] = MappingProxyType({})


@dataclass(slots=True)
class _Course:
    """A plan that is being made."""

    junk: bool
    folder: str = ""
    flags: list[str] = field(default_factory=list)
    forwards: list[str] = field(default_factory=list)
    discard: bool = False
    steps: list[Step] = field(default_factory=list)

    def take(self, number: int, action: Action) -> None:
        """Do one action, or say why not."""
        self.steps.append(Step(number, action, self._done(action)))

    def plan(self) -> Plan:
        """The whole. What was to be forwarded instead of kept is kept where it is not forwarded."""
        stays = not self.forwards and any(step.why is Why.JUNK_STAYS for step in self.steps)
        discard = self.discard and not stays
        return Plan(self.folder, tuple(self.flags), tuple(self.forwards), discard, tuple(self.steps))

    def _done(self, action: Action) -> Why:
        match action.does:
            case Does.FOLDER if self.folder:
                return Why.FOLDER_CHOSEN
            case Does.FOLDER:
                self.folder = action.value
            case Does.FLAG if action.value not in self.flags:
                self.flags.append(action.value)
            case Does.FORWARD if self.junk:
                return Why.JUNK_STAYS
            case Does.FORWARD if action.value in self.forwards:
                return Why.TWICE
            case Does.FORWARD:
                self.forwards.append(action.value)
            case Does.DISCARD:
                self.discard = True
            case _:
                pass
        return Why.DONE


def plan(rules: Rules, letter: Letter) -> Plan:
    """What the rules say about the message."""
    course = _Course(letter.junk)
    for number, each in enumerate(rules, 1):
        if each.off or not fits(each, letter):
            continue
        for action in each.actions:
            course.take(number, action)
        if any(action.does is Does.STOP for action in each.actions):
            break
    if not course.steps:
        return NO_PLAN
    return course.plan()


def fits(rule: Rule, letter: Letter) -> bool:
    """Whether a rule is about this message."""
    if letter.junk and not any(one.about is About.JUNK for one in rule.conditions):
        return False
    answers = (_holds(one, letter) for one in rule.conditions)
    return any(answers) if rule.any_of else all(answers)


def asks_for_attachments(rules: Rules) -> bool:
    """Whether any rule wants to know whether there are attachments: to find out, the whole message is read."""
    return any(one.about is About.ATTACHMENT for each in rules if not each.off for one in each.conditions)


def _holds(one: Condition, letter: Letter) -> bool:
    match one.about:
        case About.SENDER:
            return any(_address_holds(one, address) for address in letter.senders)
        case About.RECIPIENT if one.asks is Asks.DETAIL:
            return _detail(letter.reached) == one.value.casefold()
        case About.RECIPIENT:
            return any(_address_holds(one, address) for address in (letter.reached, *letter.recipients))
        case About.LIST if one.asks is Asks.IS:
            return letter.list_id.casefold() == one.value.casefold()
        case About.LIST:
            return one.value.casefold() in letter.list_id.casefold()
        case About.SUBJECT:
            return one.value.casefold() in letter.subject.casefold()
        case About.SIZE:
            return letter.size > int(one.value) if one.asks is Asks.OVER else letter.size < int(one.value)
        case About.ATTACHMENT:
            return letter.attachments is (one.asks is Asks.YES)
        case About.JUNK:
            return letter.junk


def _address_holds(one: Condition, address: str) -> bool:
    if one.asks is Asks.IS:
        return address.casefold() == one.value.casefold()
    if one.asks is Asks.DOMAIN:
        domain = address.rpartition("@")[2].casefold()
        return domain == one.value or domain.endswith(f".{one.value}")
    return one.value.casefold() in address.casefold()


def _detail(address: str) -> str | None:
    try:
        detail = parse_address(address).split()[1]
    except BadAddress:
        return None
    return None if detail is None else detail.casefold()
